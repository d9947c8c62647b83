"""Divergences of distributions of different families: the cross-entropy, which needs a few means, less the entropy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .._functions import full_like, where
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .poisson import Poisson
from .uniform import Uniform
from .utils import euler_constant


def _mean_log(p: Any) -> Any:
    """The mean of log x."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Gamma):
        return p.concentration.digamma() - p.rate.log()
    if isinstance(p, Exponential):
        return -euler_constant - p.rate.log()
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return _mean_log_between(p.low, p.high)


def _mean_log_between(low: Any, high: Any) -> Any:
    """The mean of log x over an interval."""
    return (high.xlogy(high) - low.xlogy(low)) / (high - low) - 1


def _mean_exp(p: Any, t: Any) -> Any:
    """The mean of exp(-t x)."""
    if isinstance(p, Normal):
        return (t * (0.5 * t * p.scale.square() - p.loc)).exp()
    if isinstance(p, Uniform):
        return ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low))
    chance = p.rate / (p.rate + t)
    return chance.pow(p.concentration) if isinstance(p, Gamma) else chance


def _to_exponential(p: Any, q: Any) -> Any:
    return q.rate * p.mean - q.rate.log()


def _to_gamma(p: Any, q: Any) -> Any:
    c, rate = q.concentration, q.rate
    return c.lgamma() - c * rate.log() - (c - 1) * _mean_log(p) + rate * p.mean


def _to_normal(p: Any, q: Any) -> Any:
    spread = (p.variance + (p.mean - q.loc).square()) / q.scale.square()
    return 0.5 * (math.log(2 * math.pi) + spread) + q.scale.log()


def _to_beta(p: Any, q: Any) -> Any:
    a, b = q.concentration1, q.concentration0
    rest = _mean_log_between(1 - p.high, 1 - p.low)  # of log(1 - x), for uniform numbers
    return a.lgamma() + b.lgamma() - (a + b).lgamma() - (a - 1) * _mean_log(p) - (b - 1) * rest


def _to_continuous_bernoulli(p: Any, q: Any) -> Any:
    return -p.mean * q.logits - (-q.probs).log1p() - q._log_constant()


def _to_gumbel(p: Any, q: Any) -> Any:
    t = q.scale.reciprocal()
    return q.scale.log() + t * (p.mean - q.loc) + (t * q.loc).exp() * _mean_exp(p, t)


def _to_pareto(p: Any, q: Any) -> Any:
    return (q.alpha + 1) * _mean_log(p) - q.alpha.log() - q.alpha * q.scale.log()


def _to_uniform(p: Any, q: Any) -> Any:
    return (q.high - q.low).log()


def _to_laplace(p: Any, q: Any) -> Any:
    distance = p.loc - q.loc  # of normal numbers, whose mean of |x - q.loc| this is
    z = distance / (p.scale * math.sqrt(2))
    size = p.scale * math.sqrt(2 / math.pi) * (-z.square()).exp() + distance * z.erf()
    return (2 * q.scale).log() + size / q.scale


def _to_poisson(p: Any, q: Any) -> Any:
    return q.rate - p.mean * q.rate.log()  # of 0 and 1, whose factorials are 1


def _unit_not_inside(p: Any, q: Any) -> Any:
    return (q.low > 0) | (q.high < 1)


_Rule = Callable[[Any, Any], Any]
_FINITE: list[tuple[type, type, _Rule, _Rule | None]] = [
    (Bernoulli, Poisson, _to_poisson, None),
    (Beta, ContinuousBernoulli, _to_continuous_bernoulli, None),
    (Beta, Exponential, _to_exponential, None),
    (Beta, Gamma, _to_gamma, None),
    (Beta, Normal, _to_normal, None),
    (Beta, Uniform, _to_uniform, _unit_not_inside),
    (ContinuousBernoulli, Exponential, _to_exponential, None),
    (ContinuousBernoulli, Normal, _to_normal, None),
    (ContinuousBernoulli, Uniform, _to_uniform, _unit_not_inside),
    (Exponential, Gamma, _to_gamma, None),
    (Exponential, Gumbel, _to_gumbel, None),
    (Exponential, Normal, _to_normal, None),
    (Gamma, Exponential, _to_exponential, None),
    (Gamma, Gumbel, _to_gumbel, None),
    (Gamma, Normal, _to_normal, None),
    (Gumbel, Normal, _to_normal, None),
    (Laplace, Normal, _to_normal, None),
    (Normal, Gumbel, _to_gumbel, None),
    (Normal, Laplace, _to_laplace, None),
    (Pareto, Exponential, _to_exponential, None),
    (Pareto, Gamma, _to_gamma, None),
    (Pareto, Normal, _to_normal, None),
    (Uniform, Beta, _to_beta, lambda p, q: (p.low < 0) | (p.high > 1)),
    (Uniform, ContinuousBernoulli, _to_continuous_bernoulli, lambda p, q: (p.low < 0) | (p.high > 1)),
    (Uniform, Exponential, _to_exponential, lambda p, q: p.low < 0),
    (Uniform, Gamma, _to_gamma, lambda p, q: p.low < 0),
    (Uniform, Gumbel, _to_gumbel, None),
    (Uniform, Normal, _to_normal, None),
    (Uniform, Pareto, _to_pareto, lambda p, q: p.low < q.scale),
]
"""p, q, their cross-entropy, and where p has samples that q has not."""

_INFINITE: list[tuple[type, list[type]]] = [
    (Beta, [Pareto]),
    (ContinuousBernoulli, [Pareto]),
    (Exponential, [Beta, ContinuousBernoulli, Pareto, Uniform]),
    (Gamma, [Beta, ContinuousBernoulli, Pareto, Uniform]),
    (Gumbel, [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]),
    (Laplace, [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]),
    (Normal, [Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform]),
    (Pareto, [Beta, ContinuousBernoulli, Uniform]),
    (Poisson, [Bernoulli, Binomial]),
]
"""p and every q that cannot have all samples of p, whatever its parameters."""


def _register_finite(type_p: type, type_q: type, cross_entropy: _Rule, outside: _Rule | None) -> None:
    @register_kl(type_p, type_q)
    def divergence(p: Any, q: Any) -> Any:
        result = cross_entropy(p, q) - p.entropy()
        return result if outside is None else where(outside(p, q), math.inf, result)


def _infinite(p: Any, q: Any) -> Any:
    shape = (p.mean + q.mean).detach()
    return full_like(shape, math.inf)


for _p, _q, _cross_entropy, _outside in _FINITE:
    _register_finite(_p, _q, _cross_entropy, _outside)
for _p, _others in _INFINITE:
    for _q in _others:
        register_kl(_p, _q)(_infinite)
