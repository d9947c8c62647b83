"""A CUDA source compiled by g++ over ``device.h``, and its kernels as functions that check what they are given."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...cupy.launch import Struct

DEVICE = Path(__file__).with_name("device.h")

FLAGS = ("-std=c++17", "-O1", "-fno-strict-aliasing", "-fPIC", "-w")

GUARD = 4096
"""Bytes before and behind each array, which a kernel must not write."""

MOST_THREADS = 1024

_KERNEL = re.compile(r'extern "C" __global__ void (?:__launch_bounds__\(([^)]*)\)\s+)?(\w+)\(')

ANY_REGISTERS = 256
"""Threads of a block that may have as many registers as a thread can have; more have to be declared."""

_TRAMPOLINE = """
extern "C" const char* start_{0}(const unsigned* size, long shared, int order, void** values) {{
    return emulated::launch({0}, size, shared, order, values);
}}
extern "C" const char* types_{0}() {{ return emulated::signature({0}); }}
"""


@functools.cache
def library(text: str, label: str) -> ctypes.CDLL:
    """The source compiled and loaded; kept on disk by its text."""
    names = [name for _, name in _KERNEL.findall(text)]
    whole = text + "".join(_TRAMPOLINE.format(name) for name in names)
    folder = Path(tempfile.gettempdir()) / f"nnlite-emulator-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{label}-{_digest(whole)}.so"
    if not target.exists():
        header = _header(folder)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            (Path(work) / f"{label}.cpp").write_text(whole, "utf-8")
            command = ["-shared", "-include", str(header), "-o", f"{work}/out.so", f"{work}/{label}.cpp"]
            _compile(f"kernels/{label}.cu", command)
            os.replace(f"{work}/out.so", target)
    return ctypes.CDLL(str(target))


def _digest(text: str) -> str:
    return hashlib.sha256((text + DEVICE.read_text("utf-8") + " ".join(FLAGS)).encode()).hexdigest()[:24]


@functools.cache
def _header(folder: Path) -> Path:
    """A copy of ``device.h`` with its compiled form beside it, which g++ takes by itself: 0.2 of 0.5 s for a source."""
    target = folder / f"device-{_digest('')}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            made = Path(work) / "made"
            made.mkdir()
            shutil.copyfile(DEVICE, made / DEVICE.name)
            _compile("device.h", ["-x", "c++-header", "-o", f"{made / DEVICE.name}.gch", str(made / DEVICE.name)])
            with contextlib.suppress(OSError):  # another process was first
                os.rename(made, target)
    return target / DEVICE.name


def _compile(what: str, arguments: Sequence[str]) -> None:
    done = subprocess.run(["g++", *FLAGS, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{what} does not compile for the CPU:\n{done.stderr[:4000]}")


class Module:
    """The kernels of one source.

    Args:
        backwards: run the last thread and the last block first.
    """

    def __init__(self, text: str, label: str, backwards: bool = False) -> None:
        self._library = library(text, label)
        self._backwards = backwards
        self._bounds = {name: bounds.partition(",")[0].strip() for bounds, name in _KERNEL.findall(text) if bounds}

    def get_function(self, name: str) -> Any:
        """A function of (blocks, threads, arguments, shared bytes)."""
        types = getattr(self._library, f"types_{name}")
        types.restype = ctypes.c_char_p
        start = getattr(self._library, f"start_{name}")
        start.restype = ctypes.c_char_p
        parameters = re.findall("[CP]?.", types().decode())
        declared = self._bounds.get(name, str(ANY_REGISTERS))
        most = int(declared) if declared.isdigit() else MOST_THREADS

        def call(grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared_mem: int = 0) -> None:
            if len(arguments) != len(parameters):
                raise TypeError(f"{name}: the kernel takes {len(parameters)} arguments, got {len(arguments)}")
            memory = _Memory()
            values = [_value(name, i, p, a, memory) for i, (p, a) in enumerate(zip(parameters, arguments, strict=True))]
            memory.place()
            pointers = [_passed(v, memory) for v in values]
            buffers = [ctypes.create_string_buffer(p, len(p)) for p in pointers]
            table = (ctypes.c_void_p * len(buffers))(*[ctypes.addressof(b) for b in buffers])
            size = (ctypes.c_uint * 6)(*_three(grid), *_three(block))
            threads = math.prod(block)
            if most < threads <= MOST_THREADS:
                what = f"{threads} threads, but its registers are sure to suffice for {most} only"
                raise RuntimeError(f"{name}: {what}; declare more with __launch_bounds__")
            fault = start(size, ctypes.c_long(shared_mem), int(self._backwards), table)
            if fault:
                raise RuntimeError(f"{name}: {fault.decode()}")
            memory.take_back(name)

        return call


def _three(sizes: Sequence[int]) -> list[int]:
    return [*sizes, 1, 1, 1][:3]


def _passed(value: Any, memory: _Memory) -> bytes:
    """What stands in the place of an argument: its bytes, or where its array lies for this launch."""
    if isinstance(value, Struct):
        return value.packed(lambda array: int.from_bytes(memory.address(array._h), "little")).tobytes()
    return value if isinstance(value, bytes) else memory.address(value)


def _value(name: str, i: int, parameter: str, argument: Any, memory: _Memory) -> Any:
    """An argument as bytes, or the array whose address it is; refused if the kernel would read it as something else."""
    what = f"{name}: argument {i}"
    if parameter[0] in "CP" and len(parameter) == 2:
        if argument is None:
            return bytes(8)
        if not hasattr(argument, "_h"):
            raise TypeError(f"{what} is a pointer, got {type(argument).__name__}")
        host = argument._h
        if not host.flags.c_contiguous:
            raise ValueError(f"{what}: a kernel takes arrays without gaps, got strides {host.strides}")
        kind = parameter[1]
        if kind not in "sV" and np.dtype(kind) != host.dtype:
            raise TypeError(f"{what}: the kernel reads {np.dtype(kind)}, got an array of {host.dtype}")
        memory.add(host, parameter[0] == "P")
        return host
    if parameter == "s" or isinstance(argument, Struct):
        if parameter != "s" or not isinstance(argument, Struct):
            raise TypeError(f"{what}: a struct is passed to a parameter that is none, or the other way round")
        for array in argument.arrays:
            if not array._h.flags.c_contiguous:
                raise ValueError(f"{what}: a kernel takes arrays without gaps, got strides {array._h.strides}")
            memory.add(array._h, True)
        return argument
    if parameter == "q" and type(argument) is int:
        return np.int64(argument).tobytes()
    if not isinstance(argument, np.generic) or argument.dtype != np.dtype(parameter):
        kind = type(argument).__name__
        raise TypeError(f"{what}: the kernel takes {np.dtype(parameter).name}, got {kind}; pass a NumPy scalar of it")
    return argument.tobytes()


class _Memory:
    """The memory of a launch: copies of the arrays with guards around them; arrays that overlap share one."""

    def __init__(self) -> None:
        self._arrays: list[tuple[int, int, bool, np.ndarray]] = []
        self._pieces: list[tuple[int, int, np.ndarray]] = []

    def add(self, array: np.ndarray, written: bool) -> None:
        first = array.__array_interface__["data"][0]
        self._arrays.append((first, first + array.nbytes, written, array))

    def place(self) -> None:
        spans: list[list[int]] = []
        for first, last, _, _ in sorted(self._arrays, key=lambda entry: entry[:2]):
            if spans and first < spans[-1][1]:
                spans[-1][1] = max(last, spans[-1][1])
            else:
                spans.append([first, last])
        for first, last in spans:
            # The same place in a line of 256 bytes, so that vector loads that are aligned stay so.
            copy = np.full(last - first + 2 * GUARD + 256, 0xFF, np.uint8)
            copy = copy[(first - copy.ctypes.data) % 256 :]
            ctypes.memmove(copy.ctypes.data + GUARD, first, last - first)
            self._pieces.append((first, last, copy))

    def address(self, array: np.ndarray) -> bytes:
        at = array.__array_interface__["data"][0]
        for first, last, copy in self._pieces:
            if first <= at < last or (at == first and not array.nbytes):
                return np.uint64(copy.ctypes.data + GUARD + at - first).tobytes()
        raise AssertionError("an argument without memory")

    def take_back(self, name: str) -> None:
        for first, last, copy in self._pieces:
            size = last - first
            if (copy[:GUARD] != 0xFF).any() or (copy[GUARD + size : 2 * GUARD + size] != 0xFF).any():
                raise RuntimeError(f"{name}: the kernel wrote outside an array")
        for first, last, written, _ in self._arrays:
            for start, stop, copy in self._pieces:
                if written and start <= first < stop:
                    ctypes.memmove(first, copy.ctypes.data + GUARD + first - start, last - first)
