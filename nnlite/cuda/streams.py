"""Streams and events of CUDA devices.

A stream is a queue of work on a device: what is queued in one stream runs in order, streams run side by side. An event
is a place in a queue that others can wait for, and that tells its time. Both are CuPy's.

A tensor that another stream uses than the one it was made on needs both: that stream waits for the first
(``wait_stream``), and ``tensor.record_stream(stream)`` keeps its memory until that stream is done with it.
"""

from __future__ import annotations

import ctypes
from contextlib import AbstractContextManager
from typing import Any

from .._core.device import device as _Device

__all__ = ["Event", "ExternalStream", "Stream", "StreamContext", "current_blas_handle", "current_solver_handle",
           "current_stream", "default_stream", "get_stream_from_external", "set_stream", "stream"]  # fmt: skip


def _place(device: Any) -> tuple[Any, int]:
    """The backend and the index of a device.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    from . import _index, _number, _required

    number = _number(device)
    backend = _required()
    return backend, _index(backend, number)


class Stream:
    """A queue of work on a CUDA device, the current one unless another is given.

    It does not wait for the default stream, nor the default stream for it: ``wait_stream`` puts them in order.

    Args:
        device: where it is.
        priority: 0, or less for work that goes first; CUDA takes the nearest that the GPU has.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     side = nnlite.cuda.Stream()
        ...     with nnlite.cuda.stream(side):
        ...         x = nnlite.zeros(2, device="cuda")
        ...     nnlite.cuda.current_stream().wait_stream(side)
    """

    _raw: Any
    device_index: int

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        backend, self.device_index = _place(device)
        self._raw = backend.make_stream(self.device_index, priority)
        self.priority = priority

    @classmethod
    def _of(cls, raw: Any, index: int) -> Any:
        made = object.__new__(cls)
        made._raw, made.device_index, made.priority = raw, index, 0
        return made

    @property
    def device(self) -> _Device:
        """Where it is."""
        return _Device("cuda", self.device_index)

    @property
    def cuda_stream(self) -> int:
        """CUDA's handle."""
        return self._raw.ptr

    stream_id = cuda_stream

    @property
    def _as_parameter_(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.cuda_stream)

    def __cuda_stream__(self) -> tuple[int, int]:
        """CUDA's stream protocol, by which other libraries take this stream: ``(0, handle)``."""
        return 0, self.cuda_stream

    def query(self) -> bool:
        """Whether all work queued so far is done.

        Raises:
            AcceleratorError: it has failed.
        """
        return _place(self.device_index)[0].is_done(self._raw)

    def synchronize(self) -> None:
        """Wait until all work queued so far is done.

        Raises:
            AcceleratorError: it has failed.
        """
        _place(self.device_index)[0].wait_for(self._raw)

    def record_event(self, event: Event | None = None) -> Event:
        """Put an event into the queue, a new one unless one is given."""
        made = Event() if event is None else event
        made.record(self)
        return made

    def wait_event(self, event: Event) -> None:
        """Let work that is queued from now on wait for an event."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Let work that is queued from now on wait for what is queued in another stream now."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Stream) and self.device_index == other.device_index
                and self.cuda_stream == other.cuda_stream)  # fmt: skip

    def __hash__(self) -> int:
        return hash((self.device_index, self.cuda_stream))

    def __enter__(self) -> Stream:
        self._inside = stream(self)
        self._inside.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._inside.__exit__(*exc)

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream that another library made, by its handle; it has to live as long as this object."""

    def __init__(self, stream_ptr: int, device: Any = None, **kwargs: Any) -> None:
        backend, self.device_index = _place(device)
        self._raw = backend.external_stream(stream_ptr, self.device_index)
        self.priority = 0


