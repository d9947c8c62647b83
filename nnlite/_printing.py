"""The text of a tensor, as PyTorch prints it.

The numbers are formatted on the host. Of a large tensor only the items that are printed leave the device: the edges of
each dimension are joined there, and one small array is copied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ._core.dtypes import bool_, get_default_dtype, int64
from .backends import backend_of

__all__ = ["format_array", "get_printoptions", "printoptions", "set_printoptions", "tensor_str"]


@dataclass(frozen=True, slots=True)
class PrintOptions:
    """What `set_printoptions` sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed from now on. What is not given stays as it is, but for ``sci_mode``.

    Args:
        precision: digits after the decimal point (at first 4).
        threshold: with more elements than this only the edges are printed (at first 1000).
        edgeitems: how many items at each end of a dimension are the edges (at first 3).
        linewidth: characters a line (at first 80).
        profile: ``"default"``, ``"short"`` or ``"full"``, which set the four above; a value given beside it counts.
        sci_mode: True or False to use or not use scientific notation everywhere; None, the value it gets when it is
            not given, to choose by the numbers of each tensor.

    Raises:
        ValueError: there is no such profile.

    Example:
        >>> import nnlite
        >>> nnlite.set_printoptions(precision=2)
        >>> nnlite.tensor([1.23456])
        tensor([1.23])
        >>> nnlite.set_printoptions(profile="default")
    """
    global _options
    options = _options
    if profile is not None:
        if profile.lower() not in _PROFILES:
            raise ValueError(f"set_printoptions: profile is one of {', '.join(_PROFILES)}, got {profile!r}")
        options = _PROFILES[profile.lower()]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _options = replace(options, **changed, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The options in force, under the names that `set_printoptions` takes.

    Example:
        >>> from nnlite._printing import get_printoptions
        >>> get_printoptions()["precision"]
        4
    """
    return {name: getattr(_options, name) for name in PrintOptions.__slots__}


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """A context in which tensors are printed with other options; takes what `set_printoptions` takes.

    Example:
        >>> import nnlite
        >>> from nnlite._printing import printoptions
        >>> with printoptions(precision=2):
        ...     print(nnlite.tensor([1.23456]))
        tensor([1.23])
    """
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


# Numbers


class NumberFormat:
    """Writes single numbers in the notation and the width that suit a set of numbers."""

    __slots__ = ("_write", "width")

    def __init__(self, write: Callable[[Any], str], values: Sequence[Any]) -> None:
        self._write = write
        self.width = max((len(write(value)) for value in values), default=1)

    def __call__(self, value: Any) -> str:
        return self._write(value).rjust(self.width)


class ComplexFormat:
    """The real and the imaginary parts each in the notation that suits them; only the real parts are aligned."""

    __slots__ = ("_imag", "_real", "width")

    def __init__(self, values: np.ndarray) -> None:
        self._real, self._imag = _float_format(values.real), _float_format(values.imag)
        self.width = self._real.width + self._imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self._imag(value.imag).lstrip() + "j"
        return self._real(value.real) + ("" if imag[0] in "+-" else "+") + imag


def number_format(values: np.ndarray) -> NumberFormat | ComplexFormat:
    """The format for all of ``values``."""
    if values.dtype.kind == "c":
        return ComplexFormat(values)
    return _float_format(values) if values.dtype.kind == "f" else NumberFormat(str, values.ravel().tolist())


def _float_format(values: np.ndarray) -> NumberFormat:
    values = values.astype(np.float64)
    values = values[np.isfinite(values) & (values != 0)]  # zeros, nan and inf choose neither notation nor width
    if not values.size:
        return NumberFormat(_write_whole, ())
    magnitudes = np.abs(values)
    largest, smallest = float(magnitudes.max()), float(magnitudes.min())
    whole = bool((values == np.ceil(values)).all())
    scientific = _options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or (not whole and smallest < 1e-4)
    write: Callable[[float], str]
    if scientific:
        write = f"{{:.{_options.precision}e}}".format
    else:
        write = _write_whole if whole else f"{{:.{_options.precision}f}}".format
    return NumberFormat(write, values.tolist())


def _write_whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else f"{value:.0f}"


# Arrays


def edges(array: Any, concatenate: Callable[..., Any]) -> Any:
    """The items of ``array`` that are printed when it is summarised, as an array on the same device."""
    count = _options.edgeitems
    for axis in sorted(range(array.ndim), key=array.shape.__getitem__, reverse=True):  # little is left after the first
        if array.shape[axis] > 2 * count:
            before = (slice(None),) * axis
            ends = [array[(*before, slice(None, count))], array[(*before, slice(array.shape[axis] - count, None))]]
            array = concatenate(ends, axis=axis)
    return array


