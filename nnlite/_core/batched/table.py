"""The kernel table of batched arrays: bodies over the whole batch, or once for each example."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...backends.base import Backend
from ...backends.kernels import GENERIC, KernelTable
from ...backends.registry import tables
from ..holding import HoldingBackend
from ..operation import OPS
from . import array
from . import products as products  # registers its rules
from .array import BatchedArray, level_of, make, namespace_of
from .indexing import lifted
from .levels import DynamicShape, Level, refuse_item, running
from .rules import BatchedNamespace, aligned, batch_outside, elementwise, wrapped

OPERATIONS: dict[str, Callable[..., Any]] = {}
"""Operation name -> ``rule(level, *arrays, **attributes)``, where the body would not do or a faster way exists."""

fallbacks: dict[str, int] = {}
"""How often each operation ran once for each example, since the program began."""

EXPLAIN = os.environ.get("NNLITE_EXPLAIN", "") not in ("", "0")


class BatchedBackend(HoldingBackend):
    """The device of the arrays that a batched array holds."""

    def __init__(self, cls: type[BatchedArray], inner: Backend) -> None:
        super().__init__(cls, inner, BatchedNamespace(inner.xp))

    def to_host(self, array: Any) -> Any:
        return refuse_item()

    def to_index(self, array: Any, index: int | None) -> Any:
        return make(array.level, self.inner.to_index(array.raw, index))

    def check_index(self, index: Any, *args: Any, **kwargs: Any) -> None:
        while isinstance(index, BatchedArray):
            index = index.raw
        tables[type(index)].backend_.check_index(index, *args, **kwargs)


class BatchedTable(KernelTable):
    """All operations on one class of batched arrays."""

    def _resolve(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **attrs: Any) -> Any:
            return run(name, args, attrs)

        return call


def levels_in(values: Any, found: dict[int, Level]) -> dict[int, Level]:
    """The levels of all arrays in nested values, by number."""
    for v in values:
        while isinstance(v, BatchedArray):
            found[v.level.id] = v.level
            v = v.raw
        if isinstance(v, tuple | list):
            levels_in(v, found)
    return found


@contextlib.contextmanager
def _buffers(levels: tuple[Level, ...]) -> Iterator[None]:
    outer, running.buffers = running.buffers, levels
    try:
        yield
    finally:
        running.buffers = outer


def run(name: str, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """One operation on arrays of which some are batched."""
    found = levels_in(attrs.values(), levels_in(args, {}))
    ids = sorted(found)
    body: Any = GENERIC[name]
    if not ids:  # a derivative in which only a number is left
        first = next(a for a in args if type(a) in tables)
        return getattr(tables[type(first)], name)(*args, **attrs)
    level = found[ids[-1]]
    rule = OPERATIONS.get(name)
    if rule is not None:
        return rule(level, *args, **attrs)
    if isinstance(body, str):
        return elementwise(body, *args, **attrs)
    if OPS[name].elementwise:
        raws = aligned(level, args)
        result = getattr(tables[type(_highest(raws, {}))], name)(*raws, **attrs)
        return wrapped(level, batch_outside(result))
    xp = tables[type(_highest(args, attrs))].backend_.xp
    # A body may add a batched array in place to one that all examples share, which would go unnoticed: all are batched.
    whole = [_whole(a, level) for a in args]
    with _buffers(tuple(found[i] for i in ids)):
        try:
            return body(xp, *whole, **attrs)
        except DynamicShape:
            raise
        except Exception:
            pass  # whatever stopped it: one example at a time gives the result, or the error in an example's terms
    return by_example(name, level, args, attrs)


def _highest(args: Any, attrs: Any) -> Any:
    best, high = None, -1
    stack = [*args, *attrs.values()]
    while stack:
        v = stack.pop()
        if isinstance(v, tuple | list):
            stack.extend(v)
        elif type(v) in tables and level_of(v) > high:
            best, high = v, level_of(v)
    return best


def _whole(a: Any, level: Level) -> Any:
    return make(level, lifted(a, level)) if type(a) in tables and level_of(a) != level.id else a


def example(value: Any, level: Level, i: int) -> Any:
    """Example ``i`` of nested values."""
    if level_of(value) == level.id:
        return value.raw[i, ...]
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(example(v, level, i) for v in value)
    if type(value) is dict:
        return {k: example(v, level, i) for k, v in value.items()}
    return value


def by_example(name: str, level: Level, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """The operation once for each example, the results stacked."""
    fallbacks[name] = fallbacks.get(name, 0) + 1
    if EXPLAIN:
        print(f"nnlite: vmap runs {name} once for each of {level.size} examples", file=sys.stderr)
    results = []
    with _buffers(()):
        for i in range(level.size):
            mine = [example(a, level, i) for a in args]
            own = {k: example(v, level, i) for k, v in attrs.items()}
            results.append(getattr(tables[type(_highest(mine, own))], name)(*mine, **own))
    return stacked(results, level)


def stacked(results: list[Any], level: Level) -> Any:
    """The results of the examples as one."""
    first = results[0]
    if isinstance(first, tuple | list):
        return type(first)(stacked(list(part), level) for part in zip(*results, strict=True))
    if isinstance(first, np.generic):
        results = [np.asarray(r) for r in results]
        first = results[0]
    if type(first) in tables:
        if any(tuple(r.shape) != tuple(first.shape) for r in results):
            raise RuntimeError("vmap: the examples give results of different shapes")
        return make(level, namespace_of(*results).stack(results))
    if all(r == first for r in results[1:]):
        return first
    raise RuntimeError("vmap: an operation keeps values for its derivative that differ between examples")


def _register(cls: type[BatchedArray], inner: type) -> None:
    tables[cls] = BatchedTable(BatchedBackend(cls, tables[inner].backend_))


array.hooks["register"] = _register
