"""Compile the CPU kernels of the extra ``fast`` ahead: ``python -m nnlite.warmup``.

They are compiled at first use otherwise, which holds up the first step of a first run by some seconds. What is compiled
is kept for later runs, beside nnlite or, where that cannot be written, in the user's cache folder (NUMBA_CACHE_DIR sets
another one).
"""

from __future__ import annotations

import time

from .backends.numpy.first_use import available

__all__ = ["main"]


def main() -> int:
    """Compile all kernels and say how long it took; the exit status."""
    if not available():
        print('no compiled kernels to prepare: install numba (pip install "nnlite-framework[fast]"), and do not set '
              "NNLITE_COMPILED=0")  # fmt: skip
        return 1
    from .backends.numpy.compiled import warm_up

    start = time.perf_counter()
    warm_up()
    print(f"nnlite: compiled kernels are ready ({time.perf_counter() - start:.1f} s)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
