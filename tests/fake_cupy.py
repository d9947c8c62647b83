"""A stand-in for the CuPy module: devices whose streams run late, a memory pool like CuPy's, pinned memory.

Nothing that is queued in a stream runs before somebody waits for it, and then everything runs in the order that events
allow. So a copy that reads a buffer too late, or writes one too early, gives wrong values here every time, where a GPU
gives them now and then. ``module.state.log`` tells what was called.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import sys
import threading
import weakref
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from nnlite.backends import KernelTable, registry

UNIT = 512


class CUDARuntimeError(RuntimeError):
    """CuPy's error for one of CUDA's, told apart by its number."""

    TEXTS: ClassVar = {
        2: "cudaErrorMemoryAllocation: out of memory",
        700: "cudaErrorIllegalAddress: an illegal memory access was encountered",
    }

    def __init__(self, status: int) -> None:
        super().__init__(self.TEXTS.get(status, "cudaErrorStandIn: an error"))
        self.status = status


class OutOfMemoryError(MemoryError):
    """As ``cupy.cuda.memory.OutOfMemoryError``."""

    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes).")


class Memory:
    """A block of a device, given back to its pool when nothing refers to it."""

    def __init__(self, pool: Any, size: int, device: int, values: np.ndarray | None) -> None:
        self.pool, self.size, self.device_id, self.values = pool, size, device, values

    def __del__(self) -> None:
        if self.pool is not None:
            self.pool._free(self)


class Pointer:
    """As ``cupy.cuda.MemoryPointer``."""

    def __init__(self, mem: Memory) -> None:
        self.mem, self.device_id = mem, mem.device_id


class Module:
    """What stands for ``cupy``.

    Args:
        devices: how many there are. status: an error that the question for them raises.
        driver: the driver's version. capacity: the bytes of each device.
    """

    __version__ = "14.2.0"

    def __init__(self, devices: int | None = None, status: int | None = None, driver: int = 13020,
                 runtime: int = 13020, capacity: int = 1 << 20) -> None:  # fmt: skip
        self.state = state = SimpleNamespace(
            log=[], capacity=capacity, taken=[0] * (devices or 0), status=status, lock=threading.RLock(),
            pinned=[], sick=None, tick=itertools.count(1),
        )  # fmt: skip
        self.devices = devices
        here = self.here = threading.local()
        self._make_streams()
        self._make_pools()
        self._make_arrays()

        def alive() -> None:
            if state.sick is not None:
                raise CUDARuntimeError(state.sick)

        def device_count() -> int | None:
            if status is not None:
                raise CUDARuntimeError(status)
            return devices

        def synchronize() -> None:
            alive()
            state.log.append(f"waited for {self.device}")
            self.run_all()

        def free_and_total() -> tuple[int, int]:
            alive()
            return capacity - state.taken[self.device], capacity

        module = self

        class Device:
            def __init__(self, index: int) -> None:
                self.id = index
                self.cublas_handle, self.cusolver_handle = 1000 + index, 2000 + index

            def use(self) -> None:
                here.device = self.id

            def __enter__(self) -> Device:
                self.outer, here.device = module.device, self.id
                return self

            def __exit__(self, *exc: object) -> None:
                here.device = self.outer

        runtime_module = SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            getDeviceCount=device_count,
            driverGetVersion=lambda: driver,
            runtimeGetVersion=lambda: runtime,
            getDevice=lambda: self.device,
            deviceSynchronize=synchronize,
            deviceCanAccessPeer=lambda a, b: 1,
            getDeviceProperties=lambda i: {"name": f"GPU {i}".encode()},
            memGetInfo=free_and_total,
            streamQuery=lambda ptr: state.sick or (0 if not self.streams[ptr].queue else 600),
            eventQuery=lambda ptr: state.sick or (0 if self.events[ptr].passed else 600),
        )
        pinned_memory = SimpleNamespace(
            is_memory_pinned=lambda ptr: any(low <= ptr < high for low, high in state.pinned)
        )
        self.cuda = SimpleNamespace(
            runtime=runtime_module,
            Device=Device,
            Stream=self.Stream,
            Event=self.Event,
            MemoryPool=self.MemoryPool,
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            pinned_memory=pinned_memory,
            alloc_pinned_memory=self._pinned,
            get_allocator=lambda: self.allocator,
            set_allocator=lambda function: setattr(self, "allocator", function),
            get_current_stream=lambda: self.current(self.device),
            get_elapsed_time=lambda start, end: float(end.time - start.time),
        )

    def __getattr__(self, name: str) -> Any:
        """A function of CuPy that is there and that nobody may call, since no kernels run here."""
        if name.startswith("_"):
            raise AttributeError(name)

        def function(*args: Any, **kwargs: Any) -> Any:
            raise AssertionError(f"cupy.{name} was called")

        return function

    @property
    def device(self) -> int:
        return getattr(self.here, "device", 0)

    # Streams and events

    def _make_streams(self) -> None:
        module, state = self, self.state
        self.streams: dict[int, Any] = {}
        self.events: dict[int, Any] = {}
        numbers = itertools.count(100)

        class Event:
            def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
                self.ptr, self.stream, self.passed, self.time = next(numbers), None, True, 0
                module.events[self.ptr] = self
                self.timed = not disable_timing

            def record(self, stream: Any = None) -> None:
                stream = stream or module.current(module.device)
                with state.lock:
                    state.log.append(("record", self.ptr, stream.ptr))
                    self.stream, self.passed = stream, False
                    self.mark = object()
                    stream.queue.append(("mark", self, self.mark))

            def synchronize(self) -> None:
                state.log.append(("wait for event", self.ptr))
                if state.sick is not None:
                    raise CUDARuntimeError(state.sick)
                with state.lock:
                    if self.stream is not None:
                        self.stream.run(self.mark)

            @property
            def done(self) -> bool:
                return module.cuda.runtime.eventQuery(self.ptr) == 0

        class Stream:
            null: ClassVar[Any]

            def __init__(self, null: bool = False, non_blocking: bool = False, priority: int = 0) -> None:
                self.ptr, self.device_id = (0, -1) if null else (next(numbers), module.device)
                self.queue: list[Any] = []
                self.priority, self.non_blocking = priority, non_blocking
                module.streams[self.ptr] = self

            @classmethod
            def from_external(cls, other: Any) -> Any:
                made = cls()
                made.ptr = other.__cuda_stream__()[1]
                module.streams[made.ptr] = made
                return made

            def use(self) -> None:
                module._currents()[module.device] = self

            def __enter__(self) -> Any:
                assert self.device_id in (-1, module.device), "the stream is of another device"
                self.outer = module.current(module.device)
                self.use()
                return self

            def __exit__(self, *exc: object) -> None:
                self.outer.use()

            def wait_event(self, event: Any) -> None:
                with state.lock:
                    state.log.append(("wait", self.ptr, event.ptr))
                    if event.stream is not None:
                        self.queue.append(("wait", event.stream, event.mark))

            def record(self, event: Any = None) -> Any:
                event = event or Event()
                event.record(self)
                return event

            def synchronize(self) -> None:
                if state.sick is not None:
                    raise CUDARuntimeError(state.sick)
                with state.lock:
                    self.run()

            def run(self, until: Any = None) -> None:
                """Do what is queued, up to a mark."""
                while self.queue:
                    if until is not None and not any(item[0] == "mark" and item[2] is until for item in self.queue):
                        return
                    kind, *what = self.queue.pop(0)
                    if kind == "work":
                        what[0]()
                    elif kind == "wait":
                        what[0].run(what[1])
                    else:
                        event, mark = what
                        if event.mark is mark:
                            event.passed, event.time = True, next(state.tick)

        self.Event, self.Stream = Event, Stream
        Stream.null = Stream(null=True)

    def _currents(self) -> dict[int, Any]:
        if not hasattr(self.here, "streams"):
            self.here.streams = {}
        return self.here.streams

    def current(self, device: int) -> Any:
        return self._currents().get(device, self.Stream.null)

    def run_all(self) -> None:
        with self.state.lock:
            for stream in tuple(self.streams.values()):
                stream.run()

    # Memory

    def _make_pools(self) -> None:
        module, state = self, self.state

        class MemoryPool:
            """Blocks of one stream are used again by that stream at once, as in CuPy."""

            def __init__(self, base: Any = None) -> None:
                self._used, self._total, self._limit = {}, {}, {}
                self._blocks: dict[tuple[int, int], list[Any]] = {}

            def malloc(self, size: int) -> Pointer:
                size = -(-size // UNIT) * UNIT
                device, stream = module.device, module.current(module.device).ptr
                if state.sick is not None:
                    raise CUDARuntimeError(state.sick)
                with state.lock:
                    blocks = self._blocks.setdefault((device, stream), [])
                    values = next((b for b in blocks if b.nbytes == size), None)
                    if values is not None:
                        blocks[:] = [b for b in blocks if b is not values]
                    else:
                        values = self._more(size, device)
                    self._used[device] = self._used.get(device, 0) + size
                    mem = Memory(self, size, device, values)
                    mem.stream = stream
                    return Pointer(mem)

            def _more(self, size: int, device: int) -> np.ndarray:
                for attempt in range(2):
                    total = self._total.get(device, 0)
                    limit = self._limit.get(device) or total + size
                    if total + size <= limit and state.taken[device] + size <= state.capacity:
                        self._total[device] = total + size
                        state.taken[device] += size
                        return np.zeros(size, np.uint8)
                    if not attempt:
                        self.free_all_blocks()
                raise OutOfMemoryError(size, self._total.get(device, 0), self._limit.get(device, 0))

            def _free(self, mem: Memory) -> None:
                with state.lock:
                    self._used[mem.device_id] -= mem.size
                    self._blocks[mem.device_id, mem.stream].append(mem.values)

            def free_all_blocks(self, stream: Any = None) -> None:
                state.log.append("freed")
                with state.lock:
                    for (device, _), blocks in self._blocks.items():
                        if device == module.device:
                            size = sum(b.nbytes for b in blocks)
                            blocks.clear()
                            self._total[device] = self._total.get(device, 0) - size
                            state.taken[device] -= size

            def used_bytes(self) -> int:
                return self._used.get(module.device, 0)

            def total_bytes(self) -> int:
                return self._total.get(module.device, 0)

            def set_limit(self, size: int = 0, fraction: float | None = None) -> None:
                self._limit[module.device] = size if fraction is None else int(fraction * state.capacity)

            def get_limit(self) -> int:
                return self._limit.get(module.device, 0)

        self.MemoryPool = MemoryPool
        self.pool = MemoryPool()
        self.allocator = self.pool.malloc
        self.get_default_memory_pool = lambda: self.pool
        self.get_default_pinned_memory_pool = lambda: SimpleNamespace(
            free_all_blocks=lambda: state.log.append("pinned freed")
        )

    def _pinned(self, size: int) -> np.ndarray:
        block = np.zeros(size, np.uint8)
        place = block.ctypes.data, block.ctypes.data + size
        self.state.pinned.append(place)
        weakref.finalize(block, self.state.pinned.remove, place)
        self.state.log.append(("pinned", size))
        return block

    # Arrays

    def _make_arrays(self) -> None:
        module, state = self, self.state

        class ndarray:
            """An array on a device, whose values are what has run so far."""

            def __init__(self, shape: Any, dtype: Any, base: Any = None) -> None:
                self.shape, self.dtype, self.base = tuple(shape), np.dtype(dtype), base
                self.nbytes = int(np.prod(shape)) * self.dtype.itemsize
                self.size, self.ndim = int(np.prod(shape)), len(self.shape)
                self.data = module.allocator(self.nbytes) if base is None else base.data
                self.device = SimpleNamespace(id=self.data.device_id)

            @property
            def strides(self) -> tuple[int, ...]:
                return self.values.strides

            @property
            def values(self) -> np.ndarray:
                return self.data.mem.values[: self.nbytes].view(self.dtype).reshape(self.shape)

            def queue(self, stream: Any, work: Any) -> None:
                with state.lock:
                    (stream or module.current(self.device.id)).queue.append(("work", work))

            def set(self, host: np.ndarray, stream: Any = None) -> None:
                assert type(host) is np.ndarray and (host.shape, host.dtype) == (self.shape, self.dtype)
                pinned = module.cuda.pinned_memory.is_memory_pinned(host.ctypes.data)
                source = host if pinned else host.copy()  # pageable memory is read before the call returns
                block = self.data.mem.values  # and not the Memory, which would keep it from being used again
                state.log.append(
                    ("copy", "pinned" if pinned else "pageable", (stream or module.current(self.device.id)).ptr)
                )

                def copy() -> None:
                    block[: source.nbytes] = np.ascontiguousarray(source).reshape(-1).view(np.uint8)

                self.queue(stream, copy)

            def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
                stream = stream or module.current(self.device.id)
                stream.synchronize()
                return self.values.copy()

            def copy(self) -> Any:
                out, size = ndarray(self.shape, self.dtype), self.nbytes
                source, target = self.data.mem.values, out.data.mem.values
                stream = module.current(module.device)
                state.log.append(("copy between devices", stream.ptr))

                def copy() -> None:
                    target[:size] = source[:size]

                out.queue(stream, copy)
                return out

            def __getitem__(self, key: Any) -> Any:
                assert key is Ellipsis
                return ndarray(self.shape, self.dtype, self if self.base is None else self.base)

        def array(values: np.ndarray, blocking: bool = False) -> Any:
            out = ndarray(values.shape, values.dtype)
            out.set(values)
            if blocking:
                module.current(module.device).synchronize()
            return out

        self.ndarray, self.array, self.asarray = ndarray, array, array
        self.empty = ndarray
        self.ascontiguousarray = lambda a: a


def in_place_of_cupy(monkeypatch: Any, module: Any) -> None:
    """Let ``import cupy`` give ``module``, and forget afterwards what was imported over it."""
    package = importlib.import_module("nnlite.backends.cupy")
    monkeypatch.setitem(sys.modules, "cupy", module)
    # Set and taken away: whatever stands there at the end is undone.
    monkeypatch.setitem(sys.modules, f"{package.__name__}.namespace", None)
    del sys.modules[f"{package.__name__}.namespace"]
    monkeypatch.setattr(package, "namespace", None, raising=False)
    del package.namespace


def installed(monkeypatch: Any, devices: int = 2, **given: Any) -> Any:
    """The backend of ``cuda`` over a stand-in for CuPy (``backend.module``), in the place of what the machine has."""
    module = Module(devices=devices, **given)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: True if name == "cupy" else find(name, *a))
    in_place_of_cupy(monkeypatch, module)
    package = importlib.import_module("nnlite.backends.cupy")
    backend = package.CupyBackend(module)
    backend.module = module
    monkeypatch.setitem(registry._backends, "cuda", backend)
    monkeypatch.setitem(registry.tables, module.ndarray, KernelTable(backend, None))
    assert backend.unavailable_reason() is None
    return backend
