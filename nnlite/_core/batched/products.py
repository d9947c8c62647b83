"""Products over a batch: one large product where an operand is the same for all examples."""

from __future__ import annotations

import string
from typing import Any

from .array import level_of, make, namespace_of
from .indexing import lifted
from .levels import Level, VmapError
from .rules import aligned, elementwise, rule, top


@rule("matmul")
def matmul(x: Any, y: Any, out: Any = None, **kwargs: Any) -> Any:
    if out is not None:
        out[...] = matmul(x, y, **kwargs)
        return out
    level = top(x, y)
    x, y = (_shared(v, level) for v in (x, y))
    if level_of(x) != level.id and level_of(y) != level.id:
        x = make(level, lifted(x, level))
    row, column = x.ndim == 1, y.ndim == 1
    if not x.ndim or not y.ndim:
        raise ValueError("matmul of an array of 0 dimensions")
    if row:
        x = x.reshape(1, x.shape[0])
    if column:
        y = y.reshape(y.shape[0], 1)
    a, b = aligned(level, (x, y))
    xp = namespace_of(a, b)
    if level_of(y) != level.id and y.ndim == 2 and a.flags.c_contiguous:
        out = xp.matmul(a.reshape(-1, a.shape[-1]), b, **kwargs)  # one product in place of one for each example
        out = out.reshape(*a.shape[:-1], b.shape[-1])
    else:
        out = xp.matmul(a, b, **kwargs)
    if row:
        out = out.squeeze(-2)
    return make(level, out.squeeze(-1) if column else out)


def _shared(x: Any, level: Level) -> Any:
    """An array that is the same for all examples without its batch, so that one large product can be made."""
    if level_of(x) == level.id and level.size > 1 and not level_of(x.raw) and x.raw.strides[0] == 0:
        return x.raw[0]
    return x


@rule("dot")
def _dot(x: Any, y: Any) -> Any:
    if x.ndim and y.ndim <= 2:
        return matmul(x, y)
    if not x.ndim or not y.ndim:
        return elementwise("multiply", x, y)
    raise VmapError("vmap: dot of arrays of more than 2 dimensions")


@rule("einsum")
def _einsum(spec: Any, *arrays: Any, **kwargs: Any) -> Any:
    if not isinstance(spec, str) or "->" not in spec:
        raise VmapError("vmap: einsum without an explicit output")
    level = top(*arrays)
    letter = next(c for c in string.ascii_letters if c not in spec)
    inputs, output = spec.replace(" ", "").split("->")
    terms = [letter + t if level_of(a) == level.id else t for t, a in zip(inputs.split(","), arrays, strict=True)]
    raws = [a.raw if level_of(a) == level.id else a for a in arrays]
    return make(level, namespace_of(*raws).einsum(f"{','.join(terms)}->{letter}{output}", *raws, **kwargs))


@rule("tensordot")
def _tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    mine, theirs = (
        [a % v.ndim for a in ((p,) if isinstance(p, int) else p)] for p, v in zip(axes, (x, y), strict=True)
    )
    letters = iter(string.ascii_letters)
    left = [next(letters) for _ in range(x.ndim)]
    right = [next(letters) for _ in range(y.ndim)]
    for i, j in zip(mine, theirs, strict=True):
        right[j] = left[i]
    out = [c for i, c in enumerate(left) if i not in mine] + [c for j, c in enumerate(right) if j not in theirs]
    return _einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", x, y)
