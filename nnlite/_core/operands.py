"""The operands of an operation: their devices and dtypes, and the errors for what does not fit."""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

import numpy as np

from ..backends.errors import OutOfMemoryError, of_host, two_devices
from ..backends.registry import backend_of, loaded_backends, tables
from . import dtypes
from .tensor_base import TensorBase, wrap


class _Transfer:
    """What layers above put here: ``transfer.to(tensor, array)`` is the tensor on the array's device
    (``nnlite/ops/transfer.py``), ``transfer.lift(operands)`` are the operands with all tensors batched where one is,
    None if there is nothing to do (``batched/crossing.py``)."""

    to: Any = None
    lift: Any = None


transfer = _Transfer()


def numbers_moved(values: Any) -> list[Any] | None:
    """Operands with the CPU's tensors of no dimensions on the device of the others; None if there are none to move.

    PyTorch lets such tensors stand beside tensors of any device, as numbers do.
    """
    target = next((v._a for v in values if isinstance(v, TensorBase) and type(v._a) is not np.ndarray), None)
    if target is None:
        return None
    if any(hasattr(v._a, "level") for v in values if isinstance(v, TensorBase)):
        return transfer.lift(values)
    movable = [isinstance(v, TensorBase) and type(v._a) is np.ndarray and not v._a.ndim for v in values]
    if not any(movable):
        return None
    return [transfer.to(v, target) if move else v for v, move in zip(values, movable, strict=True)]


def all_examples(array: Any) -> Any:
    """A raw array for a check of its values on the host: of a batched one, the array of all examples."""
    while hasattr(array, "raw"):
        array = array.raw
    return array


def describe(array: Any) -> str:
    """The device of a raw array as text."""
    backend = backend_of(array)
    index = backend.index_of(array)
    return backend.name if index is None else f"{backend.name}:{index}"


def check_same_device(name: str, arrays: Any) -> None:
    """Raise if raw arrays lie on different devices."""
    kinds = {type(a) for a in arrays if a is not None}
    if len(kinds) == 1 and (kind := kinds.pop()) in tables and not tables[kind].backend_.has_indices:
        return
    known = [describe(a) for a in arrays if a is not None and type(a) in tables]
    for other in known[1:]:
        if other != known[0]:
            raise two_devices(name, known[0], other)


def not_a_tensor(name: str, position: int, value: Any) -> TypeError:
    """The error for an argument that has to be a tensor."""
    hint = "; make one with nnlite.as_tensor(...)" if isinstance(value, np.ndarray | list | int | float) else ""
    return TypeError(f"{name}(): argument {position + 1} must be Tensor, not {type(value).__name__}{hint}")


def first_foreign(name: str, inputs: tuple[Any, ...]) -> TypeError:
    """The error for the first input that is not a tensor."""
    position = next(i for i, t in enumerate(inputs) if t is not None and not isinstance(t, TensorBase))
    return not_a_tensor(name, position, inputs[position])


_NO_LOOP = ("not supported for the input", "not contain a loop", "Wrong type (")
"""How NumPy and CuPy say that a function does not take a dtype."""


