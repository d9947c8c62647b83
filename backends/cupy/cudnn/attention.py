"""Scaled dot-product attention and its gradient by cuDNN, in float16 and bfloat16.

cuDNN goes through the scores in tiles and keeps the logarithm of each row's sum, as the generic body does, so that
either takes the other's residuals. Queries, keys and values are read where they lie (heads within rows too), and
results lie as they do.

Dropout is not drawn by cuDNN's generator, whose numbers neither other devices nor a second derivative could repeat; its
mask is drawn beforehand, which takes memory for all scores while the operation lasts.

Every graph is compiled when it is built, which takes about a second for each shape; so a graph is built for shapes that
have come often enough (`WORTH`), and the generic body takes them until then.
"""

from __future__ import annotations

import functools
import math
import threading
from typing import Any, NamedTuple

from ... import cuda as cuda_settings
from ... import cudnn as settings
from ...kernels import kernel
from ..overrides import OVERRIDES
from . import library, plans
from .convolution import ALIGNMENT, MOST, steps
from .dropout import kept

Shape = tuple[int, ...]

Q, K, V, MASK, OUT, SUMS, G, GQ, GK, GV, KEPT, FACTOR, PART = range(1, 14)
"""The arrays of a graph by number; a leading G is for gradients. Dropout has a mask of 1 and 0, the factor of what is
kept, and its inverse, the part that is kept."""

LEAST = 1 << 20
"""Scores (of all heads) below which cuDNN is never asked."""

WORTH = 1 << 28
"""Scores that a shape has had, in all its calls, before a second of compilation is spent on it: so many take the
generic body a good part of that second. Long sequences reach it in a few calls; where each batch has another length,
every shape would have to be compiled."""

EVEN = 8
"""Numbers in 16 bytes: what the strides of operands, and the rows of a mask, have to be multiples of."""

LOWEST = {"float16": -65504.0, "bfloat16": -1e30}
"""What stands for -inf in a mask: a tile of nothing but -inf would give NaN."""


class Problem(NamedTuple):
    """What a graph is built for. Each operand is (shape, strides in elements)."""

    gradient: bool
    dtype: str
    q: tuple[Shape, Shape]
    k: tuple[Shape, Shape]
    v: tuple[Shape, Shape]
    out: tuple[Shape, Shape]
    g: tuple[Shape, Shape] | None
    mask: tuple[Shape, Shape] | None
    scale: float
    causal: bool
    dropout: bool

    def label(self) -> str:
        """For messages."""
        mask = "" if self.mask is None else f", mask {self.mask[0]}"
        return (
            f"attention{'_gradient' if self.gradient else ''} ({self.dtype}{', causal' if self.causal else ''}"
            f"{', dropout' if self.dropout else ''}{mask}): "
            f"q {self.q[0]}, k {self.k[0]}, v {self.v[0]}"
        )


def describe(frontend: Any, graph: Any, problem: Problem, deterministic: bool) -> None:
    """Put attention or its gradient into a graph."""

    def tensor(place: tuple[Shape, Shape], number: int) -> Any:
        shape, strides = place
        return graph.tensor(dim=list(shape), stride=list(strides), uid=number)

    def result(of: Any, place: tuple[Shape, Shape], number: int) -> Any:
        shape, strides = place
        return of.set_output(True).set_dim(list(shape)).set_stride(list(strides)).set_uid(number)

    kind, wide = plans.data_type(frontend, problem.dtype), frontend.data_type.FLOAT
    more: dict[str, Any] = {"attn_scale": problem.scale}
    if problem.causal:
        more |= {"diagonal_alignment": frontend.diagonal_alignment.TOP_LEFT, "diagonal_band_right_bound": 0}
    operands = {name: tensor(getattr(problem, name), number) for name, number in (("q", Q), ("k", K), ("v", V))}
    if problem.mask is not None:
        more["bias"] = tensor(problem.mask, MASK)
    if problem.dropout:
        more["dropout"] = _dropout(frontend, graph, problem)
    batch, heads, rows, _ = problem.q[0]
    sums = (batch, heads, rows, 1), (heads * rows, rows, 1, 1)
    if not problem.gradient:
        out, stats = graph.sdpa(**operands, generate_stats=True, **more)
        result(out, problem.out, OUT).set_data_type(kind)
        result(stats, sums, SUMS).set_data_type(wide)
        return
    assert problem.g is not None
    given = {"o": tensor(problem.out, OUT), "dO": tensor(problem.g, G)}
    stats = graph.tensor(dim=list(sums[0]), stride=list(sums[1]), uid=SUMS, data_type=wide)
    made = graph.sdpa_backward(**operands, **given, stats=stats, use_deterministic_algorithm=deterministic, **more)
    for gradient, like, number in zip(made, (problem.q, problem.k, problem.v), (GQ, GK, GV), strict=True):
        result(gradient, dense(like), number).set_data_type(kind)


