"""Sorting, ranks, distinct elements and counts."""
