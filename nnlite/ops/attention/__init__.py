"""Scaled dot-product attention, and attention with several heads."""
