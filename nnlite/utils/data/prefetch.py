"""``DevicePrefetcher``: the next batches are brought to a device while the program works on this one."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from ..._core.device import as_device, available
from ..._core.device import device as _Device
from ._utils.staging import Staging
from ._utils.structure import mapped

__all__ = ["DevicePrefetcher"]

_GRACE = 5.0


class DevicePrefetcher:
    """The batches of a loader on a device, made and copied there ahead of time by a thread.

    Nested lists, tuples and dicts keep their structure; everything that has ``to(device)`` is moved, the rest is left
    as it is. The order and the random numbers are those of the loader. Copies to a GPU run beside its work: through
    pinned memory, on a stream of their own.

    Args:
        loader: a :class:`DataLoader`, or any iterable of batches.
        device: where the batches go.
        depth: how many batches are ready or on their way at most.

    Raises:
        ValueError: ``depth`` is not a positive int.

    What goes wrong in the thread is raised where the program asks for that batch. The thread ends with the epoch, and
    when its iterator is deleted or closed.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.data import DataLoader, DevicePrefetcher, TensorDataset
        >>> loader = DataLoader(TensorDataset(nnlite.arange(4)), batch_size=2)
        >>> for (x,) in DevicePrefetcher(loader, "strict"):
        ...     print(x.device.type, x.tolist())
        strict [0, 1]
        strict [2, 3]
    """

    def __init__(self, loader: Iterable[Any], device: Any, depth: int = 2) -> None:
        if not isinstance(depth, int) or isinstance(depth, bool) or depth <= 0:
            raise ValueError(f"DevicePrefetcher: expected a positive int as depth, got {depth!r}")
        self.loader = loader
        self.device = as_device(device)
        self.depth = depth
        self._state: Any = None

    def __iter__(self) -> Iterator[Any]:
        return _Epoch(self)

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        """The loader's state after the batch that was yielded last: those made ahead of time count as not yielded."""
        return self.loader.state_dict() if self._state is None else self._state  # type: ignore[attr-defined]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Give a state to the loader; see :meth:`DataLoader.load_state_dict`."""
        self.loader.load_state_dict(state_dict)  # type: ignore[attr-defined]
        self._state = None


def moved(value: Any, device: Any) -> Any:
    """A batch with all that can be moved on a device.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.data.prefetch import moved
        >>> moved({"x": [nnlite.ones(1)], "name": "a"}, "strict")
        {'x': [tensor([1.], device='strict')], 'name': 'a'}
    """
    return mapped(value, "to", lambda leaf: leaf.to(device))


class _Source:
    """What the thread works on. It does not refer to the iterator, whose end is the thread's end."""

    def __init__(self, loader: Any, device: Any, depth: int) -> None:
        self.loader = loader
        self.batches = iter(loader)
        backend, index = available(device)
        self.device = _Device(backend.name, index)  # a bare "cuda" is another device in another thread
        self.staging = Staging(backend, index) if backend.has_streams else None
        self.ready: queue.SimpleQueue[tuple[Any, Any, Any, BaseException | None]] = queue.SimpleQueue()
        self.free = threading.Semaphore(depth)
        self.stopped = False
        # The first batch is made here and now: it is what draws the order from the global random numbers, and that must
        # not happen at some time while the program draws others.
        self.free.acquire()
        self.thread = threading.Thread(target=self.run, name="nnlite-device-prefetcher", daemon=True)
        if self.step():
            self.thread.start()

    def step(self) -> bool:
        """Make one batch ready; False at the end and after an error."""
        try:
            batch, arrived = next(self.batches), None
            if self.staging is None:
                batch = moved(batch, self.device)
            else:
                batch, arrived = self.staging.put(batch)
            state = self.loader.state_dict() if hasattr(self.loader, "state_dict") else None
        except BaseException as error:
            self.ready.put((None, None, None, error))
            return False
        self.ready.put((batch, arrived, state, None))
        return True

    def run(self) -> None:
        while True:
            self.free.acquire()
            if self.stopped or not self.step():
                return

    def stop(self) -> None:
        """End the thread after the batch that it is making, and let go of what is ready."""
        self.stopped = True
        self.free.release()
        if self.thread.is_alive() and self.thread is not threading.current_thread():
            self.thread.join(_GRACE)
        if self.staging is not None:
            with suppress(RuntimeError):  # the device has failed
                self.staging.finish()
        while not self.ready.empty():
            self.ready.get()


class _Epoch(Iterator[Any]):
    """One pass over a prefetcher."""

    def __init__(self, prefetcher: DevicePrefetcher) -> None:
        self._owner = prefetcher
        prefetcher._state = None
        self._source = _Source(prefetcher.loader, prefetcher.device, prefetcher.depth)
        self.close = weakref.finalize(self, self._source.stop)

    def __next__(self) -> Any:
        if not self.close.alive:
            raise StopIteration
        batch, arrived, state, error = self._source.ready.get()
        if error is not None:
            self.close()
            if isinstance(error, StopIteration):
                self._owner._state = None
                raise StopIteration
            raise error
        if arrived is not None and self._source.staging is not None:
            self._source.staging.take(arrived)
        self._owner._state = state
        self._source.free.release()
        return batch