def _dropout(frontend: Any, graph: Any, problem: Problem) -> tuple[Any, ...]:
    shape = (*problem.q[0][:3], problem.k[0][2])
    mask = graph.tensor(dim=list(shape), stride=steps(shape, False), uid=KEPT)
    kind = frontend.data_type.FLOAT
    numbers = (FACTOR, PART) if problem.gradient else (FACTOR,)
    return mask, *(graph.tensor(dim=[1] * 4, stride=[1] * 4, uid=number, data_type=kind) for number in numbers)


def dense(like: tuple[Shape, Shape]) -> tuple[Shape, Shape]:
    """The place of a new array without gaps, whose axes follow one another in memory as those of ``like``."""
    shape, strides = like
    found, step = [0] * len(shape), 1
    for axis in _order(shape, strides):
        found[axis] = step
        step *= shape[axis]
    return shape, tuple(found)


def _order(shape: Shape, strides: Shape) -> list[int]:
    """The axes from the innermost to the outermost: the last, then heads and rows by their strides, then the batch."""
    within = strides[1] < strides[2] and shape[1] > 1
    return [3, 1, 2, 0] if within else [3, 2, 1, 0]


# ---------------------------------------------------------------------------------------------------------------------
# From arrays to plans


def _place(array: Any) -> tuple[Shape, Shape]:
    """Where an operand lies: as it is, or as the copy does that `_laid` makes of it."""
    size, shape = array.itemsize, array.shape
    strides = tuple(step // size for step in array.strides)
    return (shape, strides) if _readable(array) else dense((shape, strides))


def _readable(array: Any) -> bool:
    """Whether cuDNN can read an operand where it lies."""
    return not array.data.ptr % ALIGNMENT and _fit(array.strides, array.itemsize)


@functools.lru_cache(maxsize=1024)
def _fit(strides: Shape, size: int) -> bool:
    return strides[3] == size and not any(step % (EVEN * size) or not step for step in strides[:3])


def _laid(xp: Any, array: Any, place: tuple[Shape, Shape]) -> Any:
    if _readable(array):
        return array
    copy = _empty(xp, place, array.dtype)
    copy[...] = array
    return copy


def _empty(xp: Any, place: tuple[Shape, Shape], dtype: Any) -> Any:
    """An array without gaps in the place of one that `dense` gave."""
    shape, strides = place
    if _order(shape, strides) == [3, 2, 1, 0]:
        return xp.empty(shape, dtype)
    return xp.empty((shape[0], shape[2], shape[1], shape[3]), dtype).transpose(0, 2, 1, 3)


def _mask_place(mask: Any, rows: int) -> tuple[Shape, Shape]:
    """The place of the array that `_added` makes: all rows are there, and each begins at a multiple of 16 bytes."""
    batch, heads, _, keys = mask.shape
    wide = -(-keys // EVEN) * EVEN
    return (batch, heads, rows, keys), (heads * rows * wide, rows * wide, wide, 1)


def _added(xp: Any, mask: Any, rows: int, dtype: Any) -> tuple[Any, Any]:
    """A mask as numbers to add, without -inf, and which rows see a key at all."""
    lowest = xp.full((), LOWEST[dtype.name], dtype)
    sees = mask if mask.dtype.kind == "b" else mask > -math.inf
    numbers = xp.zeros((), dtype) if mask.dtype.kind == "b" else mask
    shape, strides = _mask_place(mask, rows)
    padded = xp.empty((*shape[:3], strides[2]), dtype)
    padded[..., : shape[3]] = xp.where(sees, numbers, lowest)
    return padded, xp.any(sees, axis=-1, keepdims=True)


Found = tuple[Any, plans.Plan, Problem]
"""The library, a plan, and what it was built for."""

_handover = plans.Handover()


class _Often(threading.local):
    """How many scores each shape has had that has no graph yet."""

    def __init__(self) -> None:
        self.scores: dict[Any, int] = {}

    def enough(self, key: Any, scores: int) -> bool:
        """Whether a graph is worth it, with these scores counted in."""
        total = self.scores.pop(key, 0) + scores
        if total >= WORTH:
            return True
        if len(self.scores) >= plans.KEPT:
            del self.scores[next(iter(self.scores))]
        self.scores[key] = total
        return False


_often = _Often()


def find(
    q: Any, k: Any, v: Any, mask: Any, out: Any, g: Any, scale: float, causal: bool, dropout: float
) -> Found | None:
    """The plan for operands as they lie; None where there is none. ``out`` and ``g`` are None in forward."""
    there = library.of(q)
    if there is None or not settings.enabled or not cuda_settings.cudnn_sdp_enabled() or dropout == 1:
        return None
    shape = q.shape
    scores = shape[0] * shape[1] * shape[2] * k.shape[2]
    if scores < LEAST:
        return None
    arrays = (q, k, v) if out is None else (q, k, v, out, g)
    key: tuple[Any, ...] = (
        tuple([(a.shape, a.strides, a.dtype, a.data.ptr % ALIGNMENT) for a in arrays]),
        None if mask is None else mask.shape,
        scale,
        causal,
        dropout > 0,
        plans.flags(),
        there.device(),
    )
    entry = plans.look(key)
    if entry is None:
        if not _often.enough(key, scores):
            return None
        problem = _problem(*arrays, mask=mask, scale=scale, causal=causal, dropout=dropout > 0)
        entry = plans.keep(key, problem, lambda chosen: build(there, problem, chosen))
    return None if entry.plan is None else (there, entry.plan, entry.problem)


def _problem(q: Any, k: Any, v: Any, *given: Any, mask: Any, scale: float, causal: bool, dropout: bool) -> Problem:
    at = _place(q)
    out, g = map(_place, given) if given else (dense(((*q.shape[:3], v.shape[3]), at[1])), None)
    kinds = sorted({a.dtype.name for a in (q, k, v, *given)})
    masked = None if mask is None else _mask_place(mask, q.shape[2])
    return Problem(bool(given), " and ".join(kinds), at, _place(k), _place(v), out, g, masked, scale, causal, dropout)


def build(there: Any, problem: Problem, chosen: plans.Choice) -> plans.Plan:
    """The plan for a problem.

    Raises:
        Unsupported: there is none.
    """
    if problem.dtype not in LOWEST:
        raise plans.Unsupported(f"attention in {problem.dtype} is left to other kernels")
    sizes = [math.prod(shape) for shape, _ in (problem.q, problem.k, problem.v, problem.mask or problem.q)]
    if problem.dropout:
        sizes.append(math.prod(problem.q[0][:3]) * problem.k[0][2])
    if not all(sizes):
        raise plans.Unsupported("there is nothing to compute")
    if max(sizes) >= MOST:
        raise plans.Unsupported(f"an array has {max(sizes)} numbers, and less than {MOST} were expected")
    frontend = there.frontend
    return plans.build(
        there,
        lambda graph: describe(frontend, graph, problem, chosen.deterministic),
        problem.dtype,
        chosen,
        problem.label(),
        compiled=True,
    )


def _drawn(xp: Any, q: Any, k: Any, causal: bool, dropout: float, seed: int, counter: int) -> dict[int, Any]:
    """The arrays of dropout."""
    mask = kept(xp, (*q.shape[:3], k.shape[2]), causal, dropout, seed, counter, q)
    return {KEPT: mask, FACTOR: xp.full(1, 1 / (1 - dropout), "float32")}


def _found(found: Found | None) -> Found:
    if found is None:
        raise RuntimeError("cuDNN has no plan for this attention; nnlite.backends.cudnn.explain() says why")
    return found


# ---------------------------------------------------------------------------------------------------------------------
# The operations


def _takes(
    q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool, dropout: float, seed: int, counter: int
) -> bool:
    given = (q, k, v, mask, None, None, scale, causal, dropout)
    return _handover.offer(given, find(*given))


@kernel("attention", table=OVERRIDES, when=_takes, above=True)
def attention(
    gpu: Any, q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool, dropout: float, seed: int, counter: int
) -> tuple[Any, ...]:
    """One kernel, which never holds more than a tile of the scores."""
    given = (q, k, v, mask, None, None, scale, causal, dropout)
    there, plan, problem = _found(_handover.take(given) or find(*given))
    xp = gpu.xp
    out = _empty(xp, problem.out, q.dtype)
    sums = xp.empty((*q.shape[:3], 1), "float32")
    arrays = {Q: _laid(xp, q, problem.q), K: _laid(xp, k, problem.k), V: _laid(xp, v, problem.v), OUT: out, SUMS: sums}
    if dropout:
        arrays |= _drawn(xp, q, k, causal, dropout, seed, counter)
    if mask is None:
        plan.run(there, xp, arrays)
        return out, sums, None
    arrays[MASK], sees = _added(xp, mask, q.shape[2], q.dtype)
    plan.run(there, xp, arrays)
    # A row that sees nothing has weights of 0, and the logarithm of its sum is inf, so that it has none in backward.
    return xp.where(sees, out, xp.zeros((), out.dtype)), xp.where(sees, sums, xp.full((), math.inf, sums.dtype)), None


def _takes_gradient(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    out: Any,
    sums: Any,
    weights: Any,
    *,
    scale: float,
    causal: bool,
    dropout: float,
    seed: int,
    counter: int,
    wanted: bool,
) -> bool:
    given = (q, k, v, mask, out, g, scale, causal, dropout)
    return not wanted and _handover.offer(given, find(*given))


@kernel("attention_gradient", table=OVERRIDES, when=_takes_gradient, above=True)
def attention_gradient(
    gpu: Any,
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    mask: Any,
    out: Any,
    sums: Any,
    weights: Any,
    *,
    scale: float,
    causal: bool,
    dropout: float,
    seed: int,
    counter: int,
    wanted: bool,
) -> tuple[Any, ...]:
    """The weights are computed again from the sums; nothing of the size of the scores is held."""
    given = (q, k, v, mask, out, g, scale, causal, dropout)
    there, plan, problem = _found(_handover.take(given) or find(*given))
    xp = gpu.xp
    assert problem.g is not None
    made = [_empty(xp, dense(place), q.dtype) for place in (problem.q, problem.k, problem.v)]
    arrays = {
        Q: _laid(xp, q, problem.q),
        K: _laid(xp, k, problem.k),
        V: _laid(xp, v, problem.v),
        OUT: _laid(xp, out, problem.out),
        G: _laid(xp, g, problem.g),
        SUMS: xp.ascontiguousarray(sums),
        **dict(zip((GQ, GK, GV), made, strict=True)),
    }
    if dropout:
        arrays |= _drawn(xp, q, k, causal, dropout, seed, counter)
        arrays[PART] = xp.full(1, 1 - dropout, "float32")
    if mask is not None:
        arrays[MASK], _ = _added(xp, mask, q.shape[2], q.dtype)
    plan.run(there, xp, arrays)
    return *made, None
