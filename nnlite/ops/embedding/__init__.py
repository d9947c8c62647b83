"""Rows of a table by number: one at a time, or added up in bags."""
