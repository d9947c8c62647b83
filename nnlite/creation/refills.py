"""Random numbers written into a tensor."""

from __future__ import annotations

import math
from typing import Any

from .._core import dtypes, rng
from .._core.device import device_of
from .._core.grad_mode import mode
from .._core.op import TensorBase, in_place
from .._core.tensor_base import wrap
from .._core.views import check_in_place, node_of
from ..backends import backend_of
from ..ops._public import public
from ._options import integer_of, real_of
from .draws import below, check_bounds, check_chance, check_spread, draw, float_kind


def _fill(input: Any, name: str, drawn: Any) -> Any:
    """Write drawn numbers into a tensor; its former values get no gradient."""
    if mode.grad and node_of(input) is not None:
        check_in_place(input, name)
        from ..ops.index.indexing import _copy

        return in_place(_copy, input, wrap(drawn))
    input._a[...] = drawn
    input._vc[0] += 1
    return input


def _continuous(input: Any, name: str) -> dtypes.dtype:
    """The floating-point dtype of a tensor.

    Raises:
        RuntimeError: it is another.
    """
    kind = dtypes.from_numpy[input._a.dtype]
    if kind.category != dtypes.FLOAT:
        raise RuntimeError(f"{name} distribution is a continuous probability distribution. dtype must be a floating "
                           f"point but you specified {dtypes.TITLES[kind.name]}")  # fmt: skip
    return kind


def _open_uniform(input: Any, kind: dtypes.dtype, generator: Any) -> Any:
    """Raw numbers in [0, 1) for a formula, of at least 24 bits."""
    work = dtypes.float64 if kind.itemsize == 8 else dtypes.float32
    return rng.uniform(input._a.shape, work, device_of(input._a), generator)


@public(only_method=True)
def uniform_(input: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **bounds: float) -> Any:
    """Fill with numbers uniform in [from, to).

    Raises:
        RuntimeError: from > to, or a bound is out of the dtype's range. NotImplementedError: a tensor of integers.
    """
    low, high = real_of("uniform_", "from", 1, bounds.pop("from", from_)), real_of("uniform_", "to", 2, to)
    if bounds:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(bounds))}'")
    kind = dtypes.from_numpy[input._a.dtype]
    if kind.category < dtypes.FLOAT:
        float_kind(input._a, "check_uniform_bounds")
    for name, value in (("from", low), ("to", high)):
        if abs(value) > dtypes._LARGEST.get(kind.name, math.inf) or not math.isfinite(value):
            raise RuntimeError(f"{name} is out of bounds for {kind.name}: {value}")
    if low > high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    drawn = draw(rng.uniform, kind, input._a.shape, device_of(input._a), generator)
    drawn *= high - low
    drawn += low * (1 + 1j) if kind.is_complex else low
    return _fill(input, "uniform_", drawn)


