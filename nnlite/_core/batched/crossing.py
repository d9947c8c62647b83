"""Into a ``vmap`` and out of it: recorded operations, and gradients that leave it on their way backward."""

from __future__ import annotations

from typing import Any

from ...backends.registry import tables
from ..op import TensorBase, op
from ..operands import transfer
from ..operation import batches
from .array import BatchedArray, level_of, make, namespace_of
from .indexing import lifted
from .levels import Level
from .table import OPERATIONS, example, fallbacks, run, stacked


def entered(a: Any, level: Level, axis: int) -> Any:
    """The raw array with the examples of ``level`` along ``axis``, as a batched array."""
    if level_of(a) > level.id:  # a vmap over the derivative of a finished one
        return make(a.level, entered(a.raw, level, axis + 1))
    return make(level, namespace_of(a).moveaxis(a, axis, 0))


def left(a: Any, level: Level, axis: int) -> Any:
    """All examples of ``level`` along ``axis`` of an array without that level."""
    if level_of(a) > level.id:
        return make(a.level, left(a.raw, level, axis + 1))
    if level_of(a) == level.id:
        raw = a.raw
    else:
        raw = namespace_of(a).broadcast_to(a, (level.size, *a.shape))
    return namespace_of(raw).moveaxis(raw, 0, axis) if axis else raw


def first_only(a: Any, level: Level) -> Any:
    """A batch in which the first example has ``a`` and the others zeros."""
    if level_of(a) > level.id:
        return make(a.level, first_only(a.raw, level))
    if level_of(a) == level.id:
        return a
    raw = namespace_of(a).zeros((level.size, *a.shape), a.dtype)
    raw[0, ...] = a
    return make(level, raw)


@op("vmap_enter", title="VmapEnterBackward0")
def enter(xp: Any, x: Any, *, level: Level, axis: int) -> Any:
    return entered(x, level, axis)


@op("vmap_exit", title="VmapExitBackward0")
def leave(xp: Any, x: Any, *, level: Level, axis: int) -> Any:
    return left(x, level, axis)


@op("vmap_shared", title="VmapSharedBackward0")
def leave_shared(xp: Any, x: Any, *, level: Level) -> Any:
    """A result that is the same for all examples; its gradient comes once, not once for each of them."""
    return x


@op("vmap_first", title="VmapFirstBackward0")
def _first(xp: Any, x: Any, *, level: Level) -> Any:
    return first_only(x, level)


@op("vmap_total", title="VmapTotalBackward0")
def _total(xp: Any, x: Any, *, level: Level) -> Any:
    """The sum over the examples."""
    return summed(x, level)


def summed(a: Any, level: Level) -> Any:
    """The sum of a raw array over the examples of a level."""
    raw = left(a, level, 0) if level_of(a) >= level.id else a
    return _sum_of_first(raw) if raw is not a else a


def _sum_of_first(raw: Any) -> Any:
    xp = namespace_of(raw)
    if raw.dtype.itemsize == 2:
        return xp.sum(raw, axis=0, dtype="float32").astype(raw.dtype)
    return xp.asarray(xp.sum(raw, axis=0))


@enter.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.vmap_exit(g, **node.attrs),)


@leave.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.vmap_enter(g, **node.attrs),)


@leave_shared.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.vmap_first(g, **node.attrs),)


@_first.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.vmap_total(g, **node.attrs),)


@_total.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.vmap_spread(g, **node.attrs),)


@op("vmap_spread", title="VmapSpreadBackward0")
def _spread(xp: Any, x: Any, *, level: Level) -> Any:
    """The same for all examples, as a batch."""
    return spread_over(x, level)


def spread_over(a: Any, level: Level) -> Any:
    """A raw array as a batch of a level in which all examples are the same."""
    return entered(left(a, level, 0), level, 0)


@_spread.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.vmap_total(g, **node.attrs),)


for _call, _function in ((enter, entered), (leave, left), (leave_shared, lambda x, level: x), (_first, first_only),
                         (_total, summed), (_spread, spread_over)):  # fmt: skip
    OPERATIONS[_call.op.name] = lambda _level, x, *, _f=_function, **attrs: _f(x, **attrs)


# -- backward ---------------------------------------------------------------------------------------------------------


def settle(edges: tuple[Any, ...], results: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gradients on their way to ``edges``, summed over the examples where they leave a finished ``vmap``.

    Inside, each example has its own gradient of what all share; the nodes made before the ``vmap`` began want the sum.
    """
    return tuple(
        r if edge is None or r is None else _settled(r, edge.seq)
        for edge, r in zip(edges, results, strict=False)
    )  # fmt: skip


def _settled(r: Any, seq: int) -> Any:
    a = r._a if isinstance(r, TensorBase) else r
    inner = a
    while isinstance(inner, BatchedArray):
        level = inner.level
        inner = inner.raw
        if not level.active and level.start > seq:
            r = _total(r, level=level) if isinstance(r, TensorBase) else summed(r, level)
    return r


def derivative_by_example(op: Any, g: Any, node: Any, saved: Any) -> Any:
    """A derivative once for each example, where it cannot run on the whole batch; None if nothing is batched."""
    level = _level_among((g, saved))
    if level is None:
        return None
    fallbacks[op.name] = fallbacks.get(op.name, 0) + 1
    results = []
    for i in range(level.size):
        own = example(g, level, i)
        like = next(a for a in (own if isinstance(own, list) else [own]) if a is not None)
        results.append(op.backward(tables[type(like)], own, node, example(saved, level, i)))
    return tuple(None if part[0] is None else stacked(list(part), level) for part in zip(*results, strict=True))


def _level_among(values: Any) -> Level | None:
    best: Level | None = None
    for v in values:
        found = v.level if isinstance(v, BatchedArray) else _level_among(v) if isinstance(v, tuple | list) else None
        if found is not None and (best is None or found.id > best.id):
            best = found
    return best


def rerun(name: str, raws: Any, attrs: dict[str, Any]) -> Any:
    """An operation whose first array is the same for all examples and another is not; None for any other."""
    if isinstance(raws[0], BatchedArray) or not _has_batch((*raws, *attrs.values())):
        return None
    return run(name, tuple(raws), attrs)


batches.rerun = rerun  # type: ignore[method-assign]


@op("vmap_lift", title="VmapLiftBackward0")
def _lift(xp: Any, x: Any, *, level: Level) -> Any:
    """An array that is the same for all examples, as one that has a value for each."""
    return make(level, lifted(x, level))


@_lift.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (g,)


OPERATIONS["vmap_lift"] = lambda _level, x, *, level: make(level, lifted(x, level))


def lift(values: Any) -> list[Any] | None:
    """Operands with all tensors at the highest level of one of them; None if they are already."""
    tensors = [v for v in values if isinstance(v, TensorBase)]
    level = max((v._a.level for v in tensors if isinstance(v._a, BatchedArray)), key=lambda found: found.id)
    if all(level_of(v._a) == level.id for v in tensors):
        return None
    return [
        _lift(v, level=level) if isinstance(v, TensorBase) and level_of(v._a) != level.id else v for v in values
    ]  # fmt: skip


transfer.lift = lift


def _has_batch(values: Any) -> bool:
    return any(isinstance(v, BatchedArray) or (isinstance(v, tuple | list) and _has_batch(v)) for v in values)


def batched_tensor(t: Any, level: Level) -> bool:
    """Whether a tensor differs between the examples of a level."""
    a = t._a
    while isinstance(a, BatchedArray):
        if a.level is level:
            return True
        a = a.raw
    return False
