"""Arithmetic, comparisons, rounding, formulas of one number each, and complex numbers."""
