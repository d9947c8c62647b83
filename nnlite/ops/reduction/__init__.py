"""Sums, means, extremes, norms and other results of many numbers; running results; histograms."""
