"""``make_tensor``."""

from __future__ import annotations

import math
from typing import Any

from .._core import dtypes
from .._info import finfo, iinfo
from ..creation import empty
from ..creation.draws import rand, randint
from ..ops import FUNCTIONS


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """A tensor of random numbers, uniform in ``[low, high)``.

    Args:
        shape: sizes, or one sequence of them.
        low, high: 0 and 2 for bool, 0 and 10 for uint8, -9 and 10 for other integers, -9 and 9 for the rest; they are
            brought into the range of the dtype.
        noncontiguous: whether the elements lie apart in memory, where there are two or more.
        exclude_zero: whether zeros become 1 (integers) or the smallest normal number.

    Raises:
        ValueError: ``low >= high``, a NaN among them, ``requires_grad`` for integers, or both ``noncontiguous`` and
            ``memory_format``.

    Example:
        >>> import nnlite
        >>> x = nnlite.testing.make_tensor(2, 3, dtype=nnlite.float32, device="cpu", low=0, high=1)
        >>> x.shape, bool(((0 <= x) & (x < 1)).all())
        (torch.Size([2, 3]), True)
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError(f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
                         f"{noncontiguous=} and {memory_format=}")  # fmt: skip
    floating = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not floating:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    least, most = _limits(dtype, low, high)
    values = _complex(sizes, dtype, device, least, most) if dtype.is_complex else _real(
        sizes, dtype, device, least, most
    )  # fmt: skip
    if exclude_zero:
        values = values.masked_fill(values == 0, finfo(dtype).tiny if floating else 1)
    if noncontiguous and values.numel() > 1:
        apart = empty(*sizes[:-1], 2 * sizes[-1], dtype=dtype, device=device)
        apart[..., ::2] = values
        values = apart[..., ::2]
    elif memory_format is not None:
        values = values.clone(memory_format=memory_format)
    return values.requires_grad_() if requires_grad else values


def _limits(dtype: Any, low: float | None, high: float | None) -> tuple[Any, Any]:
    """The range of the values.

    Raises:
        ValueError: it is empty, or has a NaN.
    """
    if dtype is dtypes.bool_:
        usual, range_ = (0, 2), (0, 2)
    elif dtype.is_floating_point or dtype.is_complex:
        usual, range_ = (-9, 9), (finfo(dtype).min, finfo(dtype).max)  # type: ignore[assignment]
    else:
        usual = (0, 10) if dtype is dtypes.uint8 else (-9, 10)
        range_ = (iinfo(dtype).min, iinfo(dtype).max)
    least, most = (usual[i] if v is None else v for i, v in enumerate((low, high)))
    if any(isinstance(v, float) and math.isnan(v) for v in (least, most)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if least >= most:
        raise ValueError(f"`low` must be less than `high`, but got {least} >= {most}")
    return max(least, range_[0]), min(most, range_[1])


def _real(sizes: Any, dtype: Any, device: Any, low: Any, high: Any) -> Any:
    if not dtype.is_floating_point:
        return randint(math.ceil(low), math.ceil(high), sizes, dtype=dtype, device=device)
    draw = rand(sizes, dtype=dtype, device=device)
    # Not low + (high - low) * draw, which overflows for the whole range.
    return (draw * high + (1 - draw) * low).clamp_(low, high)


def _complex(sizes: Any, dtype: Any, device: Any, low: Any, high: Any) -> Any:
    parts = [_real(sizes, dtype.to_real(), device, low, high) for _ in range(2)]
    return FUNCTIONS["complex"](*parts)
