"""Windows of images as the columns of a matrix ("im2col"), and their sum back to images, its transpose."""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import TensorBase, not_a_tensor, op
from .._windows import as_ints
from ..activation.softmax import title_of, widen
from ..shape.views import squeeze, unsqueeze
from ._columns import out_sizes

Ints = tuple[int, ...]


def _windows(xp: Any, x: Any, kernel: Ints, dilation: Ints, stride: Ints, out: Ints) -> Any:
    """The view (N, C, kH, kW, oH, oW) of padded images."""
    n, c, h, w = x.strides
    steps = (n, c, h * dilation[0], w * dilation[1], h * stride[0], w * stride[1])
    return xp.as_strided(x, (*x.shape[:2], *kernel, *out), steps)


@op(title="Im2ColBackward0")
def _im2col(xp: Any, x: Any, *, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    """(N, C, H, W) to (N, C * kH * kW, oH * oW)."""
    out = _positions(x.shape[2:], kernel, dilation, padding, stride)
    if any(padding):
        (top, left), (h, w) = padding, x.shape[2:]
        padded = xp.zeros((*x.shape[:2], h + 2 * top, w + 2 * left), x.dtype)
        padded[:, :, top : top + h, left : left + w] = x
        x = padded
    columns = xp.empty((*x.shape[:2], *kernel, *out), x.dtype)
    if x.size:
        columns[...] = _windows(xp, x, kernel, dilation, stride, out)
    return columns.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(out))


@_im2col.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.col2im(g, sizes=tuple(node.shapes[0][2:]), **node.attrs),)


