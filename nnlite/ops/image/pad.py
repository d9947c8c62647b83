"""Padding: numbers put around a tensor, or cut off at its borders."""

from __future__ import annotations

import operator
from typing import Any

from ..._core.op import TensorBase, not_a_tensor, op
from ..convolution._columns import Pads

MODES = ("constant", "reflect", "replicate", "circular")

_NAMES = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


def _title(node: Any) -> str:
    mode = node.attrs["mode"]
    return "ConstantPadNdBackward0" if mode == "constant" else f"{_NAMES[mode]}{len(node.attrs['pads'])}DBackward0"


def _source(position: int, n: int, low: int, high: int, mode: str) -> int:
    """The position of the input, of size ``n`` along this axis, that padding repeats at a position outside of it."""
    if mode == "reflect":
        return -position if position < 0 else 2 * (n - 1) - position
    if mode == "replicate":
        return min(max(position, 0), n - 1)
    first, last = max(-low, 0), n - max(-high, 0)  # what is cut off does not come round again
    return first + (position - first) % (last - first)


def _layout(n: int, low: int, high: int) -> tuple[slice, slice, list[int]]:
    """Where the input is in the output, which part of it that is, and the other positions of the output."""
    size = n + low + high
    begin, end = max(low, 0), min(low + n, size)
    return slice(begin, end), slice(begin - low, end - low), [*range(begin), *range(end, size)]


def _surrounded(xp: Any, x: Any, pads: Pads, value: Any) -> Any:
    """``x`` in the middle of a larger array of one value; the array is filled and ``x`` copied once for all axes."""
    lead = x.ndim - len(pads)
    shape = (*x.shape[:lead], *(n + low + high for n, (low, high) in zip(x.shape[lead:], pads, strict=True)))
    out = xp.zeros(shape, x.dtype) if not value else xp.full(shape, value, x.dtype)
    layouts = [_layout(n, low, high) for n, (low, high) in zip(x.shape[lead:], pads, strict=True)]
    out[(Ellipsis, *(target for target, _, _ in layouts))] = x[(Ellipsis, *(part for _, part, _ in layouts))]
    return out


@op(title=_title)
def _pad(xp: Any, x: Any, *, pads: Pads, mode: str, value: Any) -> Any:
    """Each of the last axes with ``pads`` numbers more before and behind; negative ones cut off."""
    if mode == "constant":
        return _surrounded(xp, x, pads, value)
    for axis, (low, high) in enumerate(pads, x.ndim - len(pads)):
        n, lead = x.shape[axis], (slice(None),) * axis
        shape = (*x.shape[:axis], n + low + high, *x.shape[axis + 1 :])
        out = xp.empty(shape, x.dtype)
        target, part, others = _layout(n, low, high)
        out[(*lead, target)] = x[(*lead, part)]
        for i in others:
            out[(*lead, i)] = x[(*lead, _source(i - low, n, low, high, mode))]
        x = out
    return x


@_pad.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    pads, mode = node.attrs["pads"], node.attrs["mode"]
    return (f.pad_fold(g, pads=pads, mode=mode, sizes=tuple(node.shapes[0][-len(pads) :])),)


@op(title=lambda node: _title(node)[:-1].replace("Backward", "BackwardBackward0"))
def _pad_fold(xp: Any, g: Any, *, pads: Pads, mode: str, sizes: tuple[int, ...]) -> Any:
    """The transpose of padding: what was put around is added to where it came from."""
    for axis, (n, (low, high)) in enumerate(zip(sizes, pads, strict=True), g.ndim - len(pads)):
        lead = (slice(None),) * axis
        out = xp.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
        target, part, others = _layout(n, low, high)
        out[(*lead, part)] = g[(*lead, target)]
        if mode != "constant":
            for i in others:
                out[(*lead, _source(i - low, n, low, high, mode))] += g[(*lead, i)]
        g = out
    return g


@_pad_fold.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.pad(g, pads=node.attrs["pads"], mode=node.attrs["mode"], value=0),)


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Put numbers before and behind the input along its last dimensions.

    Args:
        pad: how many before and behind the last dimension, then for the last but one, and so on; negative numbers cut
            off as many.
        mode: ``"constant"`` puts ``value``; ``"reflect"`` the input mirrored at its outermost numbers, ``"replicate"``
            the outermost number, ``"circular"`` the input from its other end.
        value: for ``"constant"``, 0 unless given.

    Shape: each padded dimension grows by both its numbers. ``"constant"`` takes any input; the other modes pad the last
    one, two or three dimensions of an input that has one or two more.

    Raises:
        RuntimeError: ``pad`` has an odd length or too many numbers, or asks for more than the input has to repeat.
        NotImplementedError: an unknown mode, or a number of dimensions that the mode does not take.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.pad(nnlite.tensor([[1.0, 2.0, 3.0]]), (2, 1), mode="reflect")
        tensor([[3., 2., 1., 2., 3., 2.]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("pad", 0, input)
    if mode not in MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode} (pad takes {', '.join(MODES)})")
    sizes = [operator.index(n) for n in pad]
    a = input._a
    if len(sizes) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2 (pad: got {len(sizes)} numbers)")
    if len(sizes) > 2 * a.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(sizes)} and input of dimension {a.ndim}"
        )
    if not sizes and mode == "constant":
        return _pad(input, pads=((0, 0),) * min(a.ndim, 1), mode=mode, value=0)
    pads = tuple(zip(sizes[::2], sizes[1::2], strict=True))[::-1]
    if mode != "constant":
        _check(a, pads, mode, value)
    for axis, (low, high) in enumerate(pads, a.ndim - len(pads)):
        n = a.shape[axis]
        if n + low + high < 0 or n + min(low, 0) < 0 or n + min(high, 0) < 0:
            raise RuntimeError(
                f"narrow(): length must be non-negative. (pad: {(low, high)} cuts off more than the {n} along "
                f"dimension {axis})"
            )
    return _pad(input, pads=pads, mode=mode, value=0 if value is None else value)


def _check(a: Any, pads: Pads, mode: str, value: Any) -> None:
    """Raise for what a mode that repeats the input does not take."""
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    axes = len(pads)
    if axes not in (1, 2, 3) or a.ndim not in (axes + 1, axes + 2):
        raise NotImplementedError(
            f"Padding size {2 * axes} is not supported for {a.ndim}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    if 0 in a.shape[-axes - 1 :]:
        raise RuntimeError(
            f"Expected {axes + 1}D or {axes + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(a.shape)}"
        )
    for axis, (low, high) in enumerate(pads, a.ndim - axes):
        n = a.shape[axis]
        if mode == "reflect" and max(low, high) >= n:
            raise RuntimeError(
                f"Argument #{2 * (a.ndim - axis) + 2}: Padding size should be less than the corresponding input "
                f"dimension, but got: padding ({low}, {high}) at dimension {axis} of input {list(a.shape)}"
            )
        if mode == "circular" and max(low, high) > n + min(low, 0) + min(high, 0):
            raise RuntimeError(
                f"Padding value causes wrapping around more than once. (pad: {(low, high)} along dimension {axis} of "
                f"size {n})"
            )
