"""Complex tensors: their parts, made of parts, conjugates, angles.

Gradients follow PyTorch: for a real loss L and z = x + iy the gradient is dL/dx + i dL/dy, the direction of steepest
ascent (https://docs.pytorch.org/docs/stable/notes/autograd.html#autograd-for-complex-numbers).

PyTorch's ``conj`` sets a bit and leaves the memory; here it computes at once, so ``is_conj()`` and ``is_neg()`` are
always False and the ``resolve_`` functions return their argument.
"""

from __future__ import annotations

from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, check_same_device, in_place, not_a_tensor, op, unary, unbroadcast
from .._public import public, put
from ..shape.views import transpose
from . import elementwise as e


def _complex_of(dtype: Any) -> Any:
    """The complex NumPy dtype whose parts have ``dtype``."""
    return dtypes.from_numpy[dtype].to_complex().np


_conj = unary("conj", "conjugate", lambda f, g: f.conj(g), title="ConjBackward0")


@op(view=True)
def _real(xp: Any, x: Any) -> Any:
    return x.real


@_real.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.complex(g, f.zeros_like(g)),)


@op(view=True)
def _imag(xp: Any, x: Any) -> Any:
    return x.imag


@_imag.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.complex(f.zeros_like(g), g),)


@op()
def _complex(xp: Any, x: Any, y: Any) -> Any:
    out = xp.empty(xp.broadcast_shapes(x.shape, y.shape), _complex_of(x.dtype))
    out.real = x
    out.imag = y
    return out


@_complex.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    xn, yn = node.edges
    return (
        None if xn is None else unbroadcast(f, f.real(g), node.shapes[0]),
        None if yn is None else unbroadcast(f, f.imag(g), node.shapes[1]),
    )


@op(view=True)
def _view_as_real(xp: Any, x: Any) -> Any:
    return xp.as_strided(x.real, (*x.shape, 2), (*x.strides, x.itemsize // 2))


@_view_as_real.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.complex(g[..., 0], g[..., 1]),)


@op(view=True)
def _view_as_complex(xp: Any, x: Any) -> Any:
    return x.view(_complex_of(x.dtype))[..., 0]


@_view_as_complex.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.view_as_real(g),)


def _angles(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return xp.arctan2(x.imag, x.real)
    flat = xp.where(x < 0, xp.asarray(3.141592653589793, dtype=x.dtype), xp.zeros((), x.dtype))
    return xp.where(xp.isnan(x), x, flat)


_angle = unary("angle", _angles, lambda f, g, x: f.zeros_like(g), to_float=True)


@_angle.vjp  # type: ignore[attr-defined]
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    """g i x / |x|^2, and 0 at 0."""
    if x.dtype.kind != "c":
        return (f.zeros_like(g),)
    real, imag = f.real(x), f.imag(x)
    square = real * real + imag * imag
    none = square == 0
    factor = g / f.where(none, square + 1, square)
    return (f.zero_where(f.complex(-imag * factor, real * factor), none),)


# ---------------------------------------------------------------------------------------------------------------------
# Public functions


def _tensor(name: str, input: Any) -> Any:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    return input


def _is_complex(x: Any) -> bool:
    return x._a.dtype.kind == "c"


@public
def conj(input: Any) -> Any:
    """The complex conjugate, x - iy of x + iy, elementwise; a real tensor itself.

    Example:
        >>> import nnlite
        >>> nnlite.tensor([1 + 2j]).conj()
        tensor([1.-2.j])
    """
    return _conj(input) if _is_complex(_tensor("conj", input)) else input


@public
def conj_physical(input: Any, *, out: Any = None) -> Any:
    """The complex conjugate as a new tensor; a real tensor itself."""
    result = conj(input)
    return result if out is None else put(result, out)


@public
def conj_physical_(input: Any) -> Any:
    """The complex conjugate in place."""
    return in_place(_conj, input) if _is_complex(input) else input


@public
def resolve_conj(input: Any) -> Any:
    """The tensor itself: :func:`conj` computes at once."""
    return _tensor("resolve_conj", input)


@public
def resolve_neg(input: Any) -> Any:
    """The tensor itself: no tensor is the negative of its memory."""
    return _tensor("resolve_neg", input)


@public
def is_conj(input: Any) -> bool:
    """False: :func:`conj` computes at once and leaves no mark."""
    return False


@public
def is_neg(input: Any) -> bool:
    """False: no tensor is the negative of its memory."""
    return False


@public(method=False)
def real(input: Any) -> Any:
    """The real part, a view; a real tensor itself.

    Example:
        >>> import nnlite
        >>> nnlite.real(nnlite.tensor([1 + 2j, 3j]))
        tensor([1., 0.])
    """
    return _real(input) if _is_complex(_tensor("real", input)) else input


@public(method=False)
def imag(input: Any) -> Any:
    """The imaginary part of a complex tensor, a view.

    Raises:
        RuntimeError: the tensor is real.

    Example:
        >>> import nnlite
        >>> nnlite.imag(nnlite.tensor([1 + 2j, 3j]))
        tensor([2., 3.])
    """
    if not _is_complex(_tensor("imag", input)):
        raise RuntimeError(
            "imag is not implemented for tensors with non-complex dtypes. (The imaginary part of a real tensor is 0: "
            "zeros_like(input).)"
        )
    return _imag(input)


@public(method=False)
def complex(real: Any, imag: Any, *, out: Any = None) -> Any:
    """The complex tensor of a real and an imaginary part; shapes broadcast.

    Raises:
        RuntimeError: the parts are not of one dtype, or that is not a floating-point type.

    Example:
        >>> import nnlite
        >>> nnlite.complex(nnlite.tensor([1.0, 2.0]), nnlite.tensor([0.0, -1.0]))
        tensor([1.+0.j, 2.-1.j])
    """
    _check_parts("complex", real, imag)
    result = _complex(real, imag)
    return result if out is None else put(result, out, exact=True)


def _check_parts(name: str, x: Any, y: Any) -> None:
    for position, value in enumerate((x, y)):
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, position, value)
    check_same_device(name, (x._a, y._a))
    kinds = [dtypes.from_numpy[v._a.dtype] for v in (x, y)]
    titles = [dtypes.TITLES[kind.name] for kind in kinds]
    if not all(kind.is_floating_point and kind is not dtypes.bfloat16 for kind in kinds):
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {titles[0]} and "
                           f"{titles[1]} ({name}: convert them with .float())")  # fmt: skip
    if kinds[0] is not kinds[1]:
        raise RuntimeError(f"Expected object of scalar type {titles[0]} but got scalar type {titles[1]} for second "
                           f"argument ({name}: convert one of them with .to(dtype))")  # fmt: skip