@op(title="Col2ImBackward0")
def _col2im(xp: Any, x: Any, *, sizes: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    """(N, C * kH * kW, oH * oW) to (N, C, *sizes): where windows overlap, their numbers are added."""
    out = _positions(sizes, kernel, dilation, padding, stride)
    (top, left), (h, w) = padding, sizes
    columns = x.reshape(x.shape[0], x.shape[1] // math.prod(kernel), *kernel, *out)
    apart = all(d == 1 or k == 1 for d, k in zip(dilation, kernel, strict=True)) and all(
        s >= k or n == 1 for s, k, n in zip(stride, kernel, out, strict=True)
    )
    kind = x.dtype if apart else widen(x[:0]).dtype
    total = xp.zeros((*columns.shape[:2], h + 2 * top, w + 2 * left), kind)
    if apart and total.size:
        _windows(xp, total, kernel, dilation, stride, out)[...] = columns
    else:
        for i in range(kernel[0]):
            rows = _every(i * dilation[0], stride[0], out[0])
            for j in range(kernel[1]):
                total[:, :, rows, _every(j * dilation[1], stride[1], out[1])] += columns[:, :, i, j]
    inside = total[:, :, top : top + h, left : left + w]
    return xp.array(inside, dtype=x.dtype, order="C", copy=any(padding) or kind != x.dtype)


@_col2im.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.im2col(g, **{name: value for name, value in node.attrs.items() if name != "sizes"}),)


def _every(first: int, step: int, count: int) -> slice:
    return slice(first, first + (count - 1) * step + 1, step)


def _positions(sizes: Any, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Ints:
    """How many windows there are along each axis."""
    return out_sizes(sizes, kernel, stride, tuple((p, p) for p in padding), dilation)


def _geometry(name: str, first: int, **given: Any) -> dict[str, Ints]:
    """The pairs of numbers, checked; ``first`` is the position of the first of them."""
    message = "It is expected {argument} equals to 2, but got size {count}"
    pairs = {}
    for position, (argument, value) in enumerate(given.items(), first):
        if isinstance(value, tuple | list) and len(value) != 2:
            raise RuntimeError(message.format(argument=argument, count=len(value)) + f" ({name}: give 1 number or 2)")
        pairs[argument] = as_ints(name, argument, position, value, 2, message)
    return pairs


def _check_numbers(name: str, kernel_size: Ints, dilation: Ints, padding: Ints, stride: Ints) -> None:
    for values, what, short in (
        (kernel_size, "kernel size", "kernel"),
        (stride, "stride", "stride"),
        (dilation, "dilation", "dilation"),
    ):
        if min(values) <= 0:
            raise RuntimeError(
                f"{what} should be greater than zero, but got {short}_height: {values[0]} {short}_width: {values[1]} "
                f"({name})"
            )
    if min(padding) < 0:
        raise RuntimeError(
            f"padding should be non-negative, but got pad_height: {padding[0]} pad_width: {padding[1]} ({name})"
        )


def _check_input(name: str, input: Any) -> None:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)


def _check_dtype(name: str, x: Any) -> None:
    if x.dtype.kind in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{title_of(x)}' (convert the input with .float())")


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """All windows of images, each as one column.

    Column l holds the numbers of window l, channel after channel; windows are counted along rows.

    Args:
        kernel_size: the size of the windows, a number or one for each axis.
        dilation: the distance of neighbouring positions of a window.
        padding: zeros around the input on both sides.
        stride: the step from one window to the next.

    Shape: (N, C, H, W) gives (N, C * kH * kW, L), and (C, H, W) gives (C * kH * kW, L); L = oH * oW with
        oH = floor((H + 2 padding - dilation (kH - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: a window is larger than the padded input, or an argument is out of range.
        NotImplementedError: the input is of integers.

    Example:
        >>> import nnlite
        >>> x = nnlite.arange(6.0).reshape(1, 2, 3)
        >>> nnlite.nn.functional.unfold(x, 2)
        tensor([[0., 1.],
                [1., 2.],
                [3., 4.],
                [4., 5.]])
    """
    _check_input("im2col", input)
    pairs = _geometry("im2col", 2, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    _check_numbers("unfold", **pairs)
    a = input._a
    if a.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-a.ndim}, {a.ndim - 1}], but got 2): unfold takes 3 "
            f"or 4 dimensions, but got input of size {list(a.shape)}"
        )
    if a.ndim > 4 or 0 in a.shape[a.ndim == 4 :]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(a.shape)}"
        )
    kernel = pairs.pop("kernel_size")
    out = _positions(a.shape[-2:], kernel, **pairs)
    if min(out) < 1:
        raise RuntimeError(
            f"Given input with spatial size {tuple(a.shape[-2:])}, kernel_size={kernel}, dilation={pairs['dilation']}, "
            f"padding={pairs['padding']}, calculated shape of the array of sliding blocks as {out}, but its components "
            "must be at least one."
        )
    _check_dtype("unfold", a)
    if a.ndim == 4:
        return _im2col(input, kernel=kernel, **pairs)
    return squeeze(_im2col(unsqueeze(input, 0), kernel=kernel, **pairs), 0)


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Images from the windows that ``unfold`` gives: each number at its place; where windows overlap, their sum.

    Args:
        output_size: the size (H, W) of the images, a number or one for each axis.
        kernel_size: the size of the windows.
        dilation: the distance of neighbouring positions of a window.
        padding: zeros around the images on both sides, which are cut off.
        stride: the step from one window to the next.

    Shape: (N, C * kH * kW, L) gives (N, C, H, W), and (C * kH * kW, L) gives (C, H, W).

    Raises:
        RuntimeError: the number of rows or windows does not fit the sizes, or an argument is out of range.
        NotImplementedError: the input is of integers.

    Example:
        >>> import nnlite
        >>> F = nnlite.nn.functional
        >>> F.fold(F.unfold(nnlite.ones(1, 3, 3), 2), 3, 2)
        tensor([[[1., 2., 1.],
                 [2., 4., 2.],
                 [1., 2., 1.]]])
    """
    _check_input("col2im", input)
    pairs = _geometry(
        "col2im", 2, output_size=output_size, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )
    sizes = pairs.pop("output_size")
    _check_numbers("fold", **pairs)
    a, kernel = input._a, pairs.pop("kernel_size")
    if a.ndim not in (2, 3) or 0 in a.shape[a.ndim == 3 :]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(a.shape)}"
        )
    axis = a.ndim - 2
    if a.shape[-2] % math.prod(kernel):
        raise RuntimeError(
            f"Expected size of input's dimension {axis} to be divisible by the product of kernel_size, but got "
            f"input.size({axis})={a.shape[-2]} and kernel_size={kernel}."
        )
    out = _positions(sizes, kernel, **pairs)
    if a.shape[-1] != math.prod(out) or min(out) < 1:
        raise RuntimeError(
            f"Given output_size={sizes}, kernel_size={kernel}, dilation={pairs['dilation']}, "
            f"padding={pairs['padding']}, stride={pairs['stride']}, expected size of input's dimension {axis + 1} to "
            f"match the calculated number of sliding blocks {out[0]} * {out[1]} = {math.prod(out)}, but got "
            f"input.size({axis + 1})={a.shape[-1]}."
        )
    _check_dtype("fold", a)
    if a.ndim == 3:
        return _col2im(input, sizes=sizes, kernel=kernel, **pairs)
    return squeeze(_col2im(unsqueeze(input, 0), sizes=sizes, kernel=kernel, **pairs), 0)
