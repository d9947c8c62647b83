"""Shapes: views of the same storage, and the operations that put arrays together or apart."""

from __future__ import annotations

import math
from typing import Any

from ..._core.layout import contiguous_format
from ..._core.op import OPS, TensorBase, op, unbroadcast
from .._axes import axes_of, axis_of
from .._public import public
from .parts import _has_dimensions
from .parts import chunk as chunk
from .parts import unbind as unbind


def sizes_of(args: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes in ``f(2, 3)``, ``f((2, 3))`` and ``f(Size([2, 3]))``."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = tuple(args[0])
    for n in args:
        if type(n) is not int:
            break
    else:
        return args
    return tuple(int(n) if isinstance(n, TensorBase) else _index(n) for n in args)


def _index(n: Any) -> int:
    try:
        return int(n.__index__())
    except AttributeError:
        raise TypeError(f"sizes must be integers, got {type(n).__name__}") from None


def _view_op(name: str, title: str) -> Any:
    """A view of the same elements in another shape."""

    @op(name, view=True, title=title)
    def reshaped(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
        return x.reshape(shape)

    @reshaped.vjp
    def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
        return (f.reshape(g, shape=node.shapes[0]),)

    return reshaped


_view = _view_op("view", "ViewBackward0")
_unsafe_view = _view_op("unsafe_view", "UnsafeViewBackward0")
_squeeze = _view_op("squeeze", "SqueezeBackward0")
_squeeze_one = _view_op("squeeze_dim", "SqueezeBackward1")
_unsqueeze = _view_op("unsqueeze", "UnsqueezeBackward0")
_alias = _view_op("alias", "AliasBackward0")


@op("reshape")
def _reshape(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    return x.reshape(shape)


def view_strides(a: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides with which the elements of ``a`` can be seen in another shape without a copy, None if they cannot.

    Axes of ``a`` that lie one behind the other in memory form a block; each block has to be covered exactly by
    neighbouring axes of the new shape.
    """
    blocks: list[list[int]] = []
    for size, stride in zip(a.shape, a.strides, strict=True):
        if size == 1:
            continue
        if blocks and blocks[-1][1] == size * stride:
            blocks[-1][0] *= size
            blocks[-1][1] = stride
        else:
            blocks.append([size, stride])
    strides: list[int] = []
    at = 0
    left, step = (blocks[0][0], blocks[0][0] * blocks[0][1]) if blocks else (1, a.itemsize)
    for size in shape:
        if size == 1:
            strides.append(step)
            continue
        if left == 1:
            at += 1
            left, step = blocks[at][0], blocks[at][0] * blocks[at][1]
        if left % size:
            return None
        left //= size
        step //= size
        strides.append(step)
    return tuple(strides)


def resolve(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """``shape`` with its -1 replaced.

    Raises:
        RuntimeError: the sizes do not fit ``numel`` elements.
    """
    known, negative = 1, 0
    for n in shape:
        known *= n
        if n < 0:
            negative += 1
    if known == numel and not negative:
        return shape
    if negative == 1 and known and -1 in shape and numel % known == 0:
        return tuple([numel // -known if n == -1 else n for n in shape])
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if -1 in shape and known == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    if negative and min(shape) < -1:
        raise RuntimeError(f"invalid shape dimension {min(shape)}")
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")


def viewable(a: Any, shape: tuple[int, ...]) -> bool:
    """Whether a raw array can be seen in another shape without a copy."""
    return a.flags.c_contiguous or a.size == 0 or view_strides(a, shape) is not None


@public
def reshape(input: Any, *shape: Any) -> Any:
    """The same elements in another shape: a view where the strides allow it, else a copy. One size may be -1.

    Example:
        >>> import nnlite
        >>> nnlite.arange(6).reshape(2, -1)
        tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    a = input._a
    if len(shape) != 1 or type(shape[0]) is not int:
        shape = sizes_of(shape)
    if a.flags.c_contiguous and (not shape or min(shape) >= -1):
        try:
            return _view(input, shape=shape)  # the array library works out -1 and checks the sizes
        except ValueError:
            resolve(shape, a.size)  # raises PyTorch's error
            raise
    sizes = resolve(shape, a.size)
    if viewable(a, sizes):
        return _view(input, shape=sizes)
    return _unsafe_view(input.clone(memory_format=contiguous_format), shape=sizes)


OPS["reshape"].call = lambda x, *, shape: reshape(x, shape)


@public(only_method=True)
def view(input: Any, *shape: Any) -> Any:
    """The same storage seen in another shape, or as another dtype of the same item size.

    Raises:
        RuntimeError: the strides do not allow it; ``reshape`` copies then.
    """
    if len(shape) == 1 and hasattr(shape[0], "is_floating_point"):
        return _view_dtype(input, shape[0])
    a = input._a
    sizes = resolve(sizes_of(shape), a.size)
    if not viewable(a, sizes):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return _view(input, shape=sizes)


def _view_dtype(input: Any, dtype: Any) -> Any:
    from ..._core.tensor_base import wrap

    t = wrap(input._a.view(dtype.np))
    t._vc = input._vc
    return t


@public(only_method=True)
def view_as(input: Any, other: Any) -> Any:
    """``view`` with the shape of ``other``."""
    return view(input, other.shape)


@public(only_method=True)
def reshape_as(input: Any, other: Any) -> Any:
    """``reshape`` with the shape of ``other``."""
    return reshape(input, other.shape)


@public
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Dimensions ``start_dim`` to ``end_dim`` as one."""
    ndim = input._a.ndim
    start, end = axis_of(start_dim, ndim), axis_of(end_dim, ndim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not ndim:
        return reshape(input, 1)
    shape = input._a.shape
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@public
def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """Dimension ``dim`` as several; one size may be -1."""
    _has_dimensions("unflatten", input)
    shape = input._a.shape
    axis = axis_of(dim, len(shape))
    inner = sizes_of((sizes,))
    try:
        inner = resolve(inner, shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(inner)} don't multiply up to the size of dim {axis} ({shape[axis]}) "
            "in the input tensor"
        ) from None
    return reshape(input, (*shape[:axis], *inner, *shape[axis + 1 :]))


@public
def ravel(input: Any) -> Any:
    """All elements in one dimension."""
    return reshape(input, -1)


@public(numpy_names=True)
def squeeze(input: Any, dim: Any = None) -> Any:
    """The input without its dimensions of size 1, or without those of ``dim`` that have size 1."""
    shape = input._a.shape
    if dim is None:
        return _squeeze(input, shape=tuple(n for n in shape if n != 1))
    axes = {axis_of(d, len(shape)) for d in ((dim,) if isinstance(dim, int) else dim)}
    return _squeeze_one(input, shape=tuple(n for i, n in enumerate(shape) if n != 1 or i not in axes))


@public(numpy_names=True)
def unsqueeze(input: Any, dim: int) -> Any:
    """The input with a dimension of size 1 put in at ``dim``."""
    shape = input._a.shape
    axis = axis_of(dim, len(shape) + 1)
    return _unsqueeze(input, shape=(*shape[:axis], 1, *shape[axis:]))


@op(view=True, title=lambda node: node.attrs["title"])
def _transpose(xp: Any, x: Any, *, axes: tuple[int, ...], title: str = "PermuteBackward0") -> Any:
    return x.transpose(axes)


@_transpose.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    axes = node.attrs["axes"]
    return (f.transpose(g, axes=tuple(sorted(range(len(axes)), key=axes.__getitem__)), title="PermuteBackward0"),)


@public
def permute(input: Any, *sizes: Any, dims: Any = None) -> Any:
    """The dimensions in another order. A view."""
    axes = sizes_of(sizes if dims is None else (dims,))
    ndim = input._a.ndim
    if len(axes) != ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(axes)}"
        )
    axes = tuple(axis_of(d, ndim) for d in axes)
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(dims): duplicate dims are not allowed.")
    return _transpose(input, axes=axes, title="PermuteBackward0")


@public(names=("swapaxes", "swapdims"))
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged. A view."""
    ndim = input._a.ndim
    axes = list(range(ndim))
    a, b = axis_of(dim0, ndim), axis_of(dim1, ndim)
    if not ndim:
        return _alias(input, shape=())
    axes[a], axes[b] = b, a
    return _transpose(input, axes=tuple(axes), title="TransposeBackward0")


@public
def t(input: Any) -> Any:
    """The transpose of a matrix; a vector is returned as it is."""
    if input._a.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._a.ndim}D")
    if input._a.ndim < 2:
        return _alias(input, shape=input._a.shape)
    return _transpose(input, axes=(1, 0), title="TBackward0")


@public(names=("moveaxis",))
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Dimensions ``source`` at the places ``destination``. A view."""
    ndim = input._a.ndim
    pairs = [((s,) if isinstance(s, int) else tuple(s)) for s in (source, destination)]
    if len(pairs[0]) != len(pairs[1]):
        raise RuntimeError(f"movedim: Invalid source or destination dims: source ({pairs[0]}) should contain the same "
                           f"number of dims as destination ({pairs[1]})")  # fmt: skip
    for name, dims in zip(("source", "destination"), pairs, strict=True):
        if len({axis_of(d, ndim) for d in dims}) < len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(dims)})")
    if not ndim:
        return _alias(input, shape=())
    moved = {axis_of(d, ndim): axis_of(s, ndim) for s, d in zip(*pairs, strict=True)}
    rest = iter(axis for axis in range(ndim) if axis not in moved.values())
    axes = tuple(moved[i] if i in moved else next(rest) for i in range(ndim))
    return _transpose(input, axes=axes, title="PermuteBackward0")


@op(view=True, title="ExpandBackward0")
def _broadcast_to(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    # Not xp.broadcast_to: NumPy's result cannot be written to, nor can parts of it in which no element stands twice.
    lead = len(shape) - x.ndim
    strides = [0 if n == 1 else step for n, step in zip(x.shape, x.strides, strict=True)]
    return xp.as_strided(x, shape, (0,) * lead + tuple(strides))


@_broadcast_to.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (unbroadcast(f, g, node.shapes[0]),)


@op()
def _spread(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """``x`` repeated to a shape, for gradients: a view or a copy, not to be written to."""
    return xp.broadcast_to(x, shape)


OPS["spread"].call = lambda x, *, shape: _broadcast_to(x, shape=shape)


@public(only_method=True)
def expand(input: Any, *sizes: Any, size: Any = None) -> Any:
    """Dimensions of size 1 repeated without a copy; -1 keeps a size."""
    shape = input._a.shape
    wanted = sizes_of(sizes if size is None else (size,))
    lead = len(wanted) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({list(wanted)}, size={list(shape)}): the number of sizes provided ({len(wanted)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    target = tuple(shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted))
    for i, n in enumerate(target):
        if n < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
            )
        if i >= lead and shape[i - lead] not in (1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({shape[i - lead]}) at "
                f"non-singleton dimension {i}.  Target sizes: {list(target)}.  Tensor sizes: {list(shape)}"
            )
    return _broadcast_to(input, shape=target)


@public
def broadcast_to(input: Any, size: Any) -> Any:
    """``expand`` as a function."""
    return expand(input, size)


@public(only_method=True)
def expand_as(input: Any, other: Any) -> Any:
    """``expand`` to the shape of ``other``."""
    return expand(input, other.shape)


@op("concatenate", title=lambda node: node.attrs["title"])
def _concatenate(xp: Any, *arrays: Any, axis: int, title: str = "CatBackward0") -> Any:
    return xp.concatenate(arrays, axis=axis)


@_concatenate.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    axis, at, grads = node.attrs["axis"], 0, []
    for shape in node.shapes:
        end = at + shape[axis]
        grads.append(g[(slice(None),) * axis + (slice(at, end),)])
        at = end
    return tuple(grads)


def _common(name: str, tensors: Any) -> list[Any]:
    from ..._core import dtypes
    from ..._core.op import cast

    if isinstance(tensors, TensorBase) or not isinstance(tensors, tuple | list):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        if name == "stack":
            raise RuntimeError("stack expects a non-empty TensorList")
        raise ValueError(f"{name}(): expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if not isinstance(x, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    if len({x._a.dtype for x in tensors}) > 1:
        kind = dtypes.from_numpy[tensors[0]._a.dtype]
        for x in tensors[1:]:
            kind = dtypes.promote_types(kind, dtypes.from_numpy[x._a.dtype])
        tensors = [x if x._a.dtype == kind.np else cast(x, kind.np) for x in tensors]
    return list(tensors)


@public(method=False, names=("concat", "concatenate"), numpy_names=True)
def cat(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """The tensors one behind the other along ``dim``.

    Example:
        >>> import nnlite
        >>> nnlite.cat([nnlite.zeros(1, 2), nnlite.ones(1, 2)], 0)
        tensor([[0., 0.],
                [1., 1.]])
    """
    from .._public import put

    parts = _common("cat", tensors)
    if any(x._a.ndim == 0 for x in parts):
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    # PyTorch lets an empty vector stand beside tensors of any shape.
    first = next((x for x in parts if x._a.shape != (0,)), parts[0])._a.shape
    axis = axis_of(dim, len(first))
    nothing = (*first[:axis], 0, *first[axis + 1 :])
    full = [x if x._a.shape != (0,) or len(first) == 1 else reshape(x, nothing) for x in parts]
    for i, x in enumerate(full):
        a, b = first, x._a.shape
        if len(a) != len(b):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(a)} and {len(b)}")
        for d in range(len(a)):
            if d != axis and a[d] != b[d]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {a[d]} but got size {b[d]} "
                    f"for tensor number {i} in the list."
                )
    result = _concatenate(*full, axis=axis, title="CatBackward0")
    return result if out is None else put(result, out, *parts)


@public(method=False, numpy_names=True)
def stack(tensors: Any, dim: int = 0, *, out: Any = None) -> Any:
    """Tensors of one shape along a new dimension ``dim``."""
    from .._public import put

    parts = _common("stack", tensors)
    shape = parts[0]._a.shape
    axis = axis_of(dim, len(shape) + 1)
    for i, x in enumerate(parts):
        if x._a.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x._a.shape)} at entry {i}"
            )
    result = _concatenate(*[unsqueeze(x, axis) for x in parts], axis=axis, title="StackBackward0")
    return result if out is None else put(result, out)


@op()
def _flip(xp: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    return xp.flip(x, axis=axis).copy()


@_flip.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.flip(g, axis=node.attrs["axis"]),)


@public
def flip(input: Any, *sizes: Any, dims: Any = None) -> Any:
    """The order of the elements reversed along ``dims``. A copy."""
    axes = axes_of(sizes_of(sizes if dims is None else (dims,)), input._a.ndim)
    return input.clone() if axes is None else _flip(input, axis=axes)


@public(only_method=True)
def repeat(input: Any, *sizes: Any, repeats: Any = None) -> Any:
    """The input repeated ``sizes`` times along its dimensions; more sizes than dimensions add leading ones."""
    times = sizes_of(sizes if repeats is None else (repeats,))
    lead = len(times) - input._a.ndim
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * lead + tuple(input._a.shape)
    inner = [n for size in shape for n in (1, size)]
    outer = [n for count, size in zip(times, shape, strict=True) for n in (count, size)]
    return reshape(expand(reshape(input, inner), outer), [c * n for c, n in zip(times, shape, strict=True)])
