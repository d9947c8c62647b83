"""``CUDAGraph`` and the block that captures one."""

from __future__ import annotations

import contextlib
from typing import Any

from ..._core.device import as_device, available
from ...backends.capture import Capture, CaptureError, current

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "is_current_stream_capturing"]


def place_of(device: Any) -> tuple[Any, int | None]:
    """The backend and the index of a device, the current cuda device for None.

    Raises:
        DeviceUnavailableError: there is no such device.
    """
    if device is None:
        from .. import _index, _required

        backend = _required()
        return backend, _index(backend, None)
    return available(as_device(device))


class CUDAGraph:
    """A graph of work on a device: captured once, replayed as often as wanted.

    What is captured is not done until it is replayed. A replay reads and writes the arrays of the capture: new inputs
    are copied into those that were there then, and results are found in the tensors that the capture gave. Numbers of
    the host are those of the capture, except places in streams of random numbers, which go on from replay to replay.

    Args:
        keep_graph: accepted for PyTorch's sake.
        device: where the graph is, the current cuda device unless given; ``"strict"`` to test without a GPU.

    Raises:
        DeviceUnavailableError: there is no such device.
        NotImplementedError: the device captures no graphs.

    Example:
        >>> import nnlite
        >>> x = nnlite.zeros(3, device="strict")
        >>> g = nnlite.cuda.CUDAGraph(device="strict")
        >>> with nnlite.cuda.graph(g):
        ...     y = x + 1
        >>> _ = x.copy_(nnlite.ones(3))
        >>> g.replay()
        >>> y
        tensor([2., 2., 2.], device='strict')
    """

    def __init__(self, keep_graph: bool = False, *, device: Any = None) -> None:
        self._backend, self._index = place_of(device)
        self._capture: Capture | None = None

    def capture_begin(
        self, pool: Any = None, capture_error_mode: str = "global", check_input_liveness: bool = False
    ) -> None:
        """Begin to capture what this thread gives the device to do, on the current stream.

        Args:
            pool: memory to share with another graph, from its :meth:`pool` or `graph_pool_handle`; the two may then
                not be replayed in another order than they were captured in.
            capture_error_mode: accepted for PyTorch's sake: ``"global"``, ``"thread_local"`` or ``"relaxed"``.

        Raises:
            RuntimeError: the graph has been captured already, a capture is going on, or the current stream is the
                default stream.
        """
        if capture_error_mode not in ("global", "thread_local", "relaxed"):
            raise RuntimeError(
                f"Unknown capture error mode. Expected `global`, `thread_local`, or `relaxed`, got {capture_error_mode}"
            )
        if self._capture is not None:
            raise RuntimeError(
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, create a new instance."
            )
        capture = self._backend.make_capture(self._index, pool)
        capture.begin()
        self._capture = capture

    def capture_end(self) -> None:
        """End the capture.

        Raises:
            RuntimeError: it was not begun.
        """
        if self._capture is None or current.capture is not self._capture:
            raise RuntimeError("capture_end() was called without a capture_begin() of this graph in this thread")
        try:
            self._capture.end()
        except BaseException:
            self._capture = None
            raise

    def _abandon(self) -> None:
        if self._capture is not None:
            self._capture.abandon()
            self._capture = None

    def _captured(self, method: str) -> Capture:
        if self._capture is None or not self._capture.ready:
            raise RuntimeError(f"Called CUDAGraph::{method} without a preceding successful capture.")
        return self._capture

    def instantiate(self) -> None:
        """Nothing: a graph can be replayed once it is captured."""
        self._captured("instantiate")

    def replay(self) -> None:
        """Have the captured work done again, on the current stream. Does not wait for it.

        Raises:
            RuntimeError: nothing was captured.
        """
        self._captured("replay").replay()

    def reset(self) -> None:
        """Let go of what was captured; the graph can be captured anew."""
        if self._capture is not None:
            self._capture.reset()
            self._capture = None

    def pool(self) -> Any:
        """The memory of the graph, for other graphs to share.

        Raises:
            RuntimeError: nothing was captured.
        """
        return self._captured("pool").pool

    def register_generator_state(self, generator: Any) -> None:
        """Nothing: every generator that is used in a capture goes on in its replays."""

    def raw_cuda_graph(self) -> int:
        """CUDA's handle of the graph.

        Raises:
            RuntimeError: nothing was captured. NotImplementedError: the graph is none of CUDA.
        """
        return self._captured("raw_cuda_graph").handles()[0]

    def raw_cuda_graph_exec(self) -> int:
        """CUDA's handle of the graph in the form that is launched; errors as `raw_cuda_graph`."""
        return self._captured("raw_cuda_graph_exec").handles()[1]

    def enable_debug_mode(self) -> None:
        """Nothing: :meth:`debug_dump` needs no preparation."""

    def debug_dump(self, debug_path: str) -> None:
        """Write a picture of the graph in the language of Graphviz.

        Raises:
            RuntimeError: nothing was captured.
        """
        text = self._captured("debug_dump").picture()
        with open(debug_path, "w", encoding="utf-8") as file:
            file.write(text)


