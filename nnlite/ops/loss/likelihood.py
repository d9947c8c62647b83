"""Losses that are negative log likelihoods of pairs of elements: binary cross entropy, Kullback-Leibler, Poisson."""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor
from ..._core.warn import warn
from ...backends import backend_of
from ...backends.registry import tables
from .._public import FUNCTIONS
from ..activation.smooth import logsigmoid
from ..activation.softmax import title_of
from ..pointwise import elementwise as e
from .common import check_reduction, check_tensors, legacy_reduction
from .pairs import _composite, _pair_loss, _reduction_of, _same_kind, _total, named, register

# ---------------------------------------------------------------------------------------------------------------------
# Binary cross entropy


def _log_limited(f: Any, x: Any) -> Any:
    """log x, but not below -100."""
    return f.clamp(f.log(x), min=-100.0, max=None)


def _bce_slope(f: Any, g: Any, x: Any, y: Any) -> Any:
    return g * ((x - y) / f.clamp((1 - x) * x, min=1e-12, max=None))


def _bce_slope_of_target(f: Any, g: Any, x: Any, y: Any) -> Any:
    return g * (f.clamp(f.log1p(-x), min=-100.0, max=None) - _log_limited(f, x))


@_pair_loss(_bce_slope, _bce_slope_of_target)
def _binary_cross_entropy(xp: Any, x: Any, y: Any) -> Any:
    one, other = xp.maximum(xp.log(x), -100), xp.maximum(xp.log1p(-x), -100)
    one -= other
    one *= y
    one += other
    return -one


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """-(y_i log x_i + (1 - y_i) log(1 - x_i)): their mean, their sum, or each. Logarithms are taken not below -100.

    Args:
        input: probabilities.
        target: numbers from 0 to 1.
        weight: factors, to be broadcast with the target.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target any, of one shape.

    Raises:
        ValueError: the shapes differ, or ``reduction`` is none of these.
        RuntimeError: the input is not between 0 and 1 (seen on the CPU).

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.binary_cross_entropy(nnlite.tensor([0.5, 1.0]), nnlite.tensor([1.0, 1.0]))
        tensor(0.3466)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("binary_cross_entropy", input, target, weight)
    a = input._a
    if a.shape != target._a.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is "
            "deprecated. Please ensure they have the same size. (binary_cross_entropy)"
        )
    if a.dtype != target._a.dtype:
        raise RuntimeError(
            f"Found dtype {title_of(target._a)} but expected {title_of(a)} (binary_cross_entropy: convert the target "
            "with .to(input.dtype))"
        )
    input, target = _same_kind("binary_cross_entropy", input, target)
    if a.size and backend_of(a).checks_indices and not (a.min() >= 0 and a.max() <= 1):
        raise RuntimeError(
            "all elements of input should be between 0 and 1 (binary_cross_entropy: probabilities, as sigmoid gives "
            "them; binary_cross_entropy_with_logits takes any numbers)"
        )
    if weight is None:
        return _binary_cross_entropy(input, target, reduction=reduction)
    return _total(e.mul(_binary_cross_entropy(input, target, reduction="none"), weight), reduction)


def _logits_slope(f: Any, g: Any, x: Any, y: Any) -> Any:
    return g * (f.sigmoid(x) - y)


def _logits_slope_of_target(f: Any, g: Any, x: Any, y: Any) -> Any:
    return -(g * x)


@_pair_loss(_logits_slope, _logits_slope_of_target)
def _binary_cross_entropy_with_logits(xp: Any, x: Any, y: Any) -> Any:
    out = xp.exp(-xp.absolute(x))
    out = xp.log1p(out)
    out += xp.maximum(x, 0)
    out -= x * y
    return out


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """The binary cross entropy of sigmoid(x_i) and y_i, without overflow: their mean, their sum, or each.

    -(p y_i log s(x_i) + (1 - y_i) log(1 - s(x_i))), where s is the sigmoid and p the weight of positive examples.

    Args:
        input: logits.
        target: numbers from 0 to 1.
        weight: factors, to be broadcast with the target.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: p, to be broadcast with the target.

    Shape: input and target any, of one shape.

    Raises:
        ValueError: the shapes differ, or ``reduction`` is none of these.

    Example:
        >>> import nnlite
        >>> logits, target = nnlite.tensor([0.0, 1000.0]), nnlite.tensor([1.0, 1.0])
        >>> nnlite.nn.functional.binary_cross_entropy_with_logits(logits, target)
        tensor(0.3466)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("binary_cross_entropy_with_logits", input, target, weight, pos_weight)
    if input._a.shape != target._a.shape:
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()}) "
            "(binary_cross_entropy_with_logits)"
        )
    input, target = _same_kind("binary_cross_entropy_with_logits", input, target)
    if pos_weight is not None:
        factor = e.mul(pos_weight - 1, target) + 1
        losses = e.mul(1 - target, input) - e.mul(factor, logsigmoid(input))
    elif weight is None:
        return _binary_cross_entropy_with_logits(input, target, reduction=reduction)
    else:
        losses = _binary_cross_entropy_with_logits(input, target, reduction="none")
    return _total(losses if weight is None else e.mul(losses, weight), reduction)


# ---------------------------------------------------------------------------------------------------------------------
# Kullback-Leibler divergence, Poisson


def _kl_slope(f: Any, g: Any, x: Any, y: Any, *, log_target: bool) -> Any:
    return -(g * (f.exp(y) if log_target else y))