@public(only_method=True)
def normal_(input: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Fill with normal numbers.

    Raises:
        RuntimeError: ``std`` is negative. NotImplementedError: a tensor of integers.
    """
    check_spread(real_of("normal_", "std", 2, std))
    kind = dtypes.from_numpy[input._a.dtype]
    if kind.category < dtypes.FLOAT:
        float_kind(input._a, "normal_kernel_cpu")
    drawn = draw(rng.normal, kind, input._a.shape, device_of(input._a), generator)
    drawn *= float(std)
    drawn += mean
    return _fill(input, "normal_", drawn)


@public(only_method=True)
def log_normal_(input: Any, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Any:
    """Fill with numbers whose logarithms are normal with this mean and standard deviation.

    Raises:
        RuntimeError: ``std`` is not positive. NotImplementedError: a tensor of integers.
    """
    if real_of("log_normal_", "std", 2, std) <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    kind = float_kind(input._a, "log_normal_cpu")
    work = dtypes.float64 if kind.itemsize == 8 else dtypes.float32
    drawn = rng.normal(input._a.shape, work, device_of(input._a), generator)
    return _fill(input, "log_normal_", backend_of(input._a).xp.exp(drawn * float(std) + float(mean)))


@public(only_method=True)
def cauchy_(input: Any, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Any:
    """Fill with numbers of the Cauchy distribution, of density sigma / (pi ((x - median)^2 + sigma^2)).

    Raises:
        RuntimeError: ``sigma`` is not positive, or a tensor of integers.
    """
    if real_of("cauchy_", "sigma", 2, sigma) <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    u = _open_uniform(input, _continuous(input, "Cauchy"), generator)
    drawn = backend_of(input._a).xp.tan((u - 0.5) * math.pi) * float(sigma) + float(median)
    return _fill(input, "cauchy_", drawn)


@public(only_method=True)
def exponential_(input: Any, lambd: float = 1.0, *, generator: Any = None) -> Any:
    """Fill with exponentially distributed numbers of rate ``lambd``.

    Raises:
        RuntimeError: the rate is not positive, or a tensor of integers.
    """
    if real_of("exponential_", "lambd", 1, lambd) <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    kind, where = _continuous(input, "Exponential"), device_of(input._a)
    return _fill(input, "exponential_", rng.exponential(input._a.shape, kind, 1 / float(lambd), where, generator))


@public(only_method=True)
def geometric_(input: Any, p: float, *, generator: Any = None) -> Any:
    """Fill with the number of the first success of trials that succeed with probability ``p``: 1, 2, ...

    Raises:
        RuntimeError: ``p`` is not in (0, 1). NotImplementedError: a tensor of bools or complex numbers.
    """
    if not 0 < real_of("geometric_", "p", 1, p) < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    kind = dtypes.from_numpy[input._a.dtype]
    if kind is dtypes.bool_ or kind.is_complex:
        title = dtypes.TITLES[kind.name]
        raise NotImplementedError(f"\"geometric_cpu\" not implemented for '{title}' (use a dtype of numbers)")
    u = _open_uniform(input, kind, generator)
    xp = backend_of(input._a).xp
    return _fill(input, "geometric_", xp.maximum(xp.ceil(xp.log(1 - u) * (1 / math.log1p(-float(p)))), 1))


@public(only_method=True)
def bernoulli_(input: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Fill with 1 with probability ``p``, a number or a tensor of the same shape, else 0.

    Raises:
        RuntimeError: a probability is not in [0, 1]. NotImplementedError: a tensor of integers as ``p``.
    """
    chance = p._a if isinstance(p, TensorBase) else real_of("bernoulli_", "p", 1, p)
    check_chance(chance, "bernoulli_")
    return _fill(input, "bernoulli_", below(chance, input._a.shape, input._a, generator).astype(input._a.dtype))


_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_MISSING = object()


@public(only_method=True)
def random_(input: Any, from_: Any = _MISSING, to: Any = _MISSING, *, generator: Any = None, **bounds: Any) -> Any:
    """Fill with integers: ``random_()`` from 0 to the largest that the dtype holds exactly, ``random_(to)`` in
    [0, to), ``random_(from, to)`` in [from, to), ``random_(from, None)`` from ``from`` on.

    Raises:
        RuntimeError: there is no such integer, or the dtype does not hold it.
    """
    from_ = bounds.pop("from", from_)
    if bounds:
        raise TypeError(f"random_() got an unexpected keyword argument '{next(iter(bounds))}'")
    if from_ is not _MISSING and to is _MISSING:
        from_, to = _MISSING, from_
    kind = dtypes.from_numpy[input._a.dtype]
    if kind.is_complex:
        raise NotImplementedError('"random_" not implemented for complex numbers (fill the parts)')
    low = 0 if from_ is _MISSING else integer_of("random_", "from", 1, from_)
    if to is _MISSING or to is None:
        most = 1 << _BITS.get(kind.name, 8 * kind.itemsize - kind.is_signed)
        high = 2 if kind is dtypes.bool_ else most + (kind.category == dtypes.FLOAT)
    else:
        high = integer_of("random_", "to", 2, to)
    check_bounds(low, high, kind)
    drawn = rng.integers(low, high, input._a.shape, device_of(input._a), generator)
    return _fill(input, "random_", drawn.astype(input._a.dtype))
