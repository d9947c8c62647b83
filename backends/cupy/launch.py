"""From a wrapper to a running kernel: sources made whole, compiled once for a dtype, started.

A source ``kernels/<family>.cu`` is written over the type ``T`` (and others, if it says so in its first lines), which is
defined in front of it; its own ``#include`` lines are resolved here, so that what CuPy keeps on disk by the text of a
source is never out of date.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np

KERNELS = Path(__file__).parent / "kernels"

OPTIONS = ("-std=c++17",)

C_NAMES = {
    "bool": "bool", "int8": "signed char", "uint8": "unsigned char", "int16": "short", "uint16": "unsigned short",
    "int32": "int", "uint32": "unsigned int", "int64": "long long", "uint64": "unsigned long long",
    "float16": "float16", "bfloat16": "bfloat16", "float32": "float", "float64": "double",
}  # fmt: skip
"""Names that dtypes have in the sources."""

THREADS = 256
"""Threads of a block, unless a kernel has a reason for another number."""

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"\n', re.MULTILINE)


def _included(name: str, seen: set[str]) -> str:
    """The text of a file, with each file that it includes in the place of the first such line."""
    if name in seen:
        return ""
    seen.add(name)
    text = (KERNELS / name).read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda line: _included(line[1], seen), text)


@functools.cache
def source(family: str, macros: tuple[tuple[str, str], ...] = ()) -> str:
    """The whole source of a family, with its types and constants defined in front: ``(("T", "float32"),)``.

    A value that is a dtype's name becomes a type, any other a constant.
    """
    seen: set[str] = set()
    lines = [_included("types.cuh", seen)]
    for name, value in macros:
        lines.append(f"typedef {C_NAMES[value]} {name};" if value in C_NAMES else f"#define {name} {value}")
    return "\n".join([*lines, _included(f"{family}.cu", seen)])


def blocks_for(items: int, threads: int = THREADS, most: int = 1 << 16) -> int:
    """How many blocks go through ``items`` places, one a thread; kernels go on in steps of the whole grid."""
    return max(1, min(-(-items // threads), most))


class Struct:
    """An argument that a kernel takes by value and that holds addresses of ``arrays``."""

    arrays: list[Any]

    def packed(self, address: Any) -> np.ndarray:
        """The bytes as one element of a NumPy array; ``address(array)`` tells where an array lies."""
        raise NotImplementedError


class Gpu:
    """What a wrapper works with: ``xp`` makes arrays, ``launch`` starts kernels.

    Args:
        xp: the array namespace.
        module: makes a module of a source: ``module(text, label).get_function(name)`` gives a function that is called
            with (blocks, threads, arguments, shared bytes).
    """

    def __init__(self, xp: Any, module: Any) -> None:
        self.xp = xp
        self._module = module
        self._modules: dict[Any, Any] = {}
        self._functions: dict[Any, Any] = {}

    def launch(
        self, family: str, function: str, blocks: Any, threads: Any, *arguments: Any, shared: int = 0, **macros: Any
    ) -> None:
        """Start a kernel of ``kernels/<family>.cu``.

        Args:
            blocks: of the grid, and ``threads`` of a block: a number or a tuple of up to three.
            arguments: as the kernel takes them: arrays without gaps for pointers, None for a null pointer, Python
                integers for ``long long``, NumPy scalars of the very type for all others, a `Struct` for a struct.
            shared: bytes of dynamic shared memory.
            macros: ``T=x.dtype`` and so on; whatever is no dtype is a constant.
        """
        key = (family, function, *macros.values())
        found = self._functions.get(key)
        if found is None:
            found = self._functions[key] = self._find(family, function, macros)
        grid = blocks if isinstance(blocks, tuple) else (blocks,)
        found(grid, threads if isinstance(threads, tuple) else (threads,), arguments, shared_mem=shared)

    def _find(self, family: str, function: str, macros: dict[str, Any]) -> Any:
        texts = tuple((name, str(getattr(value, "name", value))) for name, value in macros.items())
        module = self._modules.get((family, texts))
        if module is None:
            module = self._modules[family, texts] = self._module(source(family, texts), family)
        return module.get_function(function)


def on_cupy(cupy: Any, xp: Any) -> Gpu:
    """Kernels on a GPU, compiled by NVRTC; CuPy keeps them on disk."""
    null = np.uintp(0)

    def passed(argument: Any) -> Any:
        if argument is None:
            return null
        return argument.packed(lambda array: array.data.ptr) if isinstance(argument, Struct) else argument

    def module(text: str, label: str) -> Any:
        raw = cupy.RawModule(code=text, options=OPTIONS)

        class Module:
            @staticmethod
            def get_function(name: str) -> Any:
                function = raw.get_function(name)

                def start(grid: Any, block: Any, arguments: Any, shared_mem: int) -> None:
                    function(grid, block, tuple(map(passed, arguments)), shared_mem=shared_mem)

                return start

        return Module

    return Gpu(xp, module)