class Event:
    """A place in a stream's queue that can be waited for.

    Args:
        enable_timing: whether the time is kept for :meth:`elapsed_time`.
        blocking: whether a thread that waits sleeps.
        interprocess: has to be False: events are not shared with other processes.

    Raises:
        DeviceUnavailableError: there is no CUDA device (when the event is recorded).
        NotImplementedError: ``interprocess`` is asked for.

    Example:
        >>> import nnlite
        >>> start, end = nnlite.cuda.Event(enable_timing=True), nnlite.cuda.Event(enable_timing=True)
        >>> if nnlite.cuda.is_available():
        ...     start.record()
        ...     x = nnlite.zeros(2, device="cuda") + 1
        ...     end.record()
        ...     nnlite.cuda.synchronize()
        ...     milliseconds = start.elapsed_time(end)
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, external: bool = False
    ) -> None:
        if interprocess:
            raise NotImplementedError("cuda.Event(interprocess=True): events are not shared with other processes; "
                                      "synchronize before handing data over")  # fmt: skip
        self.enable_timing, self.blocking = enable_timing, blocking
        self._raw: Any = None
        self.device_index: int | None = None

    @property
    def device(self) -> _Device | None:
        """Where it was recorded; None before that."""
        return None if self.device_index is None else _Device("cuda", self.device_index)

    @property
    def cuda_event(self) -> int:
        """CUDA's handle; 0 before it was recorded."""
        return 0 if self._raw is None else self._raw.ptr

    @property
    def _as_parameter_(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.cuda_event)

    def record(self, stream: Stream | None = None) -> None:
        """Put the event into the queue of a stream, the current one unless another is given.

        Raises:
            RuntimeError: it was recorded on another device before.
        """
        where = current_stream() if stream is None else stream
        if self._raw is None:
            backend, _ = _place(where.device_index)
            self._raw = backend.make_event(where.device_index, self.enable_timing, self.blocking)
            self.device_index = where.device_index
        elif self.device_index != where.device_index:
            raise RuntimeError(f"Event device {self.device_index} does not match recording stream's device "
                               f"{where.device_index}. (make an event for each device)")  # fmt: skip
        self._raw.record(where._raw)

    def wait(self, stream: Stream | None = None) -> None:
        """Let what is queued in a stream from now on wait for the event."""
        if self._raw is not None:
            (current_stream() if stream is None else stream)._raw.wait_event(self._raw)

    def query(self) -> bool:
        """Whether all work before the event is done; True for an event that was never recorded."""
        return self._raw is None or _place(self.device_index)[0].is_done(self._raw)

    def synchronize(self) -> None:
        """Wait until all work before the event is done."""
        if self._raw is not None:
            _place(self.device_index)[0].wait_for(self._raw)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to another.

        Raises:
            ValueError: one of them keeps no time, or was not recorded.
            RuntimeError: one of them is not reached yet.
        """
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._raw is None or end_event._raw is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("Both events must be completed before calculating elapsed time. (call "
                               "end_event.synchronize() first)")  # fmt: skip
        return _place(self.device_index)[0].elapsed_time(self._raw, end_event._raw)

    def __repr__(self) -> str:
        return "<torch.cuda.Event uninitialized>" if self._raw is None else f"<torch.cuda.Event on {self.device}>"


class StreamContext:
    """A context in which ``stream`` is the current stream; None changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._inside: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        if self.stream is not None:
            backend, index = _place(self.stream.device_index)
            self._inside = backend.use_stream(self.stream._raw, index)
            self._inside.__enter__()

    def __exit__(self, *exc: Any) -> None:
        if self._inside is not None:
            inside, self._inside = self._inside, None
            inside.__exit__(*exc)


def stream(stream: Stream | None) -> StreamContext:
    """A context in which ``stream`` is the current stream; None changes nothing.

    Example:
        >>> import nnlite
        >>> with nnlite.cuda.stream(None):
        ...     x = nnlite.zeros(2)
    """
    return StreamContext(stream)


def current_stream(device: Any = None) -> Stream:
    """The stream that takes the work for a device now.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    backend, index = _place(device)
    return Stream._of(backend.current_stream(index), index)


def default_stream(device: Any = None) -> Stream:
    """The stream that takes the work where none was chosen.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    backend, index = _place(device)
    return Stream._of(backend.default_stream(), index)


def set_stream(stream: Stream | None) -> None:
    """Make a stream the current one from now on; None changes nothing."""
    if stream is not None:
        backend, index = _place(stream.device_index)
        backend.set_stream(stream._raw, index)


def get_stream_from_external(data_ptr: int, device: Any = None) -> Stream:
    """A stream that another library made, by its handle; it has to live as long as the result.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    return ExternalStream(data_ptr, device)


def current_blas_handle() -> int:
    """The handle of cuBLAS for the current device and thread.

    Raises:
        DeviceUnavailableError: there is no device.
    """
    backend, index = _place(None)
    return backend.blas_handle(index)


def current_solver_handle() -> int:
    """The handle of cuSOLVER for the current device and thread.

    Raises:
        DeviceUnavailableError: there is no device.
    """
    backend, index = _place(None)
    return backend.solver_handle(index)
