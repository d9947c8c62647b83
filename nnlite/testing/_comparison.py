"""``assert_close``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._core import dtypes
from ..creation import as_tensor
from ..ops import FUNCTIONS
from ..tensor import Tensor

_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex32": (1e-3, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
"""Name of a dtype -> relative and absolute tolerance; those of all others are 0."""

Message = str | Callable[[str], str] | None


class _Options(NamedTuple):
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool
    allow_subclasses: bool


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Raise unless ``|actual - expected| <= atol + rtol * |expected|`` everywhere.

    Compares tensors, NumPy arrays and numbers, and sequences and mappings of them.

    Args:
        rtol, atol: both or none; without them they follow from the dtypes (1.3e-6 and 1e-5 for float32, 1e-7 for
            float64, 0 for integers).
        equal_nan: whether NaN equals NaN.
        check_device, check_dtype, check_layout, check_stride: whether these have to be equal, too.
        msg: the text of the error, or a function that makes it of the usual one.

    Raises:
        AssertionError: the values, shapes, or what is checked besides, differ.
        TypeError: values that cannot be compared. ValueError: only one of ``rtol`` and ``atol``.

    Example:
        >>> import nnlite
        >>> nnlite.testing.assert_close(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.0, 2.0 + 1e-6]))
        >>> nnlite.testing.assert_close(nnlite.tensor([1, 2]), nnlite.tensor([1, 3]))
        Traceback (most recent call last):
        ...
        AssertionError: Tensor-likes are not equal!
        ...
    """
    __tracebackhide__ = True
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = _Options(
        rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride, allow_subclasses
    )  # fmt: skip
    problem = _difference(actual, expected, options, "")
    if problem is not None:
        raise AssertionError(problem if msg is None else msg(problem) if callable(msg) else msg)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older :func:`assert_close`, which takes data of any kind and leaves dtypes aside."""
    warnings.warn("`torch.testing.assert_allclose()` is deprecated, use `torch.testing.assert_close()`",
                  FutureWarning, stacklevel=2)  # fmt: skip
    a = actual if isinstance(actual, Tensor) else as_tensor(actual)
    b = expected if isinstance(expected, Tensor) else as_tensor(expected, dtype=a.dtype)
    assert_close(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, check_device=True, msg=msg or None)


def _difference(actual: Any, expected: Any, options: _Options, where: str) -> str | None:
    """What differs, as the text of the error; None where nothing does."""
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        return _of_mappings(actual, expected, options, where)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return _at(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", where)
        pairs = enumerate(zip(actual, expected, strict=True))
        return _first(_difference(a, b, options, f"{where}[{i}]") for i, (a, b) in pairs)
    found = _of_values(actual, expected, options)
    return None if found is None else _at(found, where)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _first(problems: Any) -> str | None:
    return next((problem for problem in problems if problem is not None), None)


def _at(problem: str, where: str) -> str:
    return f"{problem}\n\nThe failure occurred for item {where}" if where else problem


def _of_mappings(actual: Any, expected: Any, options: _Options, where: str) -> str | None:
    if actual.keys() != expected.keys():
        missing, more = sorted(expected.keys() - actual.keys()), sorted(actual.keys() - expected.keys())
        return _at(
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {missing}\nAdditional keys in the actual mapping: {more}",
            where,
        )
    return _first(_difference(actual[key], expected[key], options, f"{where}[{key!r}]") for key in actual)


def _of_values(actual: Any, expected: Any, options: _Options) -> str | None:
    tensors = isinstance(actual, Tensor) and isinstance(expected, Tensor)
    if tensors and not options.allow_subclasses and type(actual) is not type(expected):
        raise TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")
    if tensors:
        return _of_tensors(actual, expected, options)
    if isinstance(actual, np.ndarray | np.generic) and isinstance(expected, np.ndarray | np.generic):
        return _of_tensors(as_tensor(np.asarray(actual)), as_tensor(np.asarray(expected)), options)
    if actual is None or expected is None:
        return None if actual is expected else f"None mismatch: {actual} is not {expected}"
    if isinstance(actual, bool) and isinstance(expected, bool):
        return None if actual is expected else f"Booleans mismatch: {actual} is not {expected}"
    if isinstance(actual, int | float | complex) and isinstance(expected, int | float | complex):
        return _of_numbers(actual, expected, options)
    raise TypeError(f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.")


def _tolerances(options: _Options, *names: str) -> tuple[float, float]:
    if options.rtol is not None and options.atol is not None:
        return options.rtol, options.atol
    known = [_TOLERANCES.get(name, (0.0, 0.0)) for name in names]
    return max(r for r, _ in known), max(a for _, a in known)


def _of_numbers(actual: Any, expected: Any, options: _Options) -> str | None:
    if options.check_dtype and type(actual) is not type(expected):
        return f"The (d)types do not match: {type(actual)} != {type(expected)}."
    names = ["complex128" if isinstance(v, complex) else "float64" if isinstance(v, float) else "int64"
             for v in (actual, expected)]  # fmt: skip
    return _scalars(actual, expected, *_tolerances(options, *names), options.equal_nan)


def _scalars(actual: Any, expected: Any, rtol: float, atol: float, equal_nan: bool) -> str | None:
    """The comparison of two Python numbers."""
    both_nan = actual != actual and expected != expected
    difference = abs(actual - expected)
    if actual == expected or (equal_nan and both_nan) or (difference <= atol + rtol * abs(expected) < float("inf")):
        return None
    relative = difference / abs(expected) if expected else float("inf")
    kind = "close" if rtol or atol else "equal"
    allowed = [f" (up to {t} allowed)" if rtol or atol else "" for t in (atol, rtol)]
    return (
        f"Scalars are not {kind}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{allowed[0]}\nRelative difference: {relative}{allowed[1]}"
    )


def _of_tensors(actual: Any, expected: Any, options: _Options) -> str | None:
    checked = [("shape", actual.shape, expected.shape)]
    if options.check_layout:
        checked.append(("layout", actual.layout, expected.layout))
    if options.check_device:
        checked.append(("device", actual.device, expected.device))
    if options.check_dtype:
        checked.append(("dtype", actual.dtype, expected.dtype))
    if options.check_stride:
        checked.append(("stride()", actual.stride(), expected.stride()))
    for name, ours, theirs in checked:
        if ours != theirs:
            return f"The values for attribute '{name}' do not match: {ours} != {theirs}."
    rtol, atol = _tolerances(options, actual.dtype.name, expected.dtype.name)
    kind = dtypes.promote_types(actual.dtype, expected.dtype)
    wide = dtypes.BY_NAME["int64"] if kind.category <= dtypes.INTEGER else kind
    a, b = (t.detach().cpu().to(wide) for t in (actual, expected))
    matches = FUNCTIONS["isclose"](a, b, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if bool(matches.all()):
        return None
    if not a.ndim:
        return _scalars(a.item(), b.item(), rtol, atol, options.equal_nan)
    return _report(a, b, matches, rtol, atol)


def _report(actual: Any, expected: Any, matches: Any, rtol: float, atol: float) -> str:
    """How many elements differ, and where the most."""
    wrong = matches.numel() - int(matches.sum())
    lines = [
        f"Tensor-likes are not {'close' if rtol or atol else 'equal'}!\n",
        f"Mismatched elements: {wrong} / {matches.numel()} ({wrong / matches.numel():.1%})",
    ]
    absolute = (actual - expected).abs()
    for name, figures, limit in (
        ("absolute", absolute, atol),
        ("relative", absolute / expected.abs(), rtol),
    ):
        figures = figures.masked_fill(matches, 0)
        place = int(figures.argmax())
        index = tuple(int(i) for i in np.unravel_index(place, tuple(figures.shape)))
        allowed = f" (up to {limit} allowed)" if rtol or atol else ""
        lines.append(f"Greatest {name} difference: {figures.flatten()[place].item()} at index {index}{allowed}")
    return "\n".join(lines)
