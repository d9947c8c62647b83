"""The Kullback-Leibler divergence of two distributions, by the registered rule for their classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

_KL_REGISTRY: dict[tuple[type, type], Callable[[Any, Any], Any]] = {}
_KL_MEMOIZE: dict[tuple[type, type], Any] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """A decorator that registers a function of p and q as the rule for two classes and their subclasses.

    Raises:
        TypeError: something is no subclass of `Distribution`.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions
        >>> class Mine(d.Normal):
        ...     pass
        >>> @d.register_kl(Mine, Mine)
        ... def kl_mine_mine(p, q):
        ...     return p.loc - q.loc
        >>> d.kl_divergence(Mine(3.0, 1.0), Mine(1.0, 1.0))
        tensor(2.)
    """
    for name, given in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(given, type) or not issubclass(given, Distribution):
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {given}")

    def decorator(rule: Any) -> Any:
        _KL_REGISTRY[type_p, type_q] = rule
        _KL_MEMOIZE.clear()
        return rule

    return decorator


def _closer(a: tuple[type, ...], b: tuple[type, ...]) -> bool:
    """Whether classes ``a`` are at least as special as ``b``, the first ones counting more."""
    for x, y in zip(a, b, strict=True):
        if not issubclass(x, y):
            return False
        if x is not y:
            break
    return True


def _closest(matches: list[tuple[type, ...]]) -> tuple[type, ...]:
    best = matches[0]
    for other in matches[1:]:
        if not _closer(best, other):
            best = other
    return best


def _dispatch_kl(type_p: type, type_q: type) -> Any:
    """The rule for two classes: the closest registered ones of which they are subclasses; None without any."""
    matches = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not matches:
        return None
    left_p, left_q = _closest([*matches])
    right_q, right_p = _closest([(q, p) for p, q in matches])
    left, right = _KL_REGISTRY[left_p, left_q], _KL_REGISTRY[right_p, right_q]
    if left is not right:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({left_p.__name__}, {right_q.__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return left


def kl_divergence(p: Any, q: Any) -> Any:
    """KL(p || q), the mean of log p(x) - log q(x) over samples of p, for each distribution of the batch.

    Raises:
        NotImplementedError: no rule is registered for the classes of p and q.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions
        >>> d.kl_divergence(d.Normal(0.0, 1.0), d.Normal(1.0, 1.0))
        tensor(0.5000)
    """
    types = type(p), type(q)
    if types not in _KL_MEMOIZE:
        _KL_MEMOIZE[types] = _dispatch_kl(*types)
    rule = _KL_MEMOIZE[types]
    if rule is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {types[0].__name__} and q type {types[1].__name__}"
        )
    return rule(p, q)
