"""Normalisation by the statistics of a batch or of each example."""
