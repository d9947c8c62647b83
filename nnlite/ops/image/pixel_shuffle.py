"""Channels moved: into the pixels and back, and from group to group."""

from __future__ import annotations

import operator
from typing import Any

from ..._core.op import TensorBase, not_a_tensor, op
from .._public import public

Ints = tuple[int, ...]

_REVERSE = {"PixelShuffle": "PixelUnshuffle", "PixelUnshuffle": "PixelShuffle", "ChannelShuffle": "ChannelShuffle"}


@op(title=lambda node: node.attrs["title"] + "Backward0")
def _regroup(xp: Any, x: Any, *, split: Ints, order: Ints, shape: Ints, title: str) -> Any:
    """The axes of ``x`` cut into ``split``, put in ``order``, and joined to ``shape``. Always a copy."""
    out = xp.empty(tuple(split[i] for i in order), x.dtype)
    out[...] = x.reshape(split).transpose(order)
    return out.reshape(shape)


@_regroup.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    split, order = node.attrs["split"], node.attrs["order"]
    back = tuple(order.index(i) for i in range(len(order)))
    moved = tuple(split[i] for i in order)
    shape = tuple(node.shapes[0])
    return (f.regroup(g, split=moved, order=back, shape=shape, title=_REVERSE[node.attrs["title"]]),)


def _factor(name: str, argument: str, input: Any, value: Any, what: str) -> int:
    """The second argument, after the checks that all functions of this file have."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}(): argument '{argument}' (position 2) must be int, not {type(value).__name__}")
    if input._a.ndim < 3:
        if name == "channel_shuffle":
            raise RuntimeError(
                f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}"
            )
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with {input._a.ndim} dimension(s)"
        )
    factor = operator.index(value)
    if factor <= 0:
        raise RuntimeError(what.format(factor))
    return factor


@public(method=False)
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Channels become pixels: out[c, y r + i, x r + j] = input[c r r + i r + j, y, x], r the ``upscale_factor``.

    Shape: (*, C r r, H, W) gives (*, C, H r, W r).

    Raises:
        RuntimeError: fewer than 3 dimensions, a factor below 1, or channels that its square does not divide.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.pixel_shuffle(nnlite.arange(4.0).reshape(4, 1, 1), 2)
        tensor([[[0., 1.],
                 [2., 3.]]])
    """
    r = _factor(
        "pixel_shuffle", "upscale_factor", input, upscale_factor,
        "pixel_shuffle expects a positive upscale_factor, but got {}",
    )  # fmt: skip
    *lead, c, h, w = input._a.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n = len(lead)
    return _regroup(
        input,
        split=(*lead, c // (r * r), r, r, h, w),
        order=(*range(n + 1), n + 3, n + 1, n + 4, n + 2),
        shape=(*lead, c // (r * r), h * r, w * r),
        title="PixelShuffle",
    )


@public(method=False)
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """The inverse of :func:`pixel_shuffle`: each square of pixels becomes channels.

    Shape: (*, C, H r, W r) gives (*, C r r, H, W), r the ``downscale_factor``.

    Raises:
        RuntimeError: fewer than 3 dimensions, a factor below 1, or a height or width that it does not divide.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.pixel_unshuffle(nnlite.arange(4.0).reshape(1, 2, 2), 2).flatten()
        tensor([0., 1., 2., 3.])
    """
    r = _factor(
        "pixel_unshuffle", "downscale_factor", input, downscale_factor,
        "pixel_unshuffle expects a positive downscale_factor, but got {}",
    )  # fmt: skip
    *lead, c, h, w = input._a.shape
    for what, place, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but input.size({place})={size} "
                f"is not divisible by {r}"
            )
    n = len(lead)
    return _regroup(
        input,
        split=(*lead, c, h // r, r, w // r, r),
        order=(*range(n + 1), n + 2, n + 4, n + 1, n + 3),
        shape=(*lead, c * r * r, h // r, w // r),
        title="PixelUnshuffle",
    )


@public(method=False, names=("native_channel_shuffle",))
def channel_shuffle(input: Any, groups: int) -> Any:
    """The channels of all groups in turn: the first of each group, then the second of each, and so on.

    Shape: (N, C, *) gives (N, C, *).

    Raises:
        RuntimeError: fewer than 3 dimensions, less than one group, or channels that cannot be divided so.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.channel_shuffle(nnlite.arange(6.0).reshape(1, 6, 1), 2).flatten()
        tensor([0., 3., 1., 4., 2., 5.])
    """
    count = _factor(
        "channel_shuffle", "groups", input, groups,
        "Number of groups to divide channels in must be positive. Value of groups:{}",
    )  # fmt: skip
    n, c, *rest = input._a.shape
    if c % count:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {count} groups.")
    return _regroup(
        input,
        split=(n, count, c // count, *rest),
        order=(0, 2, 1, *range(3, 3 + len(rest))),
        shape=(n, c, *rest),
        title="ChannelShuffle",
    )
