"""Numbers at equal distances, and the places of the triangles of a matrix."""

from __future__ import annotations

import math
from typing import Any

from .._core import dtypes
from .._core.op import TensorBase
from .._core.warn import warn
from ..ops._public import public
from ._options import Options, integer_of, number_of, real_of


@public(method=False)
def arange(*bounds: Any, **options: Any) -> Any:
    """The numbers from ``start`` up to ``end``, without it, by ``step``: ``arange(end)``, ``arange(start, end)``,
    ``arange(start, end, step)``. ``start`` is 0 and ``step`` 1 unless given.

    Raises:
        RuntimeError: ``step`` is 0, or leads away from ``end``. ValueError: it is 0 as an integer.

    Example:
        >>> import nnlite
        >>> nnlite.arange(3)
        tensor([0, 1, 2])
    """
    start, end, step = _bounds("arange", bounds, options)
    numbers = tuple(real_of("arange", n, i + 1, v) for i, (n, v) in enumerate((("end", end), ("start", start),
                                                                               ("step", step))))  # fmt: skip
    end, start, step = numbers
    default = dtypes.int64 if all(isinstance(v, int) for v in numbers) else dtypes.default.float
    given = Options("arange", options, default)
    n = _count("arange", start, end, step, given.kind)

    def make(xp: Any) -> Any:
        if given.kind.category < dtypes.FLOAT:
            first, by = int(start), int(step)
            return xp.arange(first, first + n * by, by, dtype="int64").astype(given.kind.np, copy=False)
        numbers = xp.arange(n, dtype="float64")
        numbers *= step
        numbers += start
        return numbers.astype(given.kind.np, copy=False)

    return given.make(make)


def _bounds(name: str, bounds: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Start, end and step of positional and keyword arguments."""
    places = ("end",) if len(bounds) == 1 else ("start", "end", "step")
    if len(bounds) == 1 and "end" in options:
        places = ("start",)
    if len(bounds) > 3:
        raise TypeError(f"{name}() takes at most 3 positional arguments, got {len(bounds)}")
    values = dict(zip(places, bounds, strict=False))
    for key in ("start", "end", "step"):
        if key in options:
            if key in values:
                raise TypeError(f"{name}() got multiple values for argument '{key}'")
            values[key] = options.pop(key)
    if "end" not in values:
        raise TypeError(f"{name}() received an invalid combination of arguments: end is missing "
                        f"({name}(end), {name}(start, end) or {name}(start, end, step))")  # fmt: skip
    return values.get("start", 0), values["end"], values.get("step", 1)


def _count(name: str, start: Any, end: Any, step: Any, kind: dtypes.dtype) -> int:
    """How many numbers there are.

    Raises:
        RuntimeError, ValueError, OverflowError: there is no such range.
    """
    if not all(math.isfinite(v) for v in (start, end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if kind is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise ValueError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if max(abs(start), abs(end)) >= 1 << 63 and kind.category < dtypes.FLOAT:
        raise OverflowError(f"{name}(): int too big to convert, got {max(start, end, key=abs)}")
    return (
        -((start - end) // step)
        if isinstance(step, int) and isinstance(end - start, int)
        else math.ceil((end - start) / step)
    )


@public(method=False)
def range(*bounds: Any, **options: Any) -> Any:
    """The numbers from ``start`` (0 unless given) to ``end``, with it, by ``step``. PyTorch advises against it.

    Raises:
        RuntimeError: ``step`` is 0, or leads away from ``end``.
    """
    warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end)."
    )
    start, end, step = (real_of("range", "end", 1, v) for v in _bounds("range", bounds, options))
    given = Options("range", options)
    if not all(math.isfinite(v) for v in (start, end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if not step:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    n = math.floor((end - start) / step) + 1
    return given.make(lambda xp: (xp.arange(n, dtype="float64") * step + start).astype(given.kind.np))


def _ends(name: str, start: Any, end: Any, steps: Any, options: dict[str, Any]) -> tuple[Any, Any, int, Options]:
    for which, value in (("start", start), ("end", end)):
        if isinstance(value, TensorBase) and value._a.ndim:
            raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {which} with "
                               f"{value._a.ndim} dimension(s).")  # fmt: skip
    start, end = number_of(name, "start", 1, start), number_of(name, "end", 2, end)
    steps = integer_of(name, "steps", 3, steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    given = Options(name, options, dtypes.default.complex if is_complex else None)
    if is_complex and not given.kind.is_complex:
        raise RuntimeError(f"{name}(): expected a complex dtype for complex ends, got {given.kind}")
    if given.kind is dtypes.bool_:
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'; use a dtype of numbers")
    return start, end, steps, given


@public(method=False)
def linspace(start: Any, end: Any, steps: int, **options: Any) -> Any:
    """``steps`` numbers at equal distances from ``start`` to ``end``, both included; without fractions if integers.

    Raises:
        RuntimeError: ``steps`` is negative, or an end is a tensor with dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.linspace(0, 1, 5)
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    first, last, n, given = _ends("linspace", start, end, steps, options)
    if given.kind.category < dtypes.FLOAT:
        first, last = int(first), int(last)
    work = "complex128" if given.kind.is_complex else "float64"
    return given.make(lambda xp: xp.linspace(first, last, n, dtype=work).astype(given.kind.np))


@public(method=False)
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, **options: Any) -> Any:
    """``base`` to the power of ``steps`` numbers at equal distances from ``start`` to ``end``, both included.

    Raises:
        RuntimeError: ``steps`` is negative, or an end is a tensor with dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    first, last, n, given = _ends("logspace", start, end, steps, options)
    radix = real_of("logspace", "base", 4, base)
    if given.kind.category < dtypes.FLOAT:
        first, last = int(first), int(last)
    work = "complex128" if given.kind.is_complex else "float64"

    def make(xp: Any) -> Any:
        powers = xp.linspace(first, last, n, dtype=work)
        return xp.power(xp.full((), radix, dtype=work), powers).astype(given.kind.np)

    return given.make(make)
