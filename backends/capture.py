"""Capture: the work that a device is given between ``begin`` and ``end`` is noted, and ``replay`` has it done again.

A replay does what the device was told, with the arrays and the numbers it was told. Whatever the host decides or counts
for each run has to reach the device in another way: a generator's place in its stream (`Place`) and the checks of
indices are kept here; learning rates and step counts are the optimizers' own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

_MASK = (1 << 64) - 1
_LIMITS = np.iinfo(np.int64)

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_FOREIGN = ("cupy", "cupyx", "cupy_backends", "numpy", "contextlib", "functools")
"""Modules whose frames are not the user's."""


class CaptureError(RuntimeError):
    """Something in a capture that cannot be repeated by the device alone. The message names the line."""


class _Thread(threading.local):
    capture: Capture | None = None


current = _Thread()
"""``current.capture`` is what this thread captures into; None elsewhere."""


def _is_users(frame: Any) -> bool:
    name = frame.f_globals.get("__name__", "").partition(".")[0]
    return name not in _FOREIGN and not frame.f_code.co_filename.startswith((_PACKAGE, "<"))


def line_here() -> str:
    """``file:line`` of the innermost frame outside the package."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if _is_users(frame):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown place"


def line_of(trace: TracebackType | None) -> str:
    """``file:line`` of the innermost frame outside the package that an exception went through."""
    found = ""
    while trace is not None:
        if _is_users(trace.tb_frame):
            found = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found or line_here()


def refuse_wait(what: str) -> None:
    """Raise CaptureError while this thread captures: the host cannot have values that are not computed yet."""
    if current.capture is not None:
        raise CaptureError(
            f"{what} makes the host wait for the device while a graph is captured, at {line_here()}; keep the value on "
            "the device, or move this line out of what is captured"
        )


def refuse_upload(what: str) -> None:
    """Raise CaptureError while this thread captures: a replay would not look at the host's data again."""
    if current.capture is not None:
        raise CaptureError(
            f"{what} copies data of the host to the device while a graph is captured, at {line_here()}; make the "
            "tensor beforehand, or give it to the step as an argument"
        )


def refuse_seed(device_type: str) -> None:
    """Raise CaptureError while this thread captures on such a device: a replay would not seed a generator."""
    if current.capture is not None and current.capture.backend.name == device_type:
        raise CaptureError(
            f"a generator is seeded while a graph is captured, at {line_here()}, which a replay would not do; move "
            "this line out of what is captured"
        )


class Place(int):
    """A place in a generator's stream that the device works out itself when it gets there.

    ``origin`` is a device array of two uint64, the seed and the block at which the replay begins; the number is how far
    behind that the place is. ``random_bits`` takes it for its counter, and then disregards its seed.
    """

    origin: Any

    @classmethod
    def behind(cls, origin: Any, blocks: int) -> Place:
        """The place ``blocks`` behind ``origin``."""
        made = cls(blocks)
        made.origin = origin
        return made

    def __add__(self, other: int) -> Place:
        return Place.behind(self.origin, int(self) + int(other))

    __radd__ = __add__

    def __reduce__(self) -> NoReturn:
        raise CaptureError("a place in a captured stream of random numbers cannot be copied or stored")


class _Stream:
    """What one generator gives to one capture. ``state`` holds seed and place for the next replay; each replay begins
    by copying it to ``origin``, which stays for what is computed again later (masks in backward)."""

    def __init__(self, capture: Capture, generator: Any) -> None:
        xp = capture.backend.xp
        self.generator = generator
        self.seed, self.start = generator.initial_seed(), generator.get_offset()
        self.state = xp.empty((2,), "uint64")
        self.origin = self.state.copy()
        self.blocks = 0
        self.on_device: tuple[int, int] | None = None

    def close(self, xp: Any) -> None:
        """Let the replay itself go on by what it used, and the host forget that anything was drawn."""
        self.blocks = (self.generator.get_offset() - self.start) & _MASK
        self.state[1:] += xp.uint64(self.blocks)

    def rewind(self) -> None:
        self.generator.set_offset(self.start)

    def before_replay(self, backend: Any) -> None:
        """Bring the device to where the generator is, unless it is there, and the generator to behind the replay."""
        seed, used = self.generator.initial_seed(), self.generator.get_offset()
        if self.on_device != (seed, used):
            backend.write(self.state, np.array([seed, used], np.uint64))
        self.on_device = (seed, (used + self.blocks) & _MASK)
        self.generator.set_offset(self.on_device[1])


