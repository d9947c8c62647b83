"""The compiled kernels themselves. These files (but ``sizes``) import numba; they are imported when a
kernel is compiled."""
