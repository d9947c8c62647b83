"""Compile the CPU kernels of the extra ``fast`` ahead: ``python -m nnlite.warmup``.

They are compiled at first use otherwise, which holds up the first step of a first run by some seconds. Here they are
compiled by as many processes as there are processors. What is compiled is kept for later runs, beside nnlite or, where
that cannot be written, in the user's cache folder (NUMBA_CACHE_DIR sets another one).
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor

from .backends.numpy.first_use import announce, available

__all__ = ["main"]


def main() -> int:
    """Compile all kernels and say how long it took; the exit status."""
    if not available():
        print('no compiled kernels to prepare: install numba (pip install "nnlite-framework[fast]"), and do not set '
              "NNLITE_COMPILED=0")  # fmt: skip
        return 1
    from .backends.numpy.compiled import FILES, warm_up

    start = time.perf_counter()
    print("nnlite: compiling kernels for this processor", flush=True)
    # Threads do not help: numba holds the interpreter's lock. Started anew, since forks of a process with threads hang.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(FILES)), fresh, _quiet) as processes:
        list(processes.map(warm_up, FILES))
    print(f"nnlite: compiled kernels are ready ({time.perf_counter() - start:.1f} s)")
    return 0


def _quiet() -> None:
    """The line about compiling has been printed."""
    announce.made = True


if __name__ == "__main__":
    raise SystemExit(main())