def _kl_slope_of_target(f: Any, g: Any, x: Any, y: Any, *, log_target: bool) -> Any:
    return g * (f.exp(y) * (y - x + 1)) if log_target else g * (f.log(y) + 1 - x)


@_pair_loss(_kl_slope, _kl_slope_of_target, title=_composite)
def _kl_div(xp: Any, x: Any, y: Any, *, log_target: bool) -> Any:
    if log_target:
        return xp.exp(y) * (y - x)
    f = tables[type(x)]
    return f.zero_where(y * xp.log(y), y == 0) - y * x


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """The Kullback-Leibler divergence, y_i (log y_i - x_i) of log probabilities x_i and probabilities y_i.

    Args:
        input: log probabilities.
        target: probabilities, or their logarithms.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"batchmean"`` (the sum over the first size), ``"mean"`` (over all elements, with a warning),
            ``"sum"`` or ``"none"``.
        log_target: whether the target holds logarithms.

    Shape: input and target any, of one shape or broadcast.

    Raises:
        ValueError: ``reduction`` is none of these.

    Source: S. Kullback, R. Leibler, "On Information and Sufficiency", Annals of Mathematical Statistics 22 (1951).

    Example:
        >>> import nnlite
        >>> logp = nnlite.tensor([[0.5, 0.5]]).log()
        >>> nnlite.nn.functional.kl_div(logp, nnlite.tensor([[1.0, 0.0]]), reduction="batchmean")
        tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        kept = legacy_reduction(size_average, reduce)
    elif reduction == "batchmean":
        kept = "sum"
    else:
        if reduction == "mean":
            warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support size."
                "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
                "'mean' will be changed to behave the same as 'batchmean' in the next major release."
            )
        kept = check_reduction(reduction)
    check_tensors("kl_div", input, target)
    batch = input._a.shape[0] if input._a.ndim else 1
    input, target = _same_kind("kl_div", input, target)
    result = _kl_div(input, target, reduction=kept, log_target=bool(log_target))
    return result / batch if reduction == "batchmean" and kept == "sum" and input._a.ndim else result


def _poisson_slope(f: Any, g: Any, x: Any, y: Any, *, log_input: bool, full: bool, eps: float) -> Any:
    return g * (f.exp(x) - y) if log_input else g * (1 - y / (x + eps))


def _poisson_slope_of_target(f: Any, g: Any, x: Any, y: Any, *, log_input: bool, full: bool, eps: float) -> Any:
    slope = -x if log_input else -f.log(x + eps)
    if full:
        above = f.clamp(y, min=1.0, max=None)
        slope = slope + f.zero_where(f.log(above) + 0.5 / above, y <= 1)
    return g * slope


@_pair_loss(_poisson_slope, _poisson_slope_of_target, title=_composite)
def _poisson_nll_loss(xp: Any, x: Any, y: Any, *, log_input: bool, full: bool, eps: float) -> Any:
    out = xp.exp(x) - y * x if log_input else x - y * xp.log(x + eps)
    if full:
        above = xp.maximum(y, 1)  # Stirling's approximation of log y!
        out += tables[type(x)].zero_where(above * xp.log(above) - above + 0.5 * xp.log(2 * math.pi * above), y <= 1)
    return out


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The negative log likelihood of counts y_i with Poisson's distribution: e^(x_i) - y_i x_i.

    Args:
        input: logarithms of the expected counts, or these.
        target: counts.
        log_input: False: the input holds expected counts, the loss is x_i - y_i log(x_i + eps).
        full: add Stirling's approximation of log y_i! where y_i > 1.
        size_average, reduce: superseded by ``reduction``.
        eps: keeps the logarithm finite.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target any, of one shape or broadcast.

    Raises:
        ValueError: ``reduction`` is none of these.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.poisson_nll_loss(nnlite.tensor([0.0, 0.0]), nnlite.tensor([1.0, 3.0]))
        tensor(1.)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("poisson_nll_loss", input, target)
    if input._a.dtype.kind not in "fV":
        input = input.to(dtypes.default.float)
    input, target = _same_kind("poisson_nll_loss", input, target)
    attrs = {"log_input": bool(log_input), "full": bool(full), "eps": float(eps)}
    return _poisson_nll_loss(input, target, reduction=reduction, **attrs)


# ---------------------------------------------------------------------------------------------------------------------
# As functions of nnlite, whose reductions are numbers: 0 none, 1 mean, 2 sum


def _public_bce(input: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 0) -> Any:
    """See ``nn.functional.binary_cross_entropy_with_logits``; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    if isinstance(input, TensorBase) and isinstance(target, TensorBase) and input._a.shape != target._a.shape:
        input, target = FUNCTIONS["broadcast_tensors"](input, target)
    return binary_cross_entropy_with_logits(input, target, weight, None, None, named(reduction), pos_weight)


def _public_kl_div(input: Any, target: Any, reduction: int = 0, *, log_target: bool = False) -> Any:
    """See :func:`nnlite.nn.functional.kl_div`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor("kl_div", 0, input)
    input, target = _same_kind("kl_div", input, target)
    return _kl_div(input, target, reduction=named(reduction), log_target=log_target)


def _public_poisson(input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int) -> Any:
    """See :func:`nnlite.nn.functional.poisson_nll_loss`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    return poisson_nll_loss(input, target, log_input, full, None, eps, None, named(reduction))


for _name, _function in (
    ("binary_cross_entropy_with_logits", _public_bce),
    ("kl_div", _public_kl_div),
    ("poisson_nll_loss", _public_poisson),
):
    register(_name, _function)
