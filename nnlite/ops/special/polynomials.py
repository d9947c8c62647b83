"""Orthogonal polynomials: Chebyshev's four kinds, Hermite's two, Laguerre's and Legendre's.

All are made by their recurrences in the degree (DLMF 18.9; https://dlmf.nist.gov), each element up to its own degree;
Chebyshev's of higher degrees inside of (-1, 1) by their trigonometric forms (DLMF 18.5), as in PyTorch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor, op
from .._formula import is_half
from ._making import special_function

_Step = Callable[[Any, int, Any, Any], Any]
"""The polynomial of degree k + 1 from x, k, and those of degrees k and k - 1."""


def _chebyshev(x: Any, k: int, p: Any, q: Any) -> Any:
    return 2 * x * p - q


def _hermite(x: Any, k: int, p: Any, q: Any) -> Any:
    return 2 * x * p - 2 * k * q


def _hermite_e(x: Any, k: int, p: Any, q: Any) -> Any:
    return x * p - k * q


def _laguerre(x: Any, k: int, p: Any, q: Any) -> Any:
    return ((2 * k + 1 - x) * p - k * q) / (k + 1)


def _legendre(x: Any, k: int, p: Any, q: Any) -> Any:
    return ((2 * k + 1) * x * p - k * q) / (k + 1)


def _recurred(xp: Any, x: Any, n: Any, most: int, first: Callable[[Any], Any], step: _Step) -> Any:
    """The polynomials of degrees ``n``; those above ``most`` are wrong."""
    before, now = xp.ones_like(x), first(x)
    out = xp.where(n == 0, before, now)
    for k in range(1, most):
        now, before = step(x, k, now, before), now
        out = xp.where(n > k, now, out)
    return out


_MOST = 1_000_000
"""The highest degree: a recurrence takes as many steps."""


def _highest(n: Any) -> int:
    highest = float(n.max()) if n.size else 0.0
    if highest != highest:
        return 0
    if highest >= 2**63:
        raise OverflowError(f"polynomial of degree {highest:g}: int too big to convert")
    if highest > _MOST:
        raise NotImplementedError(f"polynomials of degree {highest:g} are not implemented, but up to {_MOST}")
    return int(highest)


# What Chebyshev's kinds are in terms of the angle a = arccos x, and at 1 and -1.


def _trigonometric(xp: Any, x: Any, n: Any, kind: str) -> Any:
    a = xp.arccos(x)
    if kind == "t":
        return xp.cos(n * a)
    if kind == "u":
        return xp.sin((n + 1) * a) / xp.sin(a)
    if kind == "v":
        return xp.cos((n + 0.5) * a) / xp.cos(a / 2)
    return xp.sin((n + 0.5) * a) / xp.sin(a / 2)


def _at_one(xp: Any, x: Any, n: Any, kind: str) -> Any:
    sign = 1 - 2 * (n - 2 * xp.floor(n / 2))  # (-1)^n
    if kind == "t":
        return xp.where(x > 0, 1, sign)
    if kind == "u":
        return xp.where(x > 0, 1, sign) * (n + 1)
    if kind == "v":
        return xp.where(x > 0, 1, sign * (2 * n + 1))
    return xp.where(x > 0, 2 * n + 1, sign)


_FIRST: dict[str, Callable[[Any], Any]] = {
    "t": lambda x: x,
    "u": lambda x: 2 * x,
    "v": lambda x: 2 * x - 1,
    "w": lambda x: 2 * x + 1,
}


def _chebyshev_of(xp: Any, x: Any, n: Any, *, kind: str, shifted: bool) -> Any:
    if shifted:
        x = 2 * x - 1
    size = xp.absolute(x)
    limit = 6 if kind == "t" else 8
    by_angle = (n > limit) & (size < 1)
    edge = size == 1
    most = _highest(xp.where(by_angle | edge, 0, n))
    out = _recurred(xp, x, n, max(most, 1), _FIRST[kind], _chebyshev)
    inside = xp.where(size < 1, x, xp.zeros_like(x))
    out = xp.where(by_angle, _trigonometric(xp, inside, n, kind), out)
    return xp.where(edge, _at_one(xp, x, n, kind), out)


def _laguerre_of(xp: Any, x: Any, n: Any) -> Any:
    return _recurred(xp, x, n, _highest(n), lambda x: 1 - x, _laguerre)


def _legendre_of(xp: Any, x: Any, n: Any) -> Any:
    return _recurred(xp, x, n, _highest(n), lambda x: x, _legendre)


_OVERFLOW = {"float32": 128, "float64": 512}
"""The degrees above which Hermite's polynomials are NaN in PyTorch."""