@public(method=False)
def polar(abs: Any, angle: Any, *, out: Any = None) -> Any:
    """The complex tensor abs (cos angle + i sin angle); the angle is in radians.

    Raises:
        RuntimeError: the arguments are not of one dtype, or that is not a floating-point type.

    Example:
        >>> import nnlite
        >>> nnlite.polar(nnlite.tensor([2.0]), nnlite.tensor([0.0]))
        tensor([2.+0.j])
    """
    _check_parts("polar", abs, angle)
    result = _complex(abs * e.cos(angle), abs * e.sin(angle))
    return result if out is None else put(result, out, exact=True)


@public
def angle(input: Any, *, out: Any = None) -> Any:
    """The angle of each complex number, in radians in [-pi, pi]; of real ones 0, or pi for negative ones.

    Example:
        >>> import nnlite
        >>> nnlite.angle(nnlite.tensor([1j, -1, 1]))
        tensor([1.5708, 3.1416, 0.0000])
    """
    result = _angle(_tensor("angle", input))
    return result if out is None else put(result, out)


@public(method=False)
def view_as_real(input: Any) -> Any:
    """The parts of a complex tensor as a last dimension of 2, a view.

    Shape: (...) gives (..., 2).

    Raises:
        RuntimeError: the tensor is real.

    Example:
        >>> import nnlite
        >>> nnlite.view_as_real(nnlite.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """
    if not _is_complex(_tensor("view_as_real", input)):
        raise RuntimeError(
            "view_as_real is only supported for complex tensors (to add a dimension to a real one use unsqueeze(-1))"
        )
    return _view_as_real(input)


@public(method=False)
def view_as_complex(input: Any) -> Any:
    """A real tensor whose last dimension holds real and imaginary parts as a complex one, a view.

    Shape: (..., 2) gives (...).

    Raises:
        RuntimeError: the tensor is not float32 or float64, its last dimension is not of size 2 or not contiguous, or
            another stride is odd.

    Example:
        >>> import nnlite
        >>> nnlite.view_as_complex(nnlite.tensor([[1.0, 2.0]]))
        tensor([1.+2.j])
    """
    a = _tensor("view_as_complex", input)._a
    name = dtypes.from_numpy[a.dtype].name
    if name not in ("float16", "float32", "float64"):
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{dtypes.TITLES[name]} (convert it with .float())"
        )
    if not a.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if a.size and a.strides[-1] != a.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1 (make it so with .contiguous())")
    if a.size and any(s % (2 * a.itemsize) for s in a.strides[:-1]):
        raise RuntimeError(
            "Tensor must have a stride divisible by 2 for all but last dimension (make it so with .contiguous())"
        )
    return _view_as_complex(input)


@public
def adjoint(input: Any) -> Any:
    """The conjugates of a matrix, or of the matrices of a stack, transposed.

    Example:
        >>> import nnlite
        >>> nnlite.tensor([[1j, 2]]).adjoint()
        tensor([[0.-1.j],
                [2.-0.j]])
    """
    ndim = _tensor("adjoint", input)._a.ndim
    if not ndim:
        return conj(input)
    if ndim == 1:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {ndim}-D tensor."
        )
    return conj(transpose(input, -2, -1))


@public(only_method=True)
def chalf(input: Any, *, memory_format: Any = None) -> Any:
    """Not offered: array libraries have no complex numbers of 16-bit parts.

    Raises:
        NotImplementedError: always; use ``cfloat()``.
    """
    raise NotImplementedError("chalf(): tensors of complex32 are not implemented; use cfloat(), which is complex64")
