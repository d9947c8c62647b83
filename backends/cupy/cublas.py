"""cuBLAS through ctypes, for products that are captured in a graph: CuPy's own functions of cuBLAS refuse that.

It is the library that CuPy has loaded, with handles of our own. A handle is told its stream and a workspace before the
capture begins; without one of its own cuBLAS would take memory during the capture.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import threading
from collections.abc import Callable
from typing import Any

WORKSPACE = 32 << 20
"""Bytes that cuBLAS wants on a GPU of compute capability 9; older ones want 4 MiB."""

_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "cublasCreate_v2": (ctypes.POINTER(ctypes.c_void_p),),
    "cublasDestroy_v2": (ctypes.c_void_p,),
    "cublasSetStream_v2": (ctypes.c_void_p, ctypes.c_void_p),
    "cublasSetWorkspace_v2": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
    "cublasGemmStridedBatchedEx": (
        ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int,  # handle, a, b, m, n, k
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong,  # alpha, a
        ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong,  # b
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_longlong,  # beta, c
        ctypes.c_int, ctypes.c_int, ctypes.c_int,  # batch, compute type, algorithm
    ),
}  # fmt: skip

_STATUS = {1: "NOT_INITIALIZED", 3: "ALLOC_FAILED", 7: "INVALID_VALUE", 8: "ARCH_MISMATCH", 11: "MAPPING_ERROR",
           13: "EXECUTION_FAILED", 14: "INTERNAL_ERROR", 15: "NOT_SUPPORTED", 16: "LICENSE_ERROR"}  # fmt: skip


class CublasError(RuntimeError):
    """cuBLAS has refused a call."""


class _Handles(threading.local):
    def __init__(self) -> None:
        self.by_device: dict[int, int] = {}


class Cublas:
    """The functions of cuBLAS.

    Args:
        library: the library as ctypes loads it, or what stands for it.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._handles = _Handles()
        self.gemm_strided_batched = self._bound("cublasGemmStridedBatchedEx")
        self._create = self._bound("cublasCreate_v2")
        self._set_stream = self._bound("cublasSetStream_v2")
        self._set_workspace = self._bound("cublasSetWorkspace_v2")

    def _bound(self, name: str) -> Callable[..., None]:
        function = getattr(self._library, name)
        function.argtypes, function.restype = _SIGNATURES[name], ctypes.c_int

        def call(*args: Any) -> None:
            status = function(*args)
            if status:
                raise CublasError(f"{name}: CUBLAS_STATUS_{_STATUS.get(status, status)}")

        return call

    def handle(self, device: int) -> int:
        """The handle of this thread for a device, which has to be the current one when it is made."""
        known = self._handles.by_device
        if device not in known:
            made = ctypes.c_void_p()
            self._create(ctypes.byref(made))
            known[device] = made.value or 0
        return known[device]

    def prepare(self, device: int, stream: int, workspace: int, size: int) -> int:
        """The handle for a device, working on a stream with this memory."""
        handle = self.handle(device)
        self._set_stream(handle, stream)  # takes the last workspace away
        self._set_workspace(handle, workspace, size)
        return handle


def path(runtime: int) -> str:
    """Where cuBLAS is, for a version of the CUDA runtime (13020 is 13.2)."""
    try:
        pathfinder = importlib.import_module("cuda.pathfinder")  # comes with CuPy
    except ImportError:
        return f"libcublas.so.{runtime // 1000}"
    return str(pathfinder.load_nvidia_dynamic_lib("cublas").abs_path)


@functools.cache
def loaded(runtime: int) -> Cublas:
    """cuBLAS of this process."""
    return Cublas(ctypes.CDLL(path(runtime)))
