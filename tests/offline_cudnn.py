"""cuDNN without a GPU: graphs are built, and plans compiled, for the description of one. Nothing can be run.

As a program it builds and runs the problems that stand in its input, lines of JSON, and answers each with a line; where
there is none (``null``) it calls the wrappers. Plans
run up to the last call, which ``cudnn_recorder.cpp`` takes. It is a process of its own because plans of attention are
compiled and handed to the driver when they are built, and ``no_device_driver.cpp``, which stands for the driver, is not
for other tests to meet.
"""

from __future__ import annotations

import ctypes
import json
import sys
from types import SimpleNamespace
from typing import Any

from nnlite.backends.cupy.cudnn import attention, convolution, library, plans

# An H100, as the CUDA runtime tells its properties.
DESCRIPTION = {
    "deviceName": "NVIDIA H100 80GB HBM3",
    "deviceVer": 900,
    "driverVer": 13000,
    "cudaDeviceId": 0,
    "pciDeviceId": 0,
    "isTccDriver": 0,
    "supportCoopLaunch": 1,
    "multiProcessorCount": 132,
    "totalGlobalMem": 85017755648,
    "l2CacheSize": 52428800,
    "smClockRateKHz": 1980000,
    "memClockRateKHz": 2619000,
    "warpSize": 32,
    "maxGridSize": [2147483647, 65535, 65535],
    "maxBlockSize": [1024, 1024, 64],
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048,
    "maxCtasPerSM": 32,
    "regsPerBlock": 65536,
    "maxRegistersPerSM": 65536,
    "maxSharedMemoryPerBlock": 49152,
    "maxSharedMemoryPerBlockOptin": 232448,
    "reservedSharedMemoryPerBlock": 1024,
}


class Offline(library.Library):
    """cuDNN for the description.

    Args:
        recorder: the compiled ``cudnn_recorder.cpp``, which takes what is run.
    """

    def __init__(self, recorder: str | None = None) -> None:
        library.load_first()
        import cudnn

        if recorder is not None:
            self.recorder = ctypes.CDLL(recorder)
            cudnn._pybind_module._set_dlhandle_cudnn(self.recorder._handle)
        self.frontend = cudnn
        self.version = cudnn.backend_version()
        self.properties = cudnn.create_device_properties(json.dumps(DESCRIPTION))
        self.number: int | None = None

    def device(self) -> int:
        return 0

    def handle(self) -> int:
        if self.number is None:
            self.number = self.frontend.create_handle()
            self.frontend.set_stream(self.number, STREAM)
        return self.number

    def graph_options(self) -> dict[str, Any]:
        return {"device_property": self.properties, "sm_version": 90}

    def recorded(self) -> dict[str, Any]:
        """The last run: address by number, and the rest by name."""
        row = ctypes.c_int64 * 64
        numbers, addresses, others = row(), row(), row()
        count = self.recorder.recorded(numbers, addresses, others)
        found = {"arrays": dict(zip(numbers[:count], addresses[:count], strict=True))}
        return found | dict(zip(("workspace", "handle", "stream", "runs"), others[:4], strict=True))


STREAM = 0x57EA


def address(number: int) -> int:
    """Where the array of a number is said to begin."""
    return number << 20


class Memory:
    """Where arrays would be: ``empty`` is the workspace, the array of number 0."""

    def __init__(self, number: int) -> None:
        self.data = SimpleNamespace(ptr=address(number))

    @staticmethod
    def empty(size: int, dtype: str) -> Memory:
        return Memory(0xFFF)


def tensors(graph: Any, numbers: Any) -> dict[int, tuple[list[int], list[int], str]]:
    """What a graph says of its tensors: dims, strides and type by number."""
    found = {}
    for number in numbers:
        tensor = graph.query_tensor_attributes_of_uid(number)
        found[number] = (list(tensor.get_dim()), list(tensor.get_stride()), tensor.get_data_type().name)
    return found


def numbers_of(plan: plans.Plan) -> list[int]:
    """The numbers of the arrays that a plan wants."""
    plan._graph._prepare_variant_pack_template()
    return plan._graph._get_variant_pack_uids_sorted()


