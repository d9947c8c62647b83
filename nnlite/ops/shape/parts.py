"""Taking a tensor apart along a dimension.

``split``, ``chunk`` and ``unbind`` give several views by one operation, whose derivative writes all gradients into one
array. As in PyTorch no recorded operation may write to such a view; the ``unsafe_`` forms give tensors that may be
written to, of which the input then knows nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from ..._core.op import TensorBase, op
from .._axes import axis_of
from .._public import public

Index = tuple[Any, ...]


def _make(name: str, view: bool = True) -> Any:
    """The operation that gives the parts at several basic indices."""

    @op(name, outputs=None, view=view)
    def parts(xp: Any, x: Any, *, where: tuple[Index, ...]) -> Any:
        return tuple([x[index] for index in where])

    @parts.vjp
    def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
        where = node.attrs["where"]
        known = [(index, part) for index, part in zip(where, g, strict=True) if part is not None]
        indices = tuple([index for index, _ in known])
        return (f.put_parts(*[part for _, part in known], where=indices, shape=node.shapes[0]),)

    return parts


_split = _make("split")
_split_with_sizes = _make("split_with_sizes")
_unbind = _make("unbind")
_unsafe_split = _make("unsafe_split", view=False)
_unsafe_split_with_sizes = _make("unsafe_split_with_sizes", view=False)


@op()
def _put_parts(xp: Any, *parts: Any, where: tuple[Index, ...], shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` with the parts at their indices, which have no element in common."""
    whole = sum(part.size for part in parts) == _product(shape)
    out = (xp.empty if whole else xp.zeros)(shape, parts[0].dtype)
    for index, part in zip(where, parts, strict=True):
        out[index] = part
    return out


@_put_parts.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return tuple(g[index] for index in node.attrs["where"])


def _product(shape: tuple[int, ...]) -> int:
    out = 1
    for n in shape:
        out *= n
    return out


def _pieces(axis: int, sections: list[int]) -> tuple[Index, ...]:
    """The indices of neighbouring parts of these sizes along an axis."""
    lead = (slice(None),) * axis
    ends = itertools.accumulate(sections)
    return tuple([(*lead, slice(end - n, end)) for n, end in zip(sections, ends, strict=True)])


def _has_dimensions(name: str, input: Any) -> None:
    if not input._a.ndim:
        raise RuntimeError(f"{name} expects at least a 1-dimensional tensor, got one of 0 dimensions")


def _equal(input: Any, size: int, axis: int) -> list[int]:
    """The sizes of parts of ``size``, the last of which may be smaller."""
    n = input._a.shape[axis]
    if size < 0 or (size == 0 and n):
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    return [min(size, n - at) for at in range(0, n, size)] if n else [0]


def _given(input: Any, sizes: Any, axis: int) -> list[int]:
    """The sizes that a user gave, if they fit."""
    n = input._a.shape[axis]
    sections = [int(size) for size in sizes]
    if sum(sections) != n or min(sections, default=0) < 0:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {axis}), "
            f"but got split_sizes={sections}"
        )
    return sections


