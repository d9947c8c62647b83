"""Pooling over windows: the largest number, the mean, a norm; windows that slide, that divide, or that are drawn."""
