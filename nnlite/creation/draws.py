"""Tensors of random numbers. Which generator draws them, and how, says :class:`nnlite.Generator`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import distributions, dtypes, rng
from .._core.device import device_of
from .._core.op import TensorBase, not_a_tensor
from .._core.operands import broadcast_error, check_same_device
from .._core.tensor_base import wrap
from ..backends import backend_of
from ..ops._public import public, put
from ..ops.pointwise.elementwise import zeros_like as _zeros_of
from ._options import Options, integer_of, number_of, refuse_values, size_argument, sizes, wrong_type
from .patterns import like

Draw = Callable[..., Any]


def float_kind(array: Any, name: str) -> dtypes.dtype:
    """The floating-point dtype of a raw array.

    Raises:
        NotImplementedError: it is another.
    """
    kind = dtypes.from_numpy[array.dtype]
    if kind.category != dtypes.FLOAT:
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtypes.TITLES[kind.name]}' (use a floating-point "
                                  "tensor: call .float())")  # fmt: skip
    return kind


def _need_tensor(name: str, input: Any, position: int = 0) -> None:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, position, input)


def draw(base: Draw, kind: dtypes.dtype, shape: tuple[int, ...], where: Any, generator: Any) -> Any:
    """Raw numbers of ``rng.uniform`` or ``rng.normal`` in any floating-point or complex dtype.

    The parts of complex normal numbers have half the variance, so that the numbers have variance 1.
    """
    if kind.category != dtypes.COMPLEX:
        return base(shape, kind, where, generator)
    parts = base((*shape, 2), kind.to_real(), where, generator)
    if base is rng.normal:
        parts *= parts.dtype.type(math.sqrt(0.5))
    return parts.view(kind.np).reshape(shape)


def _drawn(base: Draw, name: str, kernel: str, size: tuple[Any, ...], options: dict[str, Any]) -> Any:
    shape = size_argument(name, size, options)
    given = Options(name, options, random=True)
    if given.kind.category < dtypes.FLOAT:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.TITLES[given.kind.name]}' ({name}() "
                                  "needs a floating-point or complex dtype)")  # fmt: skip
    return given.done(draw(base, given.kind, shape, given.device, given.generator))


@public(method=False)
def rand(*size: Any, **options: Any) -> Any:
    """Random numbers, uniform in [0, 1): ``rand(2, 3, generator=None, out=None, dtype=None, device=None,
    requires_grad=False)``. Complex numbers have both parts in it.

    Raises:
        NotImplementedError: a dtype of integers. RuntimeError: a negative size, or a generator of another device.
    """
    return _drawn(rng.uniform, "rand", "check_uniform_bounds", size, options)


@public(method=False)
def randn(*size: Any, **options: Any) -> Any:
    """Random numbers of the standard normal distribution; arguments as :func:`nnlite.rand`.

    Complex numbers have parts of variance 1/2.
    """
    return _drawn(rng.normal, "randn", "normal_kernel_cpu", size, options)


rand_like = like("rand", rand, new=False)
randn_like = like("randn", randn, new=False)


def check_bounds(low: int, high: int, kind: dtypes.dtype) -> None:
    """Raise unless [low, high) is not empty and the dtype holds its ends."""
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if kind.category >= dtypes.FLOAT:
        return
    limits = np.iinfo(kind.np) if kind.category == dtypes.INTEGER else None
    least, most = (int(limits.min), int(limits.max)) if limits is not None else (0, 1)
    for name, value in (("from", low), ("to - 1", high - 1)):
        if not least <= value <= most:
            raise RuntimeError(f"{name} is out of bounds for {kind.name}: {value} is not in [{least}, {most}]")


def _integers(name: str, low: Any, high: Any, shape: Any, options: dict[str, Any]) -> Any:
    low, high = integer_of(name, "low", 1, low), integer_of(name, "high", 2, high)
    given = Options(name, options, dtypes.int64, random=True)
    check_bounds(low, high, given.kind)
    return given.done(rng.integers(low, high, shape, given.device, given.generator).astype(given.kind.np, copy=False))


@public(method=False)
def randint(*bounds: Any, **options: Any) -> Any:
    """Random integers in [low, high): ``randint(high, size)`` from 0 on, ``randint(low, high, size)``; further
    arguments as :func:`nnlite.rand`.

    Raises:
        RuntimeError: there is no integer in [low, high), or the dtype does not hold one of them.

    Example:
        >>> import nnlite
        >>> nnlite.randint(3, 4, (2,))
        tensor([3, 3])
    """
    names = ("high", "size") if len(bounds) + sum(k in options for k in ("low", "high", "size")) == 2 else (
        "low", "high", "size")  # fmt: skip
    free = [n for n in names if n not in options]
    if len(bounds) != len(free):
        raise TypeError(f"randint() received an invalid combination of arguments: {len(bounds)} positional ones "
                        "(randint(high, size) or randint(low, high, size))")  # fmt: skip
    values = dict(zip(free, bounds, strict=True)) | {n: options.pop(n) for n in names if n in options}
    if not isinstance(values["size"], tuple | list):
        raise wrong_type("randint", "size", len(names), "tuple of ints", values["size"])
    shape = sizes("randint", (values["size"],))
    return _integers("randint", values.get("low", 0), values["high"], shape, options)


def _randint_like(shape: tuple[int, ...], *bounds: Any, **options: Any) -> Any:
    """``randint`` of a shape and one or two bounds."""
    named = [options.pop(n) for n in ("low", "high") if n in options]
    both = (*bounds, *named)
    if not 1 <= len(both) <= 2:
        raise TypeError("randint_like() takes one or two bounds: randint_like(input, high) or randint_like(input, low, "
                        "high)")  # fmt: skip
    low, high = both if len(both) == 2 else (0, *both)
    return _integers("randint_like", low, high, shape, options)


randint_like = like("randint", _randint_like, new=False)


@public(method=False)
def randperm(n: int, **options: Any) -> Any:
    """The integers 0 to n - 1 in random order, each order with the same probability.

    Raises:
        RuntimeError: ``n`` is negative or the dtype does not hold n - 1.
    """
    n = integer_of("randperm", "n", 1, n)
    given = Options("randperm", options, dtypes.int64, random=True)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    dtypes.number(n, given.kind) if given.kind is not dtypes.bool_ else None
    return given.done(rng.permutation(n, given.device, given.generator).astype(given.kind.np, copy=False))


def check_spread(std: Any) -> None:
    """Raise for a negative standard deviation."""
    if isinstance(std, TensorBase):
        if std._a.dtype.kind == "c":
            raise RuntimeError("normal expects standard deviation to be non-complex")
        refuse_values(std._a < 0, std._a, "normal expects all elements of std >= 0.0")
    elif std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")


@public(method=False)
def normal(
    mean: Any, std: Any = None, size: Any = None, *, generator: Any = None, out: Any = None, **options: Any
) -> Any:
    """Normal numbers: ``normal(mean, std, size)`` with numbers, else of tensors of means or of deviations or of both,
    which broadcast. The gradients of the tensors are 0.

    Raises:
        RuntimeError: a standard deviation is negative (on devices that work on their own such values give nan or
            mirrored numbers), or the shapes do not broadcast.
        NotImplementedError: tensors of integers.
        TypeError: ``size`` is missing beside numbers, or given beside tensors.

    Example:
        >>> import nnlite
        >>> nnlite.normal(nnlite.tensor([1.0, 2.0]), 0.0)
        tensor([1., 2.])
    """
    tensors = [v for v in (mean, std) if isinstance(v, TensorBase)]
    if (size is None) != bool(tensors) or (std is None and not tensors):
        raise TypeError("normal() received an invalid combination of arguments: normal(mean, std, size) takes numbers, "
                        "normal(mean, std) a tensor or two")  # fmt: skip
    std = 1.0 if std is None else std
    for position, (name, v) in enumerate((("mean", mean), ("std", std))):
        if not isinstance(v, TensorBase):
            number_of("normal", name, position + 1, v)
    check_spread(std)
    if not tensors:
        requires_grad = options.pop("requires_grad", False)
        options = {**options, "generator": generator, "out": out}
        t = randn(*sizes("normal", (size,)), **options) if size else randn((), **options)
        t.mul_(std).add_(mean)
        return t.requires_grad_() if requires_grad else t
    if options:
        raise TypeError(f"normal() got an unexpected keyword argument '{next(iter(options))}' beside tensors")
    result = _normal_of(mean, std, tensors, generator)
    if out is not None:
        return put(result, out)
    for v in tensors:
        result = result + _zeros_of(v) if v.requires_grad else result
    return result


def _normal_of(mean: Any, std: Any, tensors: list[Any], generator: Any) -> Any:
    """Numbers around tensors of means, with tensors of deviations."""
    first = tensors[0]._a
    check_same_device("normal", [v._a for v in tensors])
    kind = dtypes.from_numpy[first.dtype]
    if kind.category < dtypes.FLOAT:
        float_kind(first, "normal_kernel_cpu")
    try:
        shape = np.broadcast_shapes(*(v._a.shape for v in tensors))
    except ValueError:
        raise broadcast_error(*(v._a.shape for v in tensors)) from None
    noise = wrap(draw(rng.normal, kind, shape, device_of(first), generator))
    scaled = noise * (std.detach() if isinstance(std, TensorBase) else std)
    return (scaled + (mean.detach() if isinstance(mean, TensorBase) else mean)).to(kind)


# ---------------------------------------------------------------------------------------------------------------------
# Of tensors of parameters


def _constant(result: Any, input: Any, out: Any) -> Any:
    """A drawn tensor, whose gradient to the parameters is 0, in ``out`` if that was given."""
    if out is not None:
        return put(result, out)
    return result + _zeros_of(input) if input.requires_grad else result


def check_chance(chance: Any, name: str) -> None:
    """Raise for a probability that is none: a number or a raw array."""
    if isinstance(chance, int | float):
        if not 0 <= chance <= 1:
            raise RuntimeError(f"{name} expects p to be in [0, 1], but got p={chance}")
        return
    float_kind(chance, "bernoulli_tensor_cpu_p_")
    refuse_values(~((chance >= 0) & (chance <= 1)), chance, "Expected p_in >= 0 && p_in <= 1 to be true, but got false "
                  "(bernoulli: the probabilities are numbers from 0 to 1)")  # fmt: skip


def below(chance: Any, shape: tuple[int, ...], like: Any, generator: Any) -> Any:
    """Raw bools that are true with a probability, a number or a raw array."""
    if isinstance(chance, int | float):
        return backend_of(like).xp.asarray(rng.below(shape, chance, device_of(like), generator))
    wide = chance.dtype == "float64"
    u = rng.uniform(shape, dtypes.float64 if wide else dtypes.float32, device_of(like), generator)
    return backend_of(like).xp.asarray(u < chance)


@public
def bernoulli(input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Any:
    """1 with the probability that the input gives (or ``p``), else 0. The gradient is 0.

    Raises:
        RuntimeError: a probability is not in [0, 1]. NotImplementedError: the input holds integers and gives the
            probabilities.
    """
    _need_tensor("bernoulli", input)
    a = input._a
    chance = a if p is None else p._a if isinstance(p, TensorBase) else number_of("bernoulli", "p", 2, p)
    check_chance(chance, "bernoulli_")
    return _constant(wrap(below(chance, a.shape, a, generator).astype(a.dtype)), input, out)


@public
def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Any:
    """Positions drawn with the probabilities that the rows of ``input`` are proportional to.

    Args:
        num_samples: how many are drawn of each row.
        replacement: whether a position can be drawn again.

    Shape: (C) or (M, C); the result is int64 of shape (num_samples) or (M, num_samples).

    Raises:
        RuntimeError: the input has other dimensions or integers, a weight is negative, inf or nan, all weights of a row
            are 0, or there are more samples than positions to draw without replacement.

    Example:
        >>> import nnlite
        >>> nnlite.multinomial(nnlite.tensor([0.0, 3.0]), 2, replacement=True)
        tensor([1, 1])
    """
    _need_tensor("multinomial", input)
    count = integer_of("multinomial", "num_samples", 2, num_samples)
    a = input._a
    kind = dtypes.from_numpy[a.dtype]
    if not 1 <= a.ndim <= 2:
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {a.ndim}")
    if kind.category != dtypes.FLOAT:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {dtypes.TITLES[kind.name]}"
        )
    if count <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {count}")
    columns = a.shape[-1]
    if not replacement and count > columns:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement: "
                           f"{count} > {columns}")  # fmt: skip
    if columns >= 1 << 24:
        raise RuntimeError(f"number of categories cannot exceed 2^24, got {columns}")
    weights = a.reshape(-1, columns)
    xp = backend_of(a).xp
    refuse_values(~((weights >= 0) & xp.isfinite(weights)), a,
                  "probability tensor contains either `inf`, `nan` or element < 0")  # fmt: skip
    refuse_values(weights.sum(1) <= 0, a, "invalid multinomial distribution (sum of probabilities <= 0)")
    sample = distributions.with_replacement if replacement else distributions.without_replacement
    result = wrap(sample(weights, count, device_of(a), generator).reshape((*a.shape[:-1], count)))
    return result if out is None else put(result, out, exact=True)


@public(method=False)
def poisson(input: Any, generator: Any = None) -> Any:
    """Numbers of the Poisson distributions whose rates the input gives, in its dtype. The gradient is 0.

    Raises:
        RuntimeError: a rate is negative. NotImplementedError: the input holds integers.

    Example:
        >>> import nnlite
        >>> nnlite.poisson(nnlite.zeros(2))
        tensor([0., 0.])
    """
    _need_tensor("poisson", input)
    a = input._a
    float_kind(a, "poisson_cpu")
    refuse_values(~(a >= 0), a, "invalid Poisson rate, expected rate to be non-negative")
    return _constant(wrap(distributions.poisson(a, device_of(a), generator)), input, None)


@public(method=False)
def binomial(count: Any, prob: Any, generator: Any = None) -> Any:
    """How many of ``count`` trials succeed that each do with the probability ``prob``; the tensors broadcast.

    Raises:
        ValueError: ``count`` holds integers. RuntimeError: dtypes differ, or the shapes do not broadcast.

    Example:
        >>> import nnlite
        >>> nnlite.binomial(nnlite.tensor([5.0]), nnlite.tensor([1.0]))
        tensor([5.])
    """
    for position, v in enumerate((count, prob)):
        _need_tensor("binomial", v, position)
    for name, v in (("count", count), ("prob", prob)):
        if not v.dtype.is_floating_point:
            raise ValueError(f"binomial only supports floating-point dtypes for {name}, got: "
                             f"{dtypes.TITLES[v.dtype.name]}")  # fmt: skip
    if count.dtype is not prob.dtype:
        raise RuntimeError(f"Found dtype {dtypes.TITLES[prob.dtype.name]} but expected "
                           f"{dtypes.TITLES[count.dtype.name]} (binomial: count and prob have one dtype)")  # fmt: skip
    check_same_device("binomial", (count._a, prob._a))
    xp = backend_of(count._a).xp
    try:
        n, p = xp.broadcast_arrays(count._a, prob._a)
    except ValueError:
        raise broadcast_error(count._a.shape, prob._a.shape) from None
    result = wrap(distributions.binomial(n, p, device_of(n), generator))
    return _constant(_constant(result, count, None), prob, None)