def answer(there: Offline, given: dict[str, Any]) -> dict[str, Any]:
    """Build and run a problem: what became of it."""
    chosen = plans.Choice(given.pop("deterministic"), True, 1)
    fields = {name: _tuples(value) for name, value in given.items()}
    module: Any = convolution if "operation" in fields else attention
    try:
        plan = module.build(there, module.Problem(**fields), chosen)
    except plans.Unsupported as error:
        return {"refused": str(error)}
    numbers = numbers_of(plan)
    plan.run(there, Memory, {number: Memory(number) for number in numbers})
    found = {"workspace": plan.workspace, "plan": plan.name, "numbers": numbers, "ran": there.recorded()}
    return found | {"tensors": tensors(plan._graph, numbers)}


class Unbacked:
    """CuPy's arrays with addresses that are nobody's: ``xp`` for wrappers."""

    def __init__(self) -> None:
        import cupy

        self._cupy = cupy
        self._next = address(1)
        self.ascontiguousarray = cupy.ascontiguousarray

    def empty(self, shape: Any, dtype: Any) -> Any:
        cupy = self._cupy
        memory = cupy.cuda.UnownedMemory(self._next, 1 << 30, None, device_id=0)
        made = cupy.ndarray(shape, dtype, memptr=cupy.cuda.MemoryPointer(memory, 0))
        self._next += -(-made.nbytes // 512) * 512
        return made


def wrapped(there: Offline) -> list[dict[str, Any]]:
    """What the wrappers hand over for arrays of CuPy's, and what reached cuDNN: addresses by number, for each call."""
    xp = Unbacked()
    gpu, there._cupy = SimpleNamespace(xp=xp), xp._cupy
    library.use(there)
    calls: list[dict[str, Any]] = []

    def called(result: Any, arrays: dict[int, Any]) -> None:
        given = {number: array.data.ptr for number, array in arrays.items()}
        calls.append({"given": given, "ran": there.recorded(), "shape": result.shape, "strides": result.strides})

    geometry: Any = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    for last in (False, True):

        def images(n: int, c: int, h: int, w: int, last: bool = last) -> Any:
            if not last:
                return xp.empty((n, c, h, w), "float16")
            return xp.empty((n, h, w, c), "float16").transpose(0, 3, 1, 2)

        x, weight, bias = images(8, 16, 20, 20), images(32, 16, 3, 3), xp.empty(32, "float16")
        assert convolution._takes(x, weight, bias, **geometry)
        y = convolution.convolution(gpu, x, weight, bias, **geometry)
        called(y, {convolution.X: x, convolution.WEIGHT: weight, convolution.BIAS: bias, convolution.Y: y})
        gx = convolution.convolution_input(gpu, y, weight, sizes=(20, 20), **geometry)
        called(gx, {convolution.Y: y, convolution.WEIGHT: weight, convolution.X: gx})
        gw = convolution.convolution_weight(gpu, x, y, kernel=(3, 3), **geometry)
        called(gw, {convolution.X: x, convolution.Y: y, convolution.WEIGHT: gw})
    attention.LEAST = attention.WORTH = 0
    q, k, v = xp.empty((2, 128, 3, 4, 64), "float16").transpose(2, 0, 3, 1, 4)  # as a layer's projection gives them
    settings: Any = {"scale": 0.125, "causal": True, "dropout": 0.0, "seed": 0, "counter": 0}
    assert attention._takes(q, k, v, None, **settings)
    out, sums, _ = attention.attention(gpu, q, k, v, None, **settings)
    operands = {attention.Q: q, attention.K: k, attention.V: v}
    operands |= {attention.OUT: out, attention.SUMS: sums}
    called(out, operands)
    gq, gk, gv, _ = attention.attention_gradient(gpu, out, q, k, v, None, out, sums, None, **settings, wanted=False)
    made = {attention.G: out, attention.GQ: gq, attention.GK: gk, attention.GV: gv}
    called(gq, operands | made)
    return calls


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def main() -> None:
    recorder, *driver = sys.argv[1:]
    for path in driver:
        ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
    there = Offline(recorder)
    for line in sys.stdin:
        given = json.loads(line)
        print(json.dumps(answer(there, given) if given else wrapped(there)), flush=True)


if __name__ == "__main__":
    main()
