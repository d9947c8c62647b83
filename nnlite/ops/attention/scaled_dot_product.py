"""Scaled dot-product attention, computed in blocks of rows.

Of the scores of all queries and keys only one block is held at a time, in forward and in backward, so that memory grows
linearly with the lengths. What is kept for backward is the logarithm of each row's sum; the weights are computed again
from it, or kept too where all scores fit one block. The dropout mask is drawn again from its place in the stream of
random numbers. Source: Dao et al., FlashAttention, https://arxiv.org/abs/2205.14135.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..._core import rng
from ..._core.op import TensorBase, not_a_tensor, op
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ..activation.softmax import softmax, title_of, widen
from ..linalg.matmul import matmul
from ..pointwise.arithmetic import where
from ..shape.views import broadcast_to, reshape, transpose

BLOCK = 1 << 18
"""Scores that are held at a time: 1 MB of float32, which stays in a core's cache."""

_WORDS = 8
"""Random words of 32 bits in one step of the generator's counter."""


class _Block(NamedTuple):
    """Some rows of scores: slices of batch, head and query; how many keys count; the place of its random numbers."""

    batch: slice
    head: slice
    row: slice
    keys: int
    counter: int


def _parts(size: int, most: int) -> Iterator[slice]:
    most = max(most, 1)
    for start in range(0, size, most):
        yield slice(start, min(start + most, size))


