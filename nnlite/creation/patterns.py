"""Tensors of one value, without values, and like another tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.device import device_of
from .._core.op import TensorBase, not_a_tensor
from ..ops._public import public
from ._options import Options, axes_like, integer_of, number_of, size_argument, sizes, wrong_type
from .data import tensor


def _filled(function: str, size: tuple[Any, ...], options: dict[str, Any]) -> Any:
    shape = size_argument(function, size, options)
    given = Options(function, options)
    return given.make(lambda xp: getattr(xp, function)(shape, dtype=given.kind.np))


@public(method=False)
def zeros(*size: Any, **options: Any) -> Any:
    """A tensor of zeros: ``zeros(2, 3, out=None, dtype=None, device=None, requires_grad=False)``.

    Raises:
        TypeError: a size is no integer. RuntimeError: a size is negative or too large.

    Example:
        >>> import nnlite
        >>> nnlite.zeros(2)
        tensor([0., 0.])
    """
    return _filled("zeros", size, options)


@public(method=False)
def ones(*size: Any, **options: Any) -> Any:
    """A tensor of ones; arguments as :func:`nnlite.zeros`."""
    return _filled("ones", size, options)


@public(method=False)
def empty(*size: Any, **options: Any) -> Any:
    """A tensor whose elements are whatever the memory held; arguments as :func:`nnlite.zeros`."""
    return _filled("empty", size, options)


@public(method=False)
def full(size: Any, fill_value: Any, **options: Any) -> Any:
    """A tensor of one value; its type follows the value unless ``dtype`` is given.

    Raises:
        TypeError: the value is no number. RuntimeError: the dtype cannot hold it.

    Example:
        >>> import nnlite
        >>> nnlite.full((2,), 3)
        tensor([3, 3])
    """
    if not isinstance(size, tuple | list):
        raise wrong_type("full", "size", 1, "tuple of ints", size)
    default = fill_value.dtype if isinstance(fill_value, TensorBase) else None
    value = number_of("full", "fill_value", 2, fill_value)
    given = Options("full", options, default or dtypes.of_scalar(value))
    value, shape = dtypes.number(value, given.kind), sizes("full", (size,))
    return given.make(lambda xp: xp.full(shape, value, dtype=given.kind.np))


def like(name: str, maker: Callable[..., Any], new: bool = True) -> Any:
    """Register ``name_like(input, ...)`` and, with ``new``, ``input.new_name(...)``; returns the former."""

    def like(input: Any, *args: Any, dtype: Any = None, device: Any = None, **options: Any) -> Any:
        if not isinstance(input, TensorBase):
            raise not_a_tensor(f"{name}_like", 0, input)
        array = input._a
        axes = axes_like(array, options.pop("memory_format", None))
        shape = tuple(array.shape)
        where = device_of(array) if device is None else device
        kind = input.dtype if dtype is None else dtype
        if axes is None:
            return maker(shape, *args, dtype=kind, device=where, **options)
        # The elements lie in memory as those of the input.
        made = maker(tuple(shape[i] for i in axes), *args, dtype=kind, device=where, **options)
        made._a = made._a.transpose(sorted(range(len(axes)), key=axes.__getitem__))
        return made

    like.__name__ = like.__qualname__ = f"{name}_like"
    like.__doc__ = f"``{name}`` with the shape, dtype and device of ``input``, unless others are given."
    public(like, method=False)
    if new:
        _new(name, maker)
    return like


def _new(name: str, maker: Callable[..., Any]) -> None:
    def new(input: Any, *args: Any, dtype: Any = None, device: Any = None, **options: Any) -> Any:
        where = device_of(input._a) if device is None else device
        return maker(*args, dtype=input.dtype if dtype is None else dtype, device=where, **options)

    new.__name__ = new.__qualname__ = f"new_{name}"
    new.__doc__ = f"``{name}`` with the dtype and device of the tensor, unless others are given."
    public(new, only_method=True)


zeros_like = like("zeros", zeros)
ones_like = like("ones", ones)
empty_like = like("empty", empty)
full_like = like("full", full)


@public(only_method=True)
def new(input: Any, *args: Any, device: Any = None) -> Any:
    """A tensor of sizes, or of data, with the dtype and device of the tensor: PyTorch's oldest constructor."""
    where = device_of(input._a) if device is None else device
    if len(args) == 1 and isinstance(args[0], TensorBase):
        return args[0].detach()
    if len(args) == 1 and not isinstance(args[0], int):
        return tensor(args[0], dtype=input.dtype, device=where)
    return empty(*(args or (0,)), dtype=input.dtype, device=where)


@public(method=False)
def eye(n: int, m: int | None = None, **options: Any) -> Any:
    """The n x m matrix with ones on its diagonal, m = n unless given.

    Raises:
        RuntimeError: a number is negative. TypeError: it is no integer.

    Example:
        >>> import nnlite
        >>> nnlite.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    rows = integer_of("eye", "n", 1, n)
    columns = rows if m is None else integer_of("eye", "m", 2, m)
    for name, number in (("n", rows), ("m", columns)):
        if number < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {number}")
    given = Options("eye", options)
    return given.make(lambda xp: xp.eye(rows, columns, dtype=given.kind.np))


@public(method=False)
def empty_strided(size: Any, stride: Any, **options: Any) -> Any:
    """A tensor without values whose neighbours lie ``stride`` elements apart.

    Raises:
        RuntimeError: a negative size or stride, or other numbers of sizes than of strides.

    Example:
        >>> import nnlite
        >>> nnlite.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    shape, steps = sizes("empty_strided", (size,)), tuple(stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(steps)})"
        )
    if min(steps, default=0) < 0:
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(steps)}")
    given = Options("empty_strided", options)
    extent = 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) if 0 not in shape else 0

    def make(xp: Any) -> Any:
        flat = xp.empty(extent, dtype=given.kind.np)
        return xp.as_strided(flat, shape, tuple(step * given.kind.itemsize for step in steps))

    return given.make(make)


_new("empty_strided", empty_strided)


@public(method=False)
def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Any:
    """A tensor without values whose dimensions lie in memory in the order of ``physical_layout``, without gaps.

    Raises:
        RuntimeError: ``physical_layout`` is no permutation of the dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.empty_permuted((2, 3), (1, 0)).stride()
        (1, 2)
    """
    shape, order = sizes("empty_permuted", (size,)), tuple(physical_layout)
    if len(shape) != len(order):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    for axis in order:
        if not 0 <= axis < len(shape):
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got "
                               f"{axis})")  # fmt: skip
    if len(set(order)) < len(order):
        raise RuntimeError("Duplicate dim not allowed")
    given = Options("empty_permuted", options)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return given.make(lambda xp: xp.empty(tuple(shape[i] for i in order), dtype=given.kind.np).transpose(inverse))


# ---------------------------------------------------------------------------------------------------------------------
# Sparse tensors, which there are none of


def _sparse(name: str) -> None:
    def refused(*args: Any, **options: Any) -> Any:
        raise NotImplementedError(
            f"{name}() is not implemented: nnlite's tensors are dense. zeros(size).index_put_(tuple(indices), values, "
            "accumulate=True) makes the dense tensor of coordinates and values"
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = """Not offered: nnlite's tensors are dense.

    Raises:
        NotImplementedError: always; it says how to make the dense tensor.
    """
    public(refused, method=False)


for _name in ("sparse_coo_tensor", "sparse_csr_tensor", "sparse_csc_tensor", "sparse_bsr_tensor", "sparse_bsc_tensor",
              "sparse_compressed_tensor"):  # fmt: skip
    _sparse(_name)