@public
def split(input: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Parts of one size (the last may be smaller), or of the sizes given, along ``dim``. Views.

    Raises:
        RuntimeError: the sizes are negative or do not sum up to the dimension's, or the input has no dimension.

    Example:
        >>> import nnlite
        >>> nnlite.arange(5).split(2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    _has_dimensions("split", input)
    axis = axis_of(dim, input._a.ndim)
    if not isinstance(split_size_or_sections, int):
        return _split_with_sizes(input, where=_pieces(axis, _given(input, split_size_or_sections, axis)))
    return _split(input, where=_pieces(axis, _equal(input, split_size_or_sections, axis)))


@public
def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> tuple[Any, ...]:
    """Parts of the sizes given along ``dim``. Views."""
    return split(input, list(split_sizes), dim)


@public
def unsafe_split(input: Any, split_size: Any, dim: int = 0) -> tuple[Any, ...]:
    """``split``; each part may be written to on its own, which no derivative of the input notices."""
    _has_dimensions("split", input)
    axis = axis_of(dim, input._a.ndim)
    if not isinstance(split_size, int):
        return unsafe_split_with_sizes(input, split_size, dim)
    return _unsafe_split(input, where=_pieces(axis, _equal(input, split_size, axis)))


@public
def unsafe_split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> tuple[Any, ...]:
    """``split_with_sizes``; each part may be written to on its own, which no derivative of the input notices."""
    _has_dimensions("split", input)
    axis = axis_of(dim, input._a.ndim)
    return _unsafe_split_with_sizes(input, where=_pieces(axis, _given(input, split_sizes, axis)))


def _chunk(whole: Any, in_sizes: Any, input: Any, chunks: int, dim: int) -> tuple[Any, ...]:
    _has_dimensions("chunk", input)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input._a.shape[axis_of(dim, input._a.ndim)]
    return whole(input, -(-size // chunks), dim) if size else in_sizes(input, [0] * chunks, dim)


@public
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most ``chunks`` parts of equal size (the last may be smaller) along ``dim``. Views.

    Raises:
        RuntimeError: ``chunks`` is not positive, or the input has no dimension.
    """
    return _chunk(split, split, input, chunks, dim)


@public
def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """``chunk``; each part may be written to on its own, which no derivative of the input notices."""
    return _chunk(unsafe_split, unsafe_split_with_sizes, input, chunks, dim)


@public
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """The slices along ``dim``, without it. Views.

    Raises:
        IndexError: there is no such dimension.
    """
    if not input._a.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = axis_of(dim, input._a.ndim)
    lead = (slice(None),) * axis
    rest = () if input._a.ndim > 1 else (...,)  # NumPy gives a scalar, not a view, for numbers alone
    return _unbind(input, where=tuple([(*lead, i, *rest) for i in range(input._a.shape[axis])]))


@public
def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Parts between the positions given along ``dim``, or so many parts of sizes that differ by 1 at most. Views, each
    of its own, so that they may be written to.

    Raises:
        RuntimeError: the number of parts is not positive, or the input has no dimension.
    """
    if not input._a.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    axis = axis_of(dim, input._a.ndim)
    size = input._a.shape[axis]
    bounds = indices_or_sections
    if isinstance(bounds, TensorBase):
        if bounds._a.ndim > 1 or bounds._a.dtype.name != "int64":
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional long "
                f"tensor, but got {bounds._a.ndim} dimensions of {bounds.dtype}"
            )
        bounds = bounds.tolist()
    if isinstance(bounds, int):
        if bounds >= 1 << 63:
            raise ValueError(f"tensor_split(): Overflow when unpacking long long: {bounds} does not fit in 64 bits")
        if bounds <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {bounds}")
        sections = [size // bounds + (i < size % bounds) for i in range(bounds)]
        return tuple(input[index] for index in _pieces(axis, sections))
    lead = (slice(None),) * axis
    return tuple(input[(*lead, slice(a, b))] for a, b in itertools.pairwise([0, *bounds, size]))


def _split_along(name: str, axis: int, least: int, doc: str) -> None:
    def function(input: Any, indices_or_sections: Any) -> tuple[Any, ...]:
        ndim = input._a.ndim
        if ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension but got a tensor with {ndim} "
                "dimensions!"
            )
        dim = 0 if ndim == 1 else axis
        size = input._a.shape[dim]
        if isinstance(indices_or_sections, int) and (indices_or_sections <= 0 or size % indices_or_sections):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {size} is not "
                f"divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, dim)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    public(function)


_split_along("hsplit", 1, 1, "Equal parts, or parts between positions, along dimension 1 (0 of a vector). Views.")
_split_along("vsplit", 0, 2, "Equal parts, or parts between positions, along dimension 0. Views.")
_split_along("dsplit", 2, 3, "Equal parts, or parts between positions, along dimension 2. Views.")


def replaced(input: Any, src: Any, view: Callable[[Any], Any]) -> Any:
    """A copy of the input with ``src`` in place of the part that ``view`` takes of it.

    Raises:
        RuntimeError: ``src`` has another shape than the part.
    """
    out = input.clone()
    part = view(out)
    if part._a.shape != src._a.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src._a.shape)}, slice size = "
            f"{list(part._a.shape)}"
        )
    part.copy_(src)
    return out
