"""Batches on their way to a device with streams, copied while the program computes.

A copy runs by itself only from pinned memory, so values are put there first, into one of two slots; a stream of their
own copies them. Three things could go wrong without a word, and each has its event:

- a slot is filled again while it is still read: the host waits for the event after the slot's last copy;
- a batch is used before it is there: the program's stream waits for the event after the batch's copies, which costs the
  host nothing;
- a batch that the program let go of is still read by work in its queue, and its memory is given to the next batch: the
  copying stream waits for an event that the program's stream gets after the memory was taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...._core.device import device as _Device
from ...._core.tensor_base import TensorBase, wrap
from .structure import mapped

__all__ = ["Staging"]

_SLOTS = 2


class _Slot:
    """Pinned memory for one batch, and the event after which it may be filled again."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._blocks: list[np.ndarray] = []
        self._filled = 0
        self._kept: list[np.ndarray] = []
        self.copied: Any = None

    def empty(self) -> None:
        """Wait until what was in it is copied."""
        if self.copied is not None:
            self._backend.wait_for(self.copied)
        self.copied, self._filled = None, 0
        self._kept.clear()

    def hold(self, array: np.ndarray) -> np.ndarray:
        """The values of ``array`` in pinned memory, in C order."""
        if self._backend.is_pinned(array) and array.flags.c_contiguous:
            self._kept.append(array)
            return array
        place, size = self._filled, array.nbytes
        self._filled += 1
        if place == len(self._blocks):
            self._blocks.append(self._backend.pinned_empty((size,), np.dtype(np.uint8)))
        elif self._blocks[place].nbytes < size:
            self._blocks[place] = self._backend.pinned_empty((size,), np.dtype(np.uint8))
        held = self._blocks[place][:size].view(array.dtype).reshape(array.shape)
        np.copyto(held, array)
        return held


class Staging:
    """The way of batches to one device.

    Args:
        backend: one that has streams. index: the device.
    """

    def __init__(self, backend: Any, index: int | None) -> None:
        self._backend = backend
        self._index = index
        self._device = _Device(backend.name, index)
        self._copies = backend.make_stream(index, 0)
        self._program = backend.current_stream(index)
        self._slots = [_Slot(backend) for _ in range(_SLOTS)]
        self._turn = 0

    def put(self, batch: Any) -> tuple[Any, Any]:
        """A batch on the device, and the event to be given to `take` before the batch is used."""
        slot = self._slots[self._turn % _SLOTS]
        self._turn += 1
        slot.empty()
        copies: list[tuple[Any, np.ndarray]] = []

        def stage(value: Any) -> Any:
            if not isinstance(value, TensorBase) or type(value._a) is not np.ndarray or value.requires_grad:
                with self._backend.use_stream(self._program, self._index):
                    return value.to(self._device)
            with self._backend.use_stream(self._copies, self._index):
                target = self._backend.xp.empty(value._a.shape, value._a.dtype)
            if value._a.size:
                copies.append((target, slot.hold(value._a)))
            return wrap(target)

        staged = mapped(batch, "to", stage)
        self._event(self._program, self._copies)  # what the new arrays' memory held before was read by then
        for target, held in copies:
            target.set(held, stream=self._copies)
        slot.copied = self._event(self._copies)
        return staged, slot.copied

    def _event(self, stream: Any, later: Any = None) -> Any:
        """An event in a stream, for which another waits, or the host: that sleeps meanwhile."""
        event = self._backend.make_event(self._index, False, later is None)
        event.record(stream)
        if later is not None:
            later.wait_event(event)
        return event

    def take(self, event: Any) -> None:
        """Let what the calling thread does from now on wait for a batch."""
        self._program = self._backend.current_stream(self._index)
        self._program.wait_event(event)

    def finish(self) -> None:
        """Wait for all copies, before the pinned memory is let go of."""
        for slot in self._slots:
            slot.empty()