class graph:
    """A block whose work is captured in a graph.

    Args:
        cuda_graph: the graph.
        pool: memory to share with another graph.
        stream: the stream on which to capture, one of its own unless given.
        capture_error_mode: accepted for PyTorch's sake.

    Raises:
        CaptureError: (at the end of the block) something in it made the host wait, or needed data of the host; it names
            the line. The graph is as before, and so is everything on the device.

    Example:
        >>> import nnlite
        >>> g = nnlite.cuda.CUDAGraph(device="strict")
        >>> x = nnlite.ones(2, device="strict")
        >>> with nnlite.cuda.graph(g):
        ...     _ = x.mul_(2)
        >>> g.replay()
        >>> g.replay()
        >>> x
        tensor([4., 4.], device='strict')
    """

    def __init__(
        self,
        cuda_graph: CUDAGraph,
        pool: Any = None,
        stream: Any = None,
        capture_error_mode: str = "global",
        enable_annotations: bool = False,
        check_input_liveness: bool = False,
    ) -> None:
        self.cuda_graph, self.pool, self.stream, self.capture_error_mode = cuda_graph, pool, stream, capture_error_mode

    def __enter__(self) -> None:
        self._inside = contextlib.ExitStack()
        try:
            self._inside.enter_context(self._on_stream())
            self.cuda_graph.capture_begin(self.pool, self.capture_error_mode)
        except BaseException:
            self._inside.close()
            raise

    def _on_stream(self) -> Any:
        if self.stream is None:
            return self.cuda_graph._backend.on_side_stream(self.cuda_graph._index)
        from ..streams import stream

        return stream(self.stream)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        with self._inside:
            if error is None:
                self.cuda_graph.capture_end()
                return
            capture = self.cuda_graph._capture
            self.cuda_graph._abandon()
            clear = None if capture is None else capture.explain(error)
        if clear is not None and clear is not error:
            raise clear from error


def graph_pool_handle(device: Any = None) -> Any:
    """Memory that graphs can share.

    Args:
        device: the device, the current cuda device unless given.

    Raises:
        DeviceUnavailableError: there is no such device.

    Example:
        >>> import nnlite
        >>> pool = nnlite.cuda.graph_pool_handle("strict")
        >>> with nnlite.cuda.graph(nnlite.cuda.CUDAGraph(device="strict"), pool=pool):
        ...     x = nnlite.ones(2, device="strict")
    """
    backend, index = place_of(device)
    with backend.use(index):
        return backend.graph_pool()


def is_current_stream_capturing() -> bool:
    """Whether this thread captures a graph.

    Example:
        >>> import nnlite
        >>> nnlite.cuda.is_current_stream_capturing()
        False
    """
    return current.capture is not None


__all__ += ["CaptureError"]
