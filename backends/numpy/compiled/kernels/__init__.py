"""The compiled kernels themselves. These files import numba; they are imported when a kernel first runs."""
