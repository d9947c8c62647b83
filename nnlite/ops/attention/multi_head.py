"""Attention with several heads: projections, masks, attention and the output projection."""

from __future__ import annotations

import math
from typing import Any

from ..._core.tensor_base import wrap
from ..._core.warn import warn
from ...backends import backend_of
from ..activation.softmax import softmax
from ..dropout import dropout
from ..image.pad import pad
from ..linalg.matmul import linear, matmul
from ..shape import views as shape
from ..shape.parts import chunk, split
from .scaled_dot_product import scaled_dot_product_attention

AVERAGED = 1
"""The axis of the heads in weights of shape (batch, heads, queries, keys)."""


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def canonical_mask(
    mask: Any, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Any:
    """A mask to be added to scores: bools become -inf where true and 0 elsewhere.

    Raises:
        AssertionError: the mask holds integers.
    """
    if mask is None:
        return None
    kind = mask._a.dtype.kind
    _expect(kind in "bfV", f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype is not other_type:
        warn(f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.")
    if kind != "b":
        return mask
    return wrap(backend_of(mask._a).xp.where(mask._a, -math.inf, 0).astype(target_type.np))


def _check_shapes(query: Any, key: Any, value: Any, key_padding_mask: Any, attn_mask: Any, num_heads: int) -> bool:
    """Whether there is a batch."""
    dimensions = query.ndim
    _expect(
        dimensions in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {dimensions}-D query tensor",
    )
    which = f"For {'batched (3-D)' if dimensions == 3 else 'unbatched (2-D)'} `query`, expected"
    _expect(
        key.ndim == value.ndim == dimensions,
        f"{which} `key` and `value` to be {dimensions}-D but found {key.ndim}-D and {value.ndim}-D tensors "
        "respectively",
    )
    if key_padding_mask is not None:
        _expect(
            key_padding_mask.ndim == dimensions - 1,
            f"{which} `key_padding_mask` to be `None` or {dimensions - 1}-D but found {key_padding_mask.ndim}-D "
            "tensor instead",
        )
    if attn_mask is not None:
        _expect(
            attn_mask.ndim in (2, 3),
            f"{which} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D tensor instead",
        )
        if dimensions == 2 and attn_mask.ndim == 3:
            wanted = (num_heads, query.shape[0], key.shape[0])
            _expect(
                tuple(attn_mask.shape) == wanted,
                f"Expected `attn_mask` shape to be {wanted} but got {tuple(attn_mask.shape)}",
            )
    return dimensions == 3


def _projected(inputs: tuple[Any, ...], weight: Any, bias: Any) -> tuple[Any, ...]:
    """The projections by one stacked weight; one product where query, key and value are the same tensor."""
    query, key, value = inputs
    if key is value:
        size = query.shape[-1]
        if query is key:
            return chunk(linear(query, weight, bias), 3, -1)
        biases = (None, None) if bias is None else split(bias, [size, 2 * size])
        first, both = split(weight, [size, 2 * size])
        return linear(query, first, biases[0]), *chunk(linear(key, both, biases[1]), 2, -1)
    return _projected_apart(inputs, chunk(weight, 3), bias)


def _projected_apart(inputs: tuple[Any, ...], weights: Any, bias: Any) -> tuple[Any, ...]:
    biases = (None, None, None) if bias is None else chunk(bias, 3)
    return tuple(linear(x, w, b) for x, w, b in zip(inputs, weights, biases, strict=True))


def _projections(inputs: tuple[Any, ...], apart: tuple[Any, ...] | None, weight: Any, bias: Any) -> tuple[Any, ...]:
    """The projections, by weights ``apart`` or by one stacked ``weight``."""
    _, key, value = inputs
    if apart is None:
        _expect(key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}")
        _expect(weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        return _projected(inputs, weight, bias)
    _expect(
        key.shape[:2] == value.shape[:2],
        f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
    )
    for name, each in zip("qkv", apart, strict=True):
        _expect(each is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
    return _projected_apart(inputs, apart, bias)


def _masks(
    key_padding_mask: Any, attn_mask: Any, is_causal: bool, need_weights: bool, kind: Any
) -> tuple[list[Any], bool]:
    """``[attn_mask, key_padding_mask]`` as numbers to add, and whether causality stands in for ``attn_mask``."""
    other = None if attn_mask is None else attn_mask.dtype
    padding = canonical_mask(key_padding_mask, "key_padding_mask", other, "attn_mask", kind)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and padding is None and not need_weights:
        return [None, None], True
    return [canonical_mask(attn_mask, "attn_mask", None, "", kind, check_other=False), padding], False


def _with_one_key_more(masks: list[Any]) -> list[Any]:
    return [None if mask is None else pad(mask, (0, 1)) for mask in masks]


def _attn_mask_of_three(attn_mask: Any, batch: int, num_heads: int, rows: int, keys: int) -> Any:
    """The mask with a dimension for batch and heads."""
    sizes = {2: (rows, keys), 3: (batch * num_heads, rows, keys)}
    if tuple(attn_mask.shape) != sizes[attn_mask.ndim]:
        raise RuntimeError(
            f"The shape of the {attn_mask.ndim}D attn_mask is {attn_mask.shape}, but should be {sizes[attn_mask.ndim]}."
        )
    return shape.unsqueeze(attn_mask, 0) if attn_mask.ndim == 2 else attn_mask


def _heads(x: Any, batch: int, num_heads: int) -> Any:
    """(length, batch, features) as (batch, heads, length, size)."""
    length, _, features = x.shape
    return shape.permute(shape.reshape(x, length, batch, num_heads, features // num_heads), 1, 2, 0, 3)


def _static(given: Any, name: str, q: Any) -> Any:
    """A key or value that the caller gave in its heads, (batch heads, length, size)."""
    batch, num_heads, _, size = q.shape
    _expect(
        given.shape[0] == batch * num_heads,
        f"expecting {name}.size(0) of {batch * num_heads}, but got {given.shape[0]}",
    )
    _expect(given.shape[2] == size, f"expecting {name}.size(2) of {size}, but got {given.shape[2]}")
    return shape.reshape(given, batch, num_heads, *given.shape[1:])


def _with_zero(x: Any) -> Any:
    zeros = backend_of(x._a).xp.zeros((*x.shape[:2], 1, x.shape[3]), x._a.dtype)
    return shape.cat([x, wrap(zeros)], 2)


def _merged(masks: list[Any], batch: int, num_heads: int, keys: int) -> Any:
    """Both masks as one, in four dimensions."""
    attn_mask, key_padding_mask = masks
    if attn_mask is not None:
        lead = (1, 1) if attn_mask.shape[0] == 1 != batch * num_heads else (batch, num_heads)
        attn_mask = shape.reshape(attn_mask, *lead, *attn_mask.shape[1:])
    if key_padding_mask is None:
        return attn_mask
    for axis, wanted in enumerate((batch, keys)):
        _expect(
            key_padding_mask.shape[axis] == wanted,
            f"Expected key_padded_mask.shape[{axis}] to be {wanted}, but got {key_padding_mask.shape[axis]}",
        )
    padding = shape.reshape(key_padding_mask, batch, 1, 1, keys)
    return padding if attn_mask is None else attn_mask + padding


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """The function behind `nnlite.nn.MultiheadAttention`, which says what the arguments are.

    Shape: query (L, N, E) or (L, E), key and value (S, N, E) or (S, E); the outputs are (L, N, E) or (L, E), and, with
        ``need_weights``, (N, L, S) or (L, S), with the heads apart (N, H, L, S) or (H, L, S).

    Raises:
        AssertionError: shapes that do not fit together.
        RuntimeError: a mask of the wrong shape, or ``is_causal`` without ``attn_mask``.

    Source: Vaswani et al., Attention is all you need, https://arxiv.org/abs/1706.03762.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        made = {id(x): shape.unsqueeze(x, 1) for x in (query, key, value)}
        query, key, value = made[id(query)], made[id(key)], made[id(value)]
        key_padding_mask = None if key_padding_mask is None else shape.unsqueeze(key_padding_mask, 0)
    rows, batch, features = query.shape
    masks, causal = _masks(key_padding_mask, attn_mask, is_causal, need_weights, query.dtype)
    _expect(
        features == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {features}"
    )
    _expect(features % num_heads == 0, f"embed_dim {features} not divisible by num_heads {num_heads}")
    apart = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projections((query, key, value), apart, in_proj_weight, in_proj_bias)
    if masks[0] is not None:
        masks[0] = _attn_mask_of_three(masks[0], batch, num_heads, rows, key.shape[0])
    _expect(bias_k is None or bias_v is not None, "bias_k is set but bias_v is None")
    _expect(bias_v is None or bias_k is not None, "bias_v is set but bias_k is None")
    if bias_k is not None:
        _expect(static_k is None, "bias cannot be added to static key.")
        _expect(static_v is None, "bias cannot be added to static value.")
        k, v = (shape.cat([x, shape.expand(bias, 1, batch, bias.shape[-1])]) for x, bias in ((k, bias_k), (v, bias_v)))
        masks = _with_one_key_more(masks)
    q = _heads(q, batch, num_heads)
    k = _heads(k, batch, num_heads) if static_k is None else _static(static_k, "static_k", q)
    v = _heads(v, batch, num_heads) if static_v is None else _static(static_v, "static_v", q)
    if add_zero_attn:
        k, v = _with_zero(k), _with_zero(v)
        masks = _with_one_key_more(masks)
    mask = _merged(masks, batch, num_heads, k.shape[2])
    p = dropout_p if training else 0.0
    weights = None
    if need_weights:
        weights = softmax(_scores(q, k, mask), -1)
        weights = dropout(weights, p) if p else weights
        out = matmul(weights, v)
        weights = weights.mean(AVERAGED) if average_attn_weights else weights
        weights = weights if batched else shape.squeeze(weights, 0)
    else:
        out = scaled_dot_product_attention(q, k, v, mask, p, causal)
    out = linear(shape.reshape(shape.permute(out, 2, 0, 1, 3), rows, batch, features), out_proj_weight, out_proj_bias)
    return (out if batched else shape.squeeze(out, 1)), weights


def _scores(q: Any, k: Any, mask: Any) -> Any:
    scores = matmul(q * math.sqrt(1 / q.shape[-1]), shape.transpose(k, -1, -2))
    return scores if mask is None else scores + mask