class Capture:
    """One graph: captured once, replayed as often as wanted.

    A subclass defines `_begin`, `_end`, `_abandon`, `_launch`.

    Args:
        backend: of the device.
        index: of the device.
        pool: memory for the arrays that are made in the capture, of a capture before; None for memory of its own.
    """

    def __init__(self, backend: Any, index: int | None, pool: Any = None) -> None:
        self.backend, self.index = backend, index
        self.pool = backend.graph_pool() if pool is None else pool
        self.ready = False
        self._streams: dict[int, _Stream] = {}
        self._checks: list[tuple[Any, int, int, str, type[Exception]]] = []
        self._told: Any = None
        self.looks = False  # whether kernels look at indices, which they do again at each replay

    def _begin(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def _abandon(self) -> None:
        raise NotImplementedError

    def _launch(self) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        """Note what this thread gives the device to do from now on; it is not done.

        Raises:
            CaptureError: this thread captures already.
        """
        if current.capture is not None:
            raise CaptureError("a graph is being captured by this thread already; end that capture first")
        self._begin()
        current.capture = self

    def end(self) -> None:
        """The end of what is noted."""
        if current.capture is not self:
            raise CaptureError("this graph is not being captured by this thread")
        try:
            for stream in self._streams.values():
                stream.close(self.backend.xp)
        except BaseException:
            self.abandon()
            raise
        current.capture = None
        self._rewind()
        self._end()
        self.ready = True

    def abandon(self) -> None:
        """Forget what was noted, after an exception; the device and the generators are as they were before."""
        if current.capture is self:
            current.capture = None
            self._rewind()
            self._abandon()
        self._streams.clear()
        self._checks.clear()

    def _rewind(self) -> None:
        for stream in self._streams.values():
            stream.rewind()

    def replay(self) -> None:
        """Have it all done again. Does not wait for the device."""
        for stream in self._streams.values():
            stream.before_replay(self.backend)
        if self._checks and self._told is not self.backend.pending:
            self._tell()
        if self.looks:
            self.backend.record.due = True
        self._launch()

    def reset(self) -> None:
        """Let go of the graph and its memory."""
        self.ready = False
        self._streams.clear()
        self._checks.clear()
        self.pool = None

    def picture(self) -> str:
        """The graph in the language of Graphviz."""
        raise NotImplementedError(f"graphs of {self.backend.name} are not drawn")

    def handles(self) -> tuple[int, int]:
        """CUDA's handles: the graph, and the graph that can be launched."""
        raise NotImplementedError(f"graphs of {self.backend.name} have no handles")

    def explain(self, error: BaseException) -> CaptureError | None:
        """The error that names the user's line, for one that came of the capture; None for any other."""
        return error if isinstance(error, CaptureError) else None

    # What is asked for while capturing

    def place(self, generator: Any, blocks: int) -> Place:
        """The next ``blocks`` blocks of a generator, for random numbers that each replay draws anew.

        Raises:
            CaptureError: the generator was taken to another stream, or to a place before the capture.
        """
        stream = self._streams.get(id(generator))
        if stream is None:
            stream = self._streams[id(generator)] = _Stream(self, generator)
        first = generator.get_offset()
        behind = (first - stream.start) & _MASK
        if generator.initial_seed() != stream.seed or behind > _MASK >> 1:
            raise CaptureError(
                "a generator was taken to another place than it has been at in the capture before it was used at "
                f"{line_here()}; a replay would not take it there: do so before the capture"
            )
        generator.set_offset((first + blocks) & _MASK)
        return Place.behind(stream.origin, behind)

    def check(self, index: Any, low: int, size: int, function: str, error: type[Exception]) -> None:
        """Keep the smallest and the largest index that replays meet, until the host next looks at the checks."""
        seen = self.backend.xp.empty((2,), "int64")
        for i, (extreme, keep) in enumerate((("min", "minimum"), ("max", "maximum"))):
            so_far = seen[i]
            found = getattr(index, extreme)().astype("int64")
            getattr(self.backend.xp, keep)(so_far, found, out=so_far)
        self._checks.append((seen, low, size, function, error))

    def _tell(self) -> None:
        # The list is another one whenever the checks have been looked at.
        self._told = self.backend.pending
        for seen, low, size, function, error in self._checks:
            seen[:1], seen[1:] = _LIMITS.max, _LIMITS.min
            self._told.append((seen[0], seen[1], low, size, function, error))


@contextlib.contextmanager
def capturing(capture: Capture) -> Any:
    """A block that is captured. An exception leaves it and abandons the capture."""
    capture.begin()
    try:
        yield capture
    except BaseException as error:
        capture.abandon()
        clear = capture.explain(error)
        if clear is None or clear is error:
            raise
        raise clear from error
    capture.end()
