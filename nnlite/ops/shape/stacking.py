"""Tensors side by side along fixed dimensions; repeated, rolled and turned ones."""

from __future__ import annotations

from typing import Any

from ..._core.op import TensorBase
from .._axes import axis_of
from .._public import public
from .views import broadcast_to, cat, flip, reshape, sizes_of, transpose, unsqueeze


def _each(tensors: tuple[Any, ...], function: Any) -> Any:
    """The function of one tensor, or a tuple of it for several or for a sequence."""
    if len(tensors) == 1:
        one = tensors[0]
        return function(one) if isinstance(one, TensorBase) else tuple(function(x) for x in one)
    return tuple(function(x) for x in tensors)


@public
def atleast_1d(*tensors: Any) -> Any:
    """Tensors with at least one dimension: 0-d ones get one of size 1. Several tensors, or a sequence, give a tuple."""
    return _each(tensors, lambda x: x if x._a.ndim else reshape(x, 1))


@public
def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions; the new ones come first."""
    return _each(tensors, lambda x: x if x._a.ndim > 1 else reshape(x, (1, x._a.size)))


@public
def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions: (n) becomes (1, n, 1), and (n, m) becomes (n, m, 1)."""
    return _each(tensors, lambda x: x if x._a.ndim > 2 else unsqueeze(atleast_2d(x), -1))


def _given(name: str, tensors: Any) -> tuple[Any, ...]:
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tuple(tensors)


@public(method=False)
def hstack(tensors: Any, *, out: Any = None) -> Any:
    """Tensors side by side: along dimension 1, vectors along their only one.

    Example:
        >>> import nnlite
        >>> nnlite.hstack([nnlite.tensor([1, 2]), nnlite.tensor([3])])
        tensor([1, 2, 3])
    """
    parts = atleast_1d(_given("hstack", tensors))
    return cat(parts, 0 if parts[0]._a.ndim == 1 else 1, out=out)


@public(method=False, names=("row_stack",))
def vstack(tensors: Any, *, out: Any = None) -> Any:
    """Tensors one below the other: along dimension 0, vectors as rows."""
    return cat(atleast_2d(_given("vstack", tensors)), 0, out=out)


@public(method=False)
def dstack(tensors: Any, *, out: Any = None) -> Any:
    """Tensors one behind the other: along dimension 2."""
    return cat(atleast_3d(_given("dstack", tensors)), 2, out=out)


@public(method=False)
def column_stack(tensors: Any, *, out: Any = None) -> Any:
    """Tensors side by side, vectors as columns."""
    return cat([x if x._a.ndim > 1 else reshape(x, (x._a.size, 1)) for x in tensors], 1, out=out)


@public
def tile(input: Any, *dims: Any) -> Any:
    """The input repeated ``dims`` times along its dimensions; missing counts are 1, missing dimensions come first."""
    times = sizes_of(dims)
    return input.repeat((1,) * (input._a.ndim - len(times)) + tuple(times))


@public
def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """The elements moved on by ``shifts`` along ``dims``; what falls off the end comes in at the start.

    Raises:
        RuntimeError: there are not as many shifts as dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.roll(nnlite.tensor([1, 2, 3]), 1)
        tensor([3, 1, 2])
    """
    steps = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    axes = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    if not axes and len(steps) == 1:
        return reshape(roll(reshape(input, -1), steps, 0), input._a.shape)
    if not steps:
        raise RuntimeError("`shifts` required")
    if len(steps) != len(axes):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(axes)}")
    if not input._a.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    out = input
    for step, dim in zip(steps, axes, strict=True):
        axis = axis_of(dim, input._a.ndim)
        size = input._a.shape[axis]
        step = step % size if size else 0
        if step:
            cut: Any = (slice(None),) * axis
            out = cat([out[(*cut, slice(size - step, None))], out[(*cut, slice(0, size - step))]], axis)
    return out.clone() if out is input else out


@public
def fliplr(input: Any) -> Any:
    """The order along dimension 1 reversed. A copy."""
    if input._a.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


@public
def flipud(input: Any) -> Any:
    """The order along dimension 0 reversed. A copy."""
    if input._a.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


@public
def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """The input turned ``k`` times by 90 degrees in the plane of two dimensions, from the first towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input._a.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input._a.ndim}")
    a, b = (axis_of(d, input._a.ndim) for d in dims)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    k %= 4
    if k == 2:
        return flip(input, a, b)
    if k == 0:
        return input.clone()
    return transpose(flip(input, b if k == 1 else a), a, b).contiguous()


@public(method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """The tensors expanded to their common shape. Views."""
    given = tuple(tensors[0]) if len(tensors) == 1 and not isinstance(tensors[0], TensorBase) else tensors
    shape = broadcast_shapes(*(x.shape for x in given))
    return tuple(broadcast_to(x, shape) for x in given)


@public(method=False)
def broadcast_shapes(*shapes: Any) -> Any:
    """The common shape of tensors of these shapes.

    Raises:
        RuntimeError: two sizes differ and neither is 1.
    """
    from ..._core.size import Size

    sizes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    out = [1] * max((len(s) for s in sizes), default=0)
    for shape in sizes:
        for i, n in enumerate(reversed(shape), 1):
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if n != 1 and out[-i] not in (1, n):
                raise RuntimeError(
                    f"Shape mismatch: objects cannot be broadcast to a single shape: {n} and {out[-i]} at {-i}"
                )
            out[-i] = n if n != 1 else out[-i]
    return Size(out)


@public(method=False)
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """For n vectors n tensors of n dimensions: the coordinates of the grid's points.

    ``indexing="xy"`` exchanges the first two dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.meshgrid(nnlite.tensor([1, 2]), nnlite.tensor([3, 4]), indexing="ij")[0]
        tensor([[1, 1],
                [2, 2]])
    """
    given = tuple(tensors[0]) if len(tensors) == 1 and not isinstance(tensors[0], TensorBase) else tensors
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in given:
        if x._a.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x._a.ndim}D")
        if x.dtype is not given[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(given) > 1
    ordered = (given[1], given[0], *given[2:]) if swap else given
    shape = tuple(x._a.size for x in ordered)
    grids = [
        broadcast_to(reshape(x, (1,) * i + (-1,) + (1,) * (len(shape) - i - 1)), shape) for i, x in enumerate(ordered)
    ]
    if swap:
        grids[:2] = grids[1], grids[0]
    return tuple(grids)


@public(method=False)
def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of one element of each vector, as rows."""
    if len(tensors) == 1:
        return tensors[0]
    columns = [reshape(x, -1) for x in meshgrid(*tensors, indexing="ij")]
    return cat([unsqueeze(c, 1) for c in columns], 1)


@public(only_method=True)
def sum_to_size(input: Any, *size: Any) -> Any:
    """The sum over the dimensions along which a tensor of this size would be broadcast to the input's shape."""
    wanted, shape = sizes_of(size), input._a.shape
    lead = len(shape) - len(wanted)
    if not shape and not wanted:
        return input.sum()
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    axes = [*range(lead), *(i + lead for i, n in enumerate(wanted) if n == 1 and shape[i + lead] != 1)]
    return reshape(input.sum(axes, keepdim=True), wanted) if axes else input