def explain(name: str, error: Exception, raws: Any) -> Exception:
    """PyTorch's error for one that the array library raised on these arrays."""
    if isinstance(error, OutOfMemoryError):
        raise error  # which says it all
    if isinstance(error, MemoryError):
        return of_host(error)
    check_same_device(name, raws)
    arrays = [a for a in raws if hasattr(a, "shape")]
    text = str(error)
    if "broadcast" in text:
        for a, b in itertools.combinations(arrays, 2):
            if any(n != m and 1 not in (n, m) for n, m in zip(reversed(a.shape), reversed(b.shape), strict=False)):
                return broadcast_error(a.shape, b.shape)
    if "negative integer powers" in text:
        return RuntimeError(f"{text} ({name}: convert the base with .float())")
    if "boolean negative" in text or "boolean subtract" in text:
        return RuntimeError(
            f"{name}: the `-` operator with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )
    if isinstance(error, TypeError) and any(part in text for part in _NO_LOOP):
        kind = dtypes.TITLES[dtypes.from_numpy[arrays[0].dtype].name]
        return NotImplementedError(f"\"{name}\" not implemented for '{kind}' (convert the tensor with .to(dtype))")
    return error


def of_device(error: Exception) -> Exception | None:
    """The error for memory that is not there, or that a device reported; None for any other."""
    if isinstance(error, MemoryError):
        return error if isinstance(error, OutOfMemoryError) else of_host(error)
    found = (backend.explained(error) for backend in loaded_backends())
    return next((better for better in found if better is not None), None)


def raised(error: RuntimeError) -> NoReturn:
    """Raise an error of a kernel, or what says more of one that a device reported."""
    better = of_device(error)
    if better is None:
        raise error
    raise better from error


def no_order(name: str, array: Any) -> Exception:
    """The error for a comparison of complex numbers."""
    hint = "complex numbers have no order: compare .abs(), .real or .imag"
    if name in ("maximum", "minimum"):
        return RuntimeError(f"{name} not implemented for complex tensors. ({hint})")
    kind = dtypes.TITLES[dtypes.from_numpy[array.dtype].name]
    return NotImplementedError(f"\"{name}\" not implemented for '{kind}' ({hint})")


def broadcast_error(a: tuple[int, ...], b: tuple[int, ...]) -> RuntimeError:
    """The error for two shapes that cannot be broadcast together."""
    for back in range(1, min(len(a), len(b)) + 1):
        if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
            return RuntimeError(
                f"The size of tensor a ({a[-back]}) must match the size of tensor b ({b[-back]}) "
                f"at non-singleton dimension {max(len(a), len(b)) - back}"
            )
    return RuntimeError(f"shapes {list(a)} and {list(b)} cannot be broadcast together")


def as_array(raw: Any, like: Any) -> Any:
    """A 0-d array in place of the scalar that NumPy returns for 0-d inputs."""
    try:
        return tables[type(like)].backend_.xp.asarray(raw)
    except TypeError:
        if type(raw) in tables:  # of an operation whose result is batched and whose first input is not, or conversely
            return raw
        raise


def number_for(value: Any, array: Any) -> Any:
    """A Python number that ``array``'s dtype can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if array.dtype.kind == "V":
        return array.dtype.type(value)  # else bfloat16 with a Python number becomes float32
    if array.dtype.kind in "iu" and type(value) is int:
        bits = 8 * array.dtype.itemsize
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if array.dtype.kind == "i" else (0, (1 << bits) - 1)
        if not low <= value <= high:
            return (value - low) % (1 << bits) + low  # PyTorch wraps where NumPy raises
    return value


def _foreign(value: Any) -> Any:
    """What an operand that is no tensor becomes: a number stays one, a NumPy array becomes a tensor."""
    if isinstance(value, int | float | complex | np.generic):
        return value
    if isinstance(value, np.ndarray):
        return wrap(value)
    return NotImplemented


def raw(value: Any) -> Any:
    """The raw array of a tensor; anything else as it is."""
    return value._a if isinstance(value, TensorBase) else value


def promote(name: str, x: Any, y: Any, to_float: bool, cast: Any) -> Any:
    """Both operands of a binary operation in their common dtype; numbers stay numbers.

    Returns NotImplemented for operands that no operation takes.
    """
    if not isinstance(x, TensorBase) and not isinstance(y, TensorBase):
        raise not_a_tensor(name, 0, x)
    pair = [v if isinstance(v, TensorBase) else _foreign(v) for v in (x, y)]
    if any(v is NotImplemented for v in pair):
        return NotImplemented
    pair = numbers_moved(pair) or pair
    raws = tuple(raw(v) for v in pair)
    check_same_device(name, raws)
    kind = dtypes.result(raws)
    if to_float and kind.category < dtypes.FLOAT:
        kind = dtypes.default.float
    for i, value in enumerate(pair):
        if isinstance(value, TensorBase):
            if value._a.dtype != kind.np:
                pair[i] = cast(value, kind.np)
            elif value._a.dtype is not kind.np:
                value._a = value._a.view(kind.np)  # equal but not the same object, as unpickling makes it
    for i, value in enumerate(pair):
        if not isinstance(value, TensorBase):
            pair[i] = number_for(value, pair[1 - i]._a)
    return pair
