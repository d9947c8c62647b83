"""Freed memory stays with the process, so that the arrays of the next step need not be asked of the system.

Each page that the system gives is cleared and mapped when it is first touched, which takes longer than what a small
operation does with it: without this a step of a small GPT takes a third more time. A pool of arrays cannot help, since
NumPy asks malloc for the memory of its results. So it is malloc that is told: glibc gives large pieces back to the
system as soon as they are free, unless it is told a limit. The peak does not change, what is held after it does.

``NNLITE_KEEP_MEMORY`` is the limit in megabytes (2047 unless set; 0 leaves malloc as it is). malloc's own variables
(``MALLOC_TRIM_THRESHOLD_`` and ``MALLOC_MMAP_THRESHOLD_``, or ``GLIBC_TUNABLES``) go before it. Other C libraries are
left as they are.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

from ..release import on_low_memory

VARIABLE = "NNLITE_KEEP_MEMORY"
_MOST = 2047
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 32 << 20
"""Larger pieces always come from the system: glibc allows no higher threshold."""

_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Information(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


@functools.cache
def _library() -> Any:
    """The C library, if it is glibc."""
    try:
        library = ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows
        return None
    return library if hasattr(library, "malloc_trim") and hasattr(library, "mallopt") else None


def limit() -> int:
    """How many bytes of free memory stay with the process; 0 where malloc is left as it is."""
    if any(name in os.environ for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")):
        return 0
    text = os.environ.get(VARIABLE, str(_MOST))
    try:
        return min(max(int(text), 0), _MOST) << 20
    except ValueError:
        raise ValueError(f"{VARIABLE}: expected a number of megabytes, got {text!r}") from None


def keep() -> bool:
    """Let malloc keep what is freed, up to `limit`; False where it cannot be told or is not to be."""
    size, library = limit(), _library()
    if not size or library is None:
        return False
    return bool(library.mallopt(_TRIM_THRESHOLD, size) and library.mallopt(_MMAP_THRESHOLD, _LARGEST))


def statistics() -> dict[str, int] | None:
    """Bytes that malloc holds (``reserved``), those in use (``allocated``) and those free; None without glibc 2.33."""
    ask = getattr(_library(), "mallinfo2", None)
    if ask is None:
        return None
    ask.restype = _Information
    found = ask()
    used, mapped = found.uordblks, found.hblkhd
    return {"reserved": found.arena + mapped, "allocated": used + mapped, "free": found.fordblks}


@on_low_memory
def give_back() -> None:
    """Free memory goes back to the system."""
    library = _library()
    if library is not None:
        library.malloc_trim(0)
