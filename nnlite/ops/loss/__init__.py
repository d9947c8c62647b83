"""Losses, and what they share: reductions and checks."""
