"""Convolution, its transpose, and windows as columns."""
