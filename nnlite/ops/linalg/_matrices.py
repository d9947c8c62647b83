"""What the functions of linear algebra share: checks of their arguments, their errors, and results with names."""

from __future__ import annotations

from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor
from ...backends import backend_of
from .. import _results
from .._public import put
from .._results import Named


class LinAlgError(RuntimeError):
    """A computation of linear algebra that has no result: the matrix is singular, not positive-definite, and so on."""


LinAlgError.__module__ = "nnlite.linalg"


# ---------------------------------------------------------------------------------------------------------------------
# Checks


def title(x: Any) -> str:
    """The name that PyTorch's messages give to a tensor's dtype."""
    return dtypes.TITLES[dtypes.from_numpy[x._a.dtype].name]


def tensor(name: str, x: Any, position: int = 0) -> Any:
    """``x``, if it is a tensor."""
    if not isinstance(x, TensorBase):
        raise not_a_tensor(name, position, x)
    return x


def matrices(name: str, x: Any, argument: str = "A") -> Any:
    """``x``, if it is a matrix or a stack of them."""
    if tensor(name, x)._a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")
    return x


def square(name: str, x: Any, argument: str = "A") -> Any:
    """``x``, if it is a square matrix or a stack of them."""
    shape = matrices(name, x, argument)._a.shape
    if shape[-1] != shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    return x


def floating(name: str, x: Any, kernel: str = "", low: bool = False) -> Any:
    """``x``, if it is of float32, float64 or complex (with ``low`` also of a 16-bit type).

    ``kernel`` is what PyTorch's NotImplementedError names in place of its general RuntimeError.
    """
    kind = x._a.dtype.kind
    if kind in "biu":
        if kernel.startswith("!"):
            raise NotImplementedError(f"\"{kernel[1:]}\" not implemented for '{title(x)}' (convert it with .float())")
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {title(x)} (convert it with .float())"
        )
    if x._a.dtype.itemsize == 2 and not low:
        if kernel:
            text = kernel.removeprefix("!")
            raise NotImplementedError(f"\"{text}\" not implemented for '{title(x)}' (convert it with .float())")
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {title(x)} (convert it with .float())")
    return x


def same_dtype(text: str, x: Any, y: Any) -> None:
    """Raise if two tensors have different dtypes; ``text`` has places for their names."""
    if x._a.dtype != y._a.dtype:
        raise RuntimeError(text.format(title(x), title(y)))


def check(name: str, info: Any, text: str, kind: type[Exception] = LinAlgError) -> None:
    """Raise an error where ``info`` (an int32 tensor, one number a matrix) is not 0; it waits for the device.

    ``text`` may have a place for the number.
    """
    codes = backend_of(info._a).to_host(info._a)
    if codes.any():
        flat = codes.ravel()
        first = int(flat.nonzero()[0][0])
        place = f"(Batch element {first}): " if codes.ndim else ""
        raise kind(f"{name}: {place}{text.format(int(flat[first]))}")


# ---------------------------------------------------------------------------------------------------------------------
# Results


def named(name: str, fields: str) -> type[Named]:
    """The class of results ``torch.return_types.<name>`` with these fields."""
    return _results.named(__name__, name, *fields.split())


def results(kind: type[Named], values: tuple[Any, ...], out: Any) -> Any:
    """The named result; with ``out=`` (a sequence of tensors) the values are written there."""
    if out is None:
        return kind(values)
    given = tuple(out)
    if len(given) != len(values):
        raise TypeError(f"{kind.__name__[7:]}(): out= has to be a tuple of {len(values)} tensors, not of {len(given)}")
    return kind([put(value, target) for value, target in zip(values, given, strict=True)])


def written(result: Any, out: Any) -> Any:
    """The result, in ``out=`` where one is given."""
    return result if out is None else put(result, out)


# ---------------------------------------------------------------------------------------------------------------------
# Expressions on arrays and tensors


def transposed(f: Any, x: Any) -> Any:
    """The matrices of a stack transposed."""
    n = len(x.shape)
    return f.transpose(x, axes=(*range(n - 2), n - 1, n - 2))


def adjoint(f: Any, x: Any) -> Any:
    """The matrices of a stack conjugated and transposed."""
    x = transposed(f, x)
    return f.conj(x) if x.dtype.kind == "c" else x


def column(f: Any, x: Any) -> Any:
    """(..., n) as (..., n, 1): a factor for each row."""
    return f.reshape(x, shape=(*x.shape, 1))


def row(f: Any, x: Any) -> Any:
    """(..., n) as (..., 1, n): a factor for each column."""
    return f.reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def real(f: Any, x: Any) -> Any:
    """The real part; a real array or tensor itself."""
    return f.real(x) if x.dtype.kind == "c" else x


def swap(x: Any) -> Any:
    """The matrices of an array transposed, a view."""
    return x.swapaxes(-1, -2)


def swap_conj(x: Any) -> Any:
    """The matrices of an array conjugated and transposed."""
    x = x.swapaxes(-1, -2)
    return x.conj() if x.dtype.kind == "c" else x


def real_dtype(x: Any) -> Any:
    """The NumPy dtype of the parts of an array's numbers."""
    return x.real.dtype
