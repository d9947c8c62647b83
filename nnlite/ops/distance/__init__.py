"""Distances and similarities of vectors and of sets of points."""