def _hermite_of(xp: Any, x: Any, n: Any, *, physical: bool) -> Any:
    limit = _OVERFLOW[x.dtype.name]
    most = min(_highest(n), limit + 1)
    first, step = ((lambda x: 2 * x), _hermite) if physical else ((lambda x: x), _hermite_e)
    out = _recurred(xp, x, n, most, first, step)
    return xp.where(n > limit, xp.full_like(x, float("nan")), out)


def _operation(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """An operation without derivative of x and the degrees n, which are numbers of x's dtype."""

    @op(name)
    def call(xp: Any, x: Any, n: Any) -> Any:
        kind = x.dtype
        if is_half(kind):
            x, n = x.astype("float32"), n.astype("float32")
        shape = xp.broadcast_shapes(x.shape, n.shape)
        x, n = xp.broadcast_to(x, shape), xp.trunc(xp.broadcast_to(n, shape))
        out = xp.where(n < 0, xp.zeros_like(x), function(xp, x, n))
        return out.astype(kind, copy=False)

    return call


def _define(name: str, function: Callable[..., Any], what: str, example: str) -> None:
    call = _operation(name, function)

    def of_pair(input: Any, n: Any) -> Any:
        if not isinstance(input, TensorBase) and not isinstance(n, TensorBase):
            raise not_a_tensor(f"special_{name}", 0, input)
        operands = [v._a if isinstance(v, TensorBase) else v for v in (input, n)]
        kind = dtypes.result(tuple(operands))
        if kind.category < dtypes.FLOAT:
            kind = dtypes.default.float
        like = input if isinstance(input, TensorBase) else n
        x, degree = (
            v.detach().to(kind) if isinstance(v, TensorBase) else like.new_full((), v, dtype=kind) for v in (input, n)
        )
        return call(x, degree)

    special_function(of_pair, name, _DOC.format(what=what, name=name, example=example))


_DOC = """{what} of degree ``n``; 0 where n is negative. No derivative.

Args:
    input: x, a tensor or a number.
    n: the degrees, a tensor or a number; fractions are cut off.
    out: the tensor to write to.

Shape: both broadcast together.

Raises:
    TypeError: neither is a tensor.

Example:
    >>> import nnlite
    >>> nnlite.special.{name}(nnlite.tensor([0.5]), 2)
    tensor([{example}])
"""

_CHEBYSHEV = {"t": ("first", "-0.5000", "-1."), "u": ("second", "0.", "-1."), "v": ("third", "-1.", "-1."),
              "w": ("fourth", "1.", "-1.")}  # fmt: skip
for _kind, (_ordinal, _plain, _moved) in _CHEBYSHEV.items():
    _define(
        f"chebyshev_polynomial_{_kind}",
        functools.partial(_chebyshev_of, kind=_kind, shifted=False),
        f"Chebyshev's polynomial of the {_ordinal} kind",
        _plain,
    )
    _define(
        f"shifted_chebyshev_polynomial_{_kind}",
        functools.partial(_chebyshev_of, kind=_kind, shifted=True),
        f"Chebyshev's polynomial of the {_ordinal} kind of 2 x - 1",
        _moved,
    )
_define("hermite_polynomial_h", functools.partial(_hermite_of, physical=True), "Hermite's polynomial of physics", "-1.")
_define("hermite_polynomial_he", functools.partial(_hermite_of, physical=False), "Hermite's polynomial of probability",
        "-0.7500")  # fmt: skip
_define("laguerre_polynomial_l", _laguerre_of, "Laguerre's polynomial", "0.1250")
_define("legendre_polynomial_p", _legendre_of, "Legendre's polynomial", "-0.1250")