def format_array(array: np.ndarray, indent: int = 0, shape: tuple[int, ...] | None = None) -> str:
    """The numbers of an array in brackets, as they stand inside ``tensor(...)``.

    Args:
        array: a NumPy array of any dtype of a tensor, at least one element; or the `edges` of one.
        indent: the column at which the text starts; lines after the first are indented by it.
        shape: the shape of the whole array where ``array`` is its `edges`. A whole array is summarised here.

    Example:
        >>> import numpy as np
        >>> from nnlite._printing import format_array
        >>> format_array(np.array([[1.0, 2.5], [-3.0, 4.0]]))
        '[[ 1.0000,  2.5000],\\n [-3.0000,  4.0000]]'
    """
    if shape is None:
        shape = array.shape
        if array.size > _options.threshold:
            array = edges(array, np.concatenate)
    if not array.size:
        return "[...]"  # edges of no items
    if array.dtype.kind == "V":  # bfloat16, whose items are no Python numbers
        array = array.astype(np.float32)
    return _bracketed(array, indent, shape, number_format(array))


def _bracketed(array: np.ndarray, indent: int, shape: tuple[int, ...], write: Any) -> str:
    if not shape:
        return write(array.item())
    cut = len(array) < shape[0]
    if len(shape) == 1:
        items = [write(value) for value in array.tolist()]
        return _lines(items, indent, write.width, len(items) // 2 if cut else None)
    rows = [_bracketed(row, indent + 1, shape[1:], write) for row in array]
    if cut:
        rows.insert(len(rows) // 2, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(rows) + "]"


def _lines(items: list[str], indent: int, width: int, cut: int | None) -> str:
    """One row of numbers, broken into lines of ``linewidth``, with dots before item number ``cut``."""
    per_line = max(1, (_options.linewidth - indent) // (width + 2))
    if cut is not None:
        items = [*items[:cut], " ...", *items[cut:]]
    lines = [", ".join(items[start : start + per_line]) for start in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


# Tensors

_PLAIN = ("Tensor", "Parameter")


def tensor_str(tensor: Any, *, tensor_contents: str | None = None) -> str:
    """The text of ``repr(tensor)``: the numbers, and after them what does not go without saying (device, size of an
    empty tensor, dtype, grad_fn or requires_grad).

    Args:
        tensor: a tensor on any device.
        tensor_contents: text to put in the place of the numbers.

    Example:
        >>> import nnlite
        >>> from nnlite._printing import tensor_str
        >>> tensor_str(nnlite.tensor([1.0, 2.0], dtype=nnlite.float64))
        'tensor([1., 2.], dtype=torch.float64)'
        >>> tensor_str(nnlite.tensor([1.0, 2.0]), tensor_contents="...")
        'tensor(...)'
    """
    kind = type(tensor).__name__
    opening = "tensor(" if kind in _PLAIN else f"{kind}("
    array = tensor._a
    empty = array.size == 0
    if tensor_contents is None:
        tensor_contents = "[]" if empty else _contents(array, indent=len(opening))
    return _with_notes(opening + tensor_contents, _notes(tensor, empty), indent=len(opening))


def _contents(array: Any, indent: int) -> str:
    backend = backend_of(array)
    if array.size <= _options.threshold:
        return format_array(backend.to_host(array), indent, tuple(array.shape))
    with backend.use(backend.index_of(array)):
        printed = edges(array, backend.xp.concatenate)
    return format_array(backend.to_host(printed), indent, tuple(array.shape))


def _notes(tensor: Any, empty: bool) -> list[str]:
    notes = []
    shape, dtype, default = tuple(tensor.shape), tensor.dtype, get_default_dtype()
    if tensor.device.type != "cpu":
        notes.append(f"device='{tensor.device}'")
    if empty:
        if len(shape) != 1:
            notes.append(f"size={shape}")
        implied = [default]
    else:
        if not _options.edgeitems:  # a summary shows nothing of the shape
            notes.append(f"size={shape}")
        implied = [default, default.to_complex(), int64, bool_]
    if dtype not in implied:
        notes.append(f"dtype={dtype}")
    if tensor.grad_fn is not None:
        notes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        notes.append("requires_grad=True")
    return notes


def _with_notes(text: str, notes: list[str], indent: int) -> str:
    """``text``, the notes after it, each on a line of its own where it would pass the line width, and a bracket."""
    column = len(text) - text.rfind("\n") + 1
    for note in notes:
        if column + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            column = indent + len(note)
        else:
            text += ", " + note
            column += len(note) + 2
    return text + ")"