def _blocks(shape: tuple[int, int, int, int], causal: bool) -> list[_Block]:
    """The blocks of scores of shape (batch, heads, queries, keys)."""
    batches, heads, rows, keys = shape
    each = max(rows * keys, 1)
    found = []
    counter = 0
    for batch in _parts(batches, BLOCK // (each * max(heads, 1))):
        for head in _parts(heads, BLOCK // each):
            for row in _parts(rows, BLOCK // max(keys, 1)):
                seen = min(keys, row.stop) if causal else keys
                found.append(_Block(batch, head, row, seen, counter))
                size = (batch.stop - batch.start) * (head.stop - head.start) * (row.stop - row.start) * keys
                counter += -(-size // _WORDS)
    return found


def _of(x: Any, block: _Block, rows: bool) -> Any:
    """The block's part of queries (``rows``) or of keys and values."""
    part = x[block.batch, block.head]
    return part[:, :, block.row] if rows else part[:, :, : block.keys]


def _mask_of(mask: Any, block: _Block) -> Any:
    """The block's part of a mask whose dimensions may have size 1."""
    batch, head, row = (
        part if size > 1 else slice(None)
        for size, part in zip(mask.shape, (block.batch, block.head, block.row), strict=False)
    )
    return mask[batch, head, row, : block.keys]


def _barred(xp: Any, mask: Any, dtype: Any) -> Any:
    """-inf where the mask is true, 0 elsewhere."""
    return xp.where(mask, xp.asarray(-math.inf, dtype=dtype), xp.zeros((), dtype))


def _scores(xp: Any, q: Any, k: Any, mask: Any, block: _Block, scale: float, causal: bool) -> Any:
    scores = xp.matmul(_of(q, block, True) * scale, _of(k, block, False).swapaxes(-1, -2))
    if causal:
        later = xp.arange(block.keys)[None] > xp.arange(block.row.start, block.row.stop)[:, None]
        scores += _barred(xp, later, scores.dtype)
    if mask is not None:
        part = _mask_of(mask, block)
        scores += _barred(xp, ~part, scores.dtype) if part.dtype.kind == "b" else part
    return scores


def _kept(xp: Any, like: Any, block: _Block, dropout: float, seed: int, counter: int) -> Any:
    """What the block's weights are multiplied by under dropout: 0 or 1 / (1 - dropout)."""
    if dropout == 1:
        return xp.zeros(like.shape, like.dtype)
    bits = xp.random_bits(seed, counter + block.counter, like.size, like)
    keep = (bits >= int(dropout * 2**32)).astype(like.dtype)
    keep *= 1 / (1 - dropout)
    return keep.reshape(like.shape)


@op(
    saves=("q", "k", "v", "mask", "out", "sums", "weights"),
    residuals=("sums", "weights"),
    title="ScaledDotProductAttentionBackward0",
)
def _attention(
    xp: Any, q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool, dropout: float, seed: int, counter: int
) -> tuple[Any, ...]:
    """softmax(scale q k^T + mask) v, for q, k and v of shape (batch, heads, length, size)."""
    kind = q.dtype
    q, k, v = widen(q), widen(k), widen(v)
    shape = (*q.shape[:3], k.shape[2])
    out = xp.empty((*q.shape[:3], v.shape[3]), q.dtype)
    sums = xp.empty((*q.shape[:3], 1), q.dtype)
    blocks = _blocks(shape, causal)
    weights = None
    for block in blocks:
        scores = _scores(xp, q, k, mask, block, scale, causal)
        top = xp.max(scores, axis=-1, keepdims=True) if block.keys else xp.zeros((*scores.shape[:3], 1), q.dtype)
        top = xp.where(top == -math.inf, 0, top).astype(q.dtype)  # a row that sees nothing has weights of 0
        scores -= top
        xp.exp(scores, out=scores)
        total = xp.sum(scores, axis=-1, keepdims=True)
        seen = total > 0
        scores /= xp.where(seen, total, 1).astype(q.dtype)
        _of(sums, block, True)[...] = xp.where(seen, top + xp.log(total), math.inf)
        if len(blocks) == 1:
            weights = scores
        used = scores * _kept(xp, scores, block, dropout, seed, counter) if dropout else scores
        _of(out, block, True)[...] = xp.matmul(used, _of(v, block, False))
    return out.astype(kind, copy=False), sums, weights


@_attention.vjp
def _(f: Any, g: Any, node: Any, q: Any, k: Any, v: Any, mask: Any, out: Any, *kept: Any) -> tuple[Any, ...]:
    return f.attention_gradient(g, q, k, v, mask, out, *kept, **node.attrs, wanted=node.edges[3] is not None)


@op(outputs=4)
def _attention_gradient(
    xp: Any,
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
    """The gradients of q, k, v and, if ``wanted``, of the mask."""
    kinds = (q.dtype, k.dtype, v.dtype)
    g, q, k, v, out = widen(g), widen(q), widen(k), widen(v), widen(out)
    gq, gk, gv = xp.empty(q.shape, q.dtype), xp.zeros(k.shape, q.dtype), xp.zeros(v.shape, q.dtype)
    g_mask: Any = xp.zeros(mask.shape, q.dtype) if wanted else None
    common = xp.sum(g * out, axis=-1, keepdims=True)
    for block in _blocks((*q.shape[:3], k.shape[2]), causal):
        up = _of(g, block, True)
        if weights is None:
            used = _scores(xp, q, k, mask, block, scale, causal)
            used -= _of(sums, block, True)
            xp.exp(used, out=used)
        else:
            used = weights
        down = xp.matmul(up, _of(v, block, False).swapaxes(-1, -2))
        if dropout:
            keep = _kept(xp, down, block, dropout, seed, counter)
            down *= keep
            _of(gv, block, False)[...] += xp.matmul((used * keep).swapaxes(-1, -2), up)
        else:
            _of(gv, block, False)[...] += xp.matmul(used.swapaxes(-1, -2), up)
        down -= _of(common, block, True)
        down *= used
        if wanted:
            part = _mask_of(g_mask, block)
            part += _summed(xp, down, part.shape)
        down *= scale
        _of(gq, block, True)[...] = xp.matmul(down, _of(k, block, False))
        _of(gk, block, False)[...] += xp.matmul(down.swapaxes(-1, -2), _of(q, block, True))
    made = [a.astype(kind, copy=False) for a, kind in zip((gq, gk, gv), kinds, strict=True)]
    return *made, g_mask.astype(mask.dtype, copy=False) if wanted else None


def _summed(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes that have size 1 in ``shape``."""
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1 and x.shape[axis] != 1)
    return xp.sum(x, axis=axes, keepdims=True) if axes else x


@_attention.composite
def _(q: Any, k: Any, v: Any, mask: Any, *, scale: float, causal: bool, dropout: float, seed: int, counter: int) -> Any:
    scores = matmul(q * scale, transpose(k, -1, -2))
    xp = backend_of(q._a).xp
    if causal:
        later = xp.arange(k.shape[2])[None] > xp.arange(q.shape[2])[:, None]
        scores = scores + wrap(_barred(xp, later, scores._a.dtype))
    if mask is not None:
        scores = scores + (_additive(mask, scores) if mask._a.dtype.kind == "b" else mask)
    weights = softmax(scores, -1)
    sees = wrap(xp.max(scores._a, axis=-1, keepdims=True) > -math.inf)
    weights = where(sees, weights, wrap(xp.zeros((), weights._a.dtype)))
    if dropout:
        keep = xp.zeros(scores.shape, scores._a.dtype)
        for block in _blocks(scores.shape, causal):
            part = keep[block.batch, block.head, block.row, : block.keys]
            part[...] = _kept(xp, part, block, dropout, seed, counter)
        weights = weights * wrap(keep)
    return matmul(weights, v)


def _additive(mask: Any, like: Any) -> Any:
    """A mask to add: 0 where a mask of bools is true, else -inf."""
    xp = backend_of(mask._a).xp
    return wrap(_barred(xp, ~mask._a, like._a.dtype))


# ---------------------------------------------------------------------------------------------------------------------
# The public function


def _check(query: Any, key: Any, value: Any, attn_mask: Any, is_causal: bool) -> None:
    name = "scaled_dot_product_attention"
    given = {"query": query, "key": key, "value": value}
    for place, (_, t) in enumerate(given.items()):
        if not isinstance(t, TensorBase):
            raise not_a_tensor(name, place, t)
    if any(t._a.dtype != query._a.dtype for t in (key, value)):
        kinds = ", ".join(f"{label}.dtype: {t.dtype}" for label, t in given.items())
        raise RuntimeError(f"Expected query, key, and value to have the same dtype, but got {kinds} instead.")
    if any(t.device != query.device for t in (key, value)):
        where_ = ", ".join(f"{label}.device: {t.device}" for label, t in given.items())
        raise RuntimeError(f"Expected query, key, and value to have the same device type, but got {where_} instead.")
    if any(t.ndim < 2 for t in given.values()):
        sizes = ", ".join(f"{label} dim: {t.ndim}" for label, t in given.items())
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got {sizes} instead."
        )
    if query._a.dtype.kind not in "fV":
        raise RuntimeError(f"{name}: expected floating-point numbers, got {title_of(query._a)} (call .float())")
    if attn_mask is None:
        return
    if is_causal:
        raise RuntimeError(
            f"_{name}: Explicit attn_mask should not be set when is_causal=True (add the causal mask to attn_mask)"
        )
    if attn_mask._a.dtype.kind != "b" and attn_mask._a.dtype != query._a.dtype:
        raise RuntimeError(
            f"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{attn_mask.dtype} and query.dtype: {query.dtype} instead."
        )


def _grouped(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Key and value with each head repeated for all of its query heads."""
    heads = query.shape[-3] if query.ndim > 2 else 1
    made = []
    for t in (key, value):
        own = t.shape[-3] if t.ndim > 2 else 1
        if not own or heads % own:
            raise RuntimeError("Number of heads in key and value must divide the number of heads in query")
        each = reshape(t, *t.shape[:-2], 1, *t.shape[-2:])
        repeated = broadcast_to(each, (*t.shape[:-2], heads // own, *t.shape[-2:]))
        made.append(reshape(repeated, *t.shape[:-3], heads, *t.shape[-2:]))
    return made[0], made[1]


def _four(t: Any, lead: tuple[int, ...]) -> Any:
    """``t`` with the leading dimensions ``lead`` as exactly two."""
    t = broadcast_to(t, (*lead, *t.shape[-2:])) if t.shape[:-2] != lead else t
    if len(lead) == 2:
        return t
    return reshape(t, math.prod(lead[:-1]), *(lead[-1:] or (1,)), *t.shape[-2:])


def _mask_four(mask: Any, lead: tuple[int, ...], rows: int, keys: int) -> Any:
    """A mask in four dimensions, each of which is that of the scores or 1."""
    if mask.ndim < 2:
        mask = reshape(mask, *(1,) * (2 - mask.ndim), *mask.shape)
    if len(lead) > 2 and math.prod(mask.shape[:-2]) > 1:
        mask = _four(mask, lead)
    shape = (*(1,) * (4 - mask.ndim), *mask.shape)
    if len(lead) == 1 and mask.ndim == 3:
        shape = (1, *mask.shape)
    wanted = (math.prod(lead[:-1]), *(lead[-1:] or (1,)), rows, keys)
    if any(a not in (1, b) for a, b in zip(shape, wanted, strict=True)):
        raise RuntimeError(
            f"The expanded size of the tensor {wanted} must match the existing size {tuple(mask.shape)} of attn_mask"
        )
    if shape[3] != keys:
        return broadcast_to(reshape(mask, *shape), (*shape[:3], keys))
    return reshape(mask, *shape)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(scale query key^T + mask) value.

    Memory grows linearly with the lengths: the scores are never held as a whole.

    Args:
        attn_mask: bools, True where a query sees a key; or numbers that are added to the scores. It broadcasts.
        dropout_p: probability with which a weight is set to 0, also in evaluation.
        is_causal: query i sees the keys 0..i.
        scale: 1 / sqrt(E) unless given.
        enable_gqa: key and value have fewer heads, each for several heads of the query.

    Shape: query (..., H, L, E), key (..., H, S, E), value (..., H, S, V), mask to (..., H, L, S); the result is
        (..., H, L, V).

    Raises:
        RuntimeError: dtypes, devices or shapes do not fit together, or ``attn_mask`` together with ``is_causal``.
        ValueError: ``dropout_p`` is not between 0 and 1.

    Source: Vaswani et al., Attention is all you need, https://arxiv.org/abs/1706.03762.

    Example:
        >>> import nnlite
        >>> q, k, v = (nnlite.randn(2, 8, n, 16) for n in (5, 7, 7))
        >>> nnlite.nn.functional.scaled_dot_product_attention(q, k, v).shape
        torch.Size([2, 8, 5, 16])
    """
    _check(query, key, value, attn_mask, is_causal)
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if enable_gqa:
        key, value = _grouped(query, key, value)
    rows, keys = query.shape[-2], key.shape[-2]
    if query.shape[-1] != key.shape[-1] or keys != value.shape[-2]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query {tuple(query.shape)}, key {tuple(key.shape)} and value "
            f"{tuple(value.shape)} do not fit: (L, E), (S, E) and (S, V) were expected"
        )
    lead = _lead(query, key, value)
    mask = None if attn_mask is None else _mask_four(attn_mask, lead, rows, keys)
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.shape[-1] else 1.0
    q, k, v = (_four(t, lead) for t in (query, key, value))
    seed, counter = _place((*q.shape[:3], keys), is_causal, query) if dropout_p else (0, 0)
    out = _attention(
        q, k, v, mask, scale=float(scale), causal=bool(is_causal), dropout=float(dropout_p), seed=seed, counter=counter
    )
    return out if len(lead) == 2 else reshape(out, *lead, rows, value.shape[-1])


def _lead(*tensors: Any) -> tuple[int, ...]:
    """The leading dimensions that all broadcast to."""
    shapes = [t.shape[:-2] for t in tensors]
    if all(shape == shapes[0] for shape in shapes):
        return tuple(shapes[0])
    most = max(map(len, shapes))
    padded = [(1,) * (most - len(shape)) + tuple(shape) for shape in shapes]
    lead = []
    for sizes in zip(*padded, strict=True):
        distinct = {size for size in sizes if size != 1}
        if len(distinct) > 1:
            raise RuntimeError(
                "scaled_dot_product_attention: the leading dimensions of query, key and value do not broadcast: "
                + ", ".join(str(tuple(t.shape)) for t in tensors)
            )
        lead.append(distinct.pop() if distinct else 1)
    return tuple(lead)


def _place(shape: tuple[int, int, int, int], causal: bool, like: Any) -> tuple[int, int]:
    """Seed and first counter of the random numbers for the dropout of scores of a shape."""
    last = _blocks(shape, causal)[-1] if math.prod(shape) else None
    blocks = 0 if last is None else last.counter + -(-math.prod(shape) // _WORDS)
    generator = rng.setting(like.device, None)[2]
    return generator.initial_seed(), generator.reserve(blocks)
