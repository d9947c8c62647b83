"""What a backend has to offer: the differences between array libraries, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from .capture import Capture

_NOTHING = nullcontext()


class DeviceUnavailableError(RuntimeError):
    """A device was asked for that this machine does not have. The message says what is missing and what to install."""


class Backend:
    """One array library on one kind of device.

    A subclass sets the class attributes and overrides the methods whose default does not fit. Everything that is the
    same on all devices (shapes, promotion, gradients, layers) is written once, above this class.
    """

    name: str
    """The device type: ``cpu``, ``cuda``, ``strict``."""

    array_type: type
    """The class of the arrays; an array's class decides which backend handles it."""

    xp: Any
    """The array namespace. NumPy's functions under NumPy's names, and in addition:

    ``as_strided(x, shape, strides)``
        a view with these strides in bytes.
    ``scatter_add(x, index, values)``
        ``x[index] += values`` in place, where repeated positions add up.
    ``set_at(x, index, values)``
        not needed: ``x[index] = values``, where the library has a faster way.
    ``erf(x)``
        the error function.
    ``random_bits(seed, counter, n, like)``
        ``n`` words of 32 random bits (Philox 4x64-10 of key ``seed`` from block ``counter`` on) on the device of
        ``like`` (an array or None for the current device); the same words on every device.
    ``add_product(out, a, b)``
        ``out += a @ b`` of matrices in one pass, where ``adds_products`` says so.
    ``constant(host)``
        not needed: a small NumPy array on the device, kept for the next time; nobody writes to it.
    ``cache_bytes``
        not needed: the size of temporary arrays that stay in the processor's cache, for operations that go through
        large arrays in blocks. Without it the blocks are as large as memory allows.
    ``each_block(size, body)``
        not needed: calls ``body(part)`` for slices that cover ``size`` elements, in several threads.
    ``share(items, body)``
        not needed: calls ``body(start, stop)`` for ranges that cover ``items``, each in a thread of its own.
    """

    has_indices: bool = False
    """Whether there can be several devices of this type (``cuda:0``, ``cuda:1``)."""

    has_streams: bool = False
    """Whether work can be queued in several streams that run side by side; see ``cupy`` for the methods."""

    checks_indices: bool = True
    """Whether the array library raises IndexError for an index out of range (CuPy wraps it silently)."""

    adds_products: bool = False
    """Whether ``xp.add_product`` is there: a product that adds to what its array holds."""

    draws_again: bool = False
    """Whether random numbers that are needed a second time are drawn again: a GPU has them as fast as it could read
    what was kept, and needs no memory for it."""

    def unavailable_reason(self) -> str | None:
        """What is missing, and what to install, where the device cannot be used; None where it can."""
        return None

    def device_count(self) -> int:
        """How many devices of this type there are."""
        return 0 if self.unavailable_reason() else 1

    def index_of(self, array: Any) -> int | None:
        """The index of the device that holds ``array`` (None for a device type without indices)."""
        return None

    def current_index(self) -> int | None:
        """The index of the device that a bare device name means."""
        return None

    def use(self, index: int | None) -> AbstractContextManager[Any]:
        """A context in which new arrays are made on device ``index``."""
        return _NOTHING

    def from_host(self, array: np.ndarray, index: int | None = None) -> Any:
        """A new array on the device with the values of a NumPy array. Always a copy."""
        raise NotImplementedError

    def from_host_async(self, array: np.ndarray, index: int | None = None) -> Any:
        """As ``from_host``; pinned memory may be read after the return, so it must not be changed until the copy is
        done."""
        return self.from_host(array, index)

    def is_pinned(self, array: np.ndarray) -> bool:
        """Whether the memory of a NumPy array is pinned: whether the device can read it on its own."""
        return False

    def to_host(self, array: Any) -> np.ndarray:
        """The values of ``array`` as a NumPy array. A copy unless the device is the CPU. Waits for the device."""
        raise NotImplementedError

    def to_index(self, array: Any, index: int | None) -> Any:
        """``array`` on another device of the same type."""
        return array

    def to_scalar(self, array: Any) -> Any:
        """The value of a one-element array as a Python number. Waits for the device."""
        return self.to_host(array).item()

    def synchronize(self, index: int | None = None) -> None:
        """Wait until all work given to the device is done."""

    def device_name(self, index: int | None = None) -> str:
        """The name of the device as its maker gives it."""
        return self.name

    def memory_allocated(self, index: int | None = None) -> int:
        """Bytes that arrays hold on the device."""
        return 0

    def memory_reserved(self, index: int | None = None) -> int:
        """Bytes that the memory pool has taken from the device."""
        return self.memory_allocated(index)

    def memory_info(self, index: int | None = None) -> tuple[int, int]:
        """Free and total bytes of the device."""
        raise NotImplementedError(f"the {self.name} backend does not tell its free memory")

    def memory_stats(self, index: int | None = None) -> dict[str, int]:
        """PyTorch's figures of the memory, as many as are known, by PyTorch's names."""
        return {}

    def reset_peak_memory(self, index: int | None = None) -> None:
        """Let the peaks in ``memory_stats`` begin anew."""

    def reset_counted_memory(self, index: int | None = None) -> None:
        """Let what is added up in ``memory_stats`` begin anew."""

    def limit_memory(self, fraction: float, index: int | None = None) -> None:
        """Let arrays take no more than this part of the device's memory."""
        raise NotImplementedError(f"the {self.name} backend does not limit memory")

    def memory_limit(self, index: int | None = None) -> float:
        """The part of the device's memory that arrays may take."""
        return 1.0

    several: bool = False
    """Whether this machine has more than one device of this type, so that it matters which is the current one."""

    def set_current(self, index: int) -> None:
        """Make ``index`` the device that a bare device name means in this thread."""

    def follow(self, arrays: Any) -> None:
        """Make the device of an array, or of those in a list, the current one."""

    def placed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A kernel that runs on the device of its arrays, where the array library does not see to that by itself."""
        return function

    def explained(self, error: Exception) -> Exception | None:
        """An error that says more than ``error``, which the array library raised; None where there is no more to
        say."""
        return None

    def positions(self, mask: Any) -> Any:
        """Where a one-dimensional bool array is true, if the host can know without waiting for the device; else None.

        For work that is spared where it is known what is left to do.
        """
        return None

    def are_indices(self, index: Any, size: int) -> bool:
        """Whether all numbers of an array of integers that is not empty are in [0, size)."""
        return bool(index.min() >= 0 and index.max() < size)

    def check_index(
        self,
        index: Any,
        size: int,
        function: str,
        error: type[Exception] = IndexError,
        low: int | None = None,
        passed: int | None = None,
    ) -> None:
        """Raise ``error`` if an integer array has values outside [low, size) that are not ``passed``; ``low`` is -size
        unless given.

        A device that works on its own looks at the values later: see ``deferred.py``.
        """
        while hasattr(index, "raw"):  # all examples of a batched array
            index = index.raw
        if index.size:
            index = index if passed is None else index * (index != passed)
            least, most = index.min(), index.max()
            low = -size if low is None else low
            if least < low or most >= size:
                bad = int(most if most >= size else least)
                raise error(index_message(function, bad, low, size))

    def along(self, where: Any, axis: int, size: int, function: str) -> tuple[Any, ...]:
        """The index that picks ``where`` along an axis of this size and runs along the others from 0 on, checked.

        A backend may give an index that its own functions (``scatter_add``, ``set_at``) check on the way.

        Raises:
            RuntimeError: there are values outside [0, size).
        """
        self.check_index(where, size, function, RuntimeError, low=0)
        n, xp = where.ndim, self.xp
        return tuple(
            where if i == axis else xp.arange(length).reshape((1,) * i + (length,) + (1,) * (n - i - 1))
            for i, length in enumerate(where.shape)
        )

    def reduce_at(self, kind: str, x: Any, index: Any, values: Any) -> bool:
        """Combine values ("multiply", "maximum", "minimum") with what stands in ``x`` at an index with arrays, in
        place; False where the backend has no way of its own."""
        return False

    def empty_cache(self) -> None:
        """Give unused memory of the pool back to the device."""

    def make_capture(self, index: int | None = None, pool: Any = None) -> Capture:
        """A graph that can be captured on a device; ``pool`` is the memory of another that it may share."""
        raise NotImplementedError(f"graphs are captured on cuda, not on {self.name}: call the function as it is")

    def on_side_stream(self, index: int | None = None) -> AbstractContextManager[Any]:
        """A context in which the device's work may be captured."""
        return nullcontext()

    def graph_pool(self) -> Any:
        """Memory for the arrays of graphs."""
        return object()

    def write(self, array: Any, values: np.ndarray) -> None:
        """Copy values of the host into an array of the device, in the order of the device's work."""
        array[...] = values


def index_message(function: str, bad: int, low: int, size: int) -> str:
    """The text of the error for an index out of range."""
    return f"{function}(): index {bad} is out of bounds for dimension with size {size} (expected {low} to {size - 1})"
