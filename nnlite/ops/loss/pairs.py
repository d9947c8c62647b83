"""Losses of an input and a target of one shape that are a formula of each pair of elements, reduced in one step.

A formula and its derivatives are worked through in blocks; 16-bit numbers in float32.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from ..._core.op import op, promote, recorded
from ..._core.warn import warn
from ...backends.registry import tables
from .._formula import _FLOAT32, apply, is_half
from .._public import FUNCTIONS
from ..activation.softmax import title_of, widen
from ..pointwise import elementwise as e
from .common import check_reduction, check_tensors, l1_loss, legacy_reduction, reduced

_Slope = Callable[..., Any]


def _composite(node: Any) -> str:
    """PyTorch's name of the derivative of a loss that it makes of simple operations."""
    attrs = node.attrs
    last = "MulBackward0" if attrs.get("log_target") else "AddBackward0" if attrs.get("full") else "SubBackward0"
    return {"mean": "MeanBackward0", "sum": "SumBackward0"}.get(attrs["reduction"], last)


def _pair_loss(dx: _Slope, dy: _Slope | None = None, *, name: str | None = None, title: Any = None) -> Any:
    """Make an operation of ``body(xp, x, y, *, ...)``, the loss of each element, and a ``reduction``.

    ``dx(f, g, x, y, *, ...)`` and ``dy`` are the gradients of one element's loss times ``g``.
    """

    def define(body: Callable[..., Any]) -> Any:
        @functools.wraps(body)
        def whole(xp: Any, x: Any, y: Any, *, reduction: str, **attrs: Any) -> Any:
            losses = apply(xp, functools.partial(body, xp), widen(x), widen(y), **attrs)
            return reduced(xp, losses, reduction, losses.size or math.nan).astype(x.dtype, copy=False)

        call = op(name, saves=("x", "y"), title=title)(whole)

        def rule(f: Any, g: Any, node: Any, x: Any, y: Any) -> tuple[Any, ...]:
            attrs = dict(node.attrs)
            reduction = attrs.pop("reduction")
            kind = getattr(x, "_a", x).dtype
            if is_half(kind):
                g, x, y = (f.cast(v, dtype=_FLOAT32, source=kind) for v in (g, x, y))
            if reduction == "mean":
                g = g / (math.prod(x.shape) or math.nan)
            made = tuple(
                None if edge is None or d is None else _spread(f, d, g, x, y, attrs)
                for d, edge in zip((dx, dy), node.edges, strict=True)
            )
            if is_half(kind):
                made = tuple(None if v is None else f.cast(v, dtype=kind, source=_FLOAT32) for v in made)
            return made

        call.vjp(rule)
        return call

    return define


def _spread(f: Any, d: _Slope, g: Any, x: Any, y: Any, attrs: dict[str, Any]) -> Any:
    if f is recorded:
        return f.broadcast_to(d(f, g, x, y, **attrs), shape=x.shape)
    xp = f.backend_.xp
    if g.shape == x.shape:
        out = apply(xp, lambda x, y, g: d(f, g, x, y, **attrs), x, y, g)
    else:
        out = apply(xp, lambda x, y: d(f, g, x, y, **attrs), x, y)
    return out if out.shape == x.shape else xp.broadcast_to(out, x.shape)


# ---------------------------------------------------------------------------------------------------------------------
# What the functions have in common


def _reduction_of(reduction: Any, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction's name; PyTorch's functions outside of nn.functional number them."""
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if type(reduction) is int and reduction in (0, 1, 2):
        return ("none", "mean", "sum")[reduction]
    return check_reduction(reduction)


def _same_kind(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Both in their common dtype and shape.

    Raises:
        NotImplementedError: it is not one of floating-point numbers.
    """
    check_tensors(name, input, target)
    if input._a.dtype is not target._a.dtype:
        input, target = promote(name, input, target, False)
    if input._a.dtype.kind not in "fV":
        if name == "kl_div":
            raise RuntimeError("kl_div: Integral inputs not supported. (Call .float().)")
        raise NotImplementedError(
            f"\"{name}\" not implemented for '{title_of(input._a)}' ({name} needs floating-point numbers)"
        )
    if input._a.shape != target._a.shape:
        input, target = FUNCTIONS["broadcast_tensors"](input, target)
    return input, target


def _warn_of_sizes(input: Any, target: Any) -> None:
    if input._a.shape != target._a.shape:
        warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size."
        )


def _total(losses: Any, reduction: str) -> Any:
    """Losses of a tensor, reduced."""
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


# ---------------------------------------------------------------------------------------------------------------------
# Quadratic near 0, linear beyond


def _bend_slope(f: Any, g: Any, x: Any, y: Any, *, width: float, scale: float) -> Any:
    d = f.clamp(x - y, min=-width, max=width)
    return g * (d * scale if scale != 1 else d)


def _bend(xp: Any, x: Any, y: Any, *, width: float, scale: float) -> Any:
    d = xp.absolute(x - y)
    near = xp.minimum(d, width)
    d -= 0.5 * near
    d *= near
    return d * scale if scale != 1 else d


def _minus_bend_slope(f: Any, g: Any, x: Any, y: Any, **attrs: Any) -> Any:
    return -_bend_slope(f, g, x, y, **attrs)


_smooth_l1_loss = _pair_loss(_bend_slope, _minus_bend_slope, name="smooth_l1_loss", title="SmoothL1LossBackward0")(
    _bend
)
_huber_loss = _pair_loss(_bend_slope, _minus_bend_slope, name="huber_loss")(_bend)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    r"""d^2 / (2 beta) where d = \|x_i - y_i\| < beta, d - beta / 2 elsewhere: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: where the parabola ends; with 0 the loss is :func:`l1_loss`.

    Shape: input and target any, of one shape; others are broadcast, with a warning.

    Raises:
        ValueError: ``reduction`` is none of these.
        RuntimeError: ``beta`` is negative.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.smooth_l1_loss(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.5, 4.0]))
        tensor(0.8125)
    """
    check_tensors("smooth_l1_loss", input, target)
    _warn_of_sizes(input, target)
    reduction = _reduction_of(reduction, size_average, reduce)
    if beta == 0:
        input, target = _same_kind("smooth_l1_loss", input, target)
        return l1_loss(input, target, reduction=reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta. (It is {beta}.)")
    input, target = _same_kind("smooth_l1_loss", input, target)
    return _smooth_l1_loss(input, target, reduction=reduction, width=float(beta), scale=1 / beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    r"""d^2 / 2 where d = \|x_i - y_i\| <= delta, delta (d - delta / 2) elsewhere: their mean, their sum, or each.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        delta: where the parabola ends.
        weight: a factor for each element.

    Shape: input and target any, of one shape; others are broadcast, with a warning.

    Raises:
        ValueError: ``reduction`` is none of these, or the weight has another shape than the input.
        RuntimeError: ``delta`` is not positive.

    Source: P. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35 (1964).

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.huber_loss(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.5, 4.0]))
        tensor(0.8125)
    """
    check_tensors("huber_loss", input, target)
    _warn_of_sizes(input, target)
    if weight is not None:
        check_tensors("huber_loss", input, target, weight)
        if weight._a.shape != input._a.shape:
            raise ValueError("Weights and input must have the same size. (huber_loss)")
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    reduction = check_reduction(reduction)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta. (It is {delta}.)")
    input, target = _same_kind("huber_loss", input, target)
    attrs = {"width": float(delta), "scale": 1.0}
    if weight is None:
        return _huber_loss(input, target, reduction=reduction, **attrs)
    return _total(e.mul(_huber_loss(input, target, reduction="none", **attrs), weight), reduction)


# ---------------------------------------------------------------------------------------------------------------------
# Soft margin, hinge embedding


def _soft_margin_slope(f: Any, g: Any, x: Any, y: Any) -> Any:
    return -(g * y) * f.sigmoid(-(y * x))


@_pair_loss(_soft_margin_slope)
def _soft_margin_loss(xp: Any, x: Any, y: Any) -> Any:
    z = x * y
    return xp.log1p(xp.exp(-xp.absolute(z))) - xp.minimum(z, 0)


def soft_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """log(1 + e^(-y_i x_i)), where the target y_i is 1 or -1: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target any, of one shape or broadcast.

    Raises:
        ValueError: ``reduction`` is none of these.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.soft_margin_loss(nnlite.tensor([0.0, 100.0]), nnlite.tensor([1.0, 1.0]))
        tensor(0.3466)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    input, target = _same_kind("soft_margin_loss", input, target)
    return _soft_margin_loss(input, target, reduction=reduction)


def _hinge_slope(f: Any, g: Any, x: Any, y: Any, *, margin: float) -> Any:
    g = f.broadcast_to(g, shape=x.shape) if g.shape != x.shape else g
    return f.zero_where(g, y == -1) - f.zero_where(g, (y == 1) | (x > margin))


@_pair_loss(_hinge_slope, title=lambda node: _composite(node).replace("Sub", "Add"))
def _hinge_embedding_loss(xp: Any, x: Any, y: Any, *, margin: float) -> Any:
    f = tables[type(x)]
    return f.zero_where(x, y == -1) + f.zero_where(xp.maximum(margin - x, 0), y == 1)


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """x_i where the target y_i is 1, max(0, margin - x_i) where it is -1: their mean, their sum, or each.

    Args:
        margin: the distance beyond which pairs that do not belong together count nothing.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target any, of one shape or broadcast.

    Raises:
        ValueError: ``reduction`` is none of these.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.hinge_embedding_loss(nnlite.tensor([0.5, 0.25]), nnlite.tensor([1.0, -1.0]))
        tensor(0.6250)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("hinge_embedding_loss", input, target)
    if target._a.dtype.kind not in "fV":
        target = target.to(input.dtype)
    input, target = _same_kind("hinge_embedding_loss", input, target)
    return _hinge_embedding_loss(input, target, reduction=reduction, margin=float(margin))


# ---------------------------------------------------------------------------------------------------------------------
# As functions of nnlite, whose reductions are numbers: 0 none, 1 mean, 2 sum


def _public_hinge(input: Any, target: Any, margin: float = 1.0, reduction: int = 0) -> Any:
    """See :func:`nnlite.nn.functional.hinge_embedding_loss`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    return hinge_embedding_loss(input, target, margin, None, None, named(reduction))


def named(reduction: Any) -> str:
    """The name of a numbered reduction."""
    return _reduction_of(reduction, None, None)


def register(name: str, function: Callable[..., Any]) -> None:
    """Make ``nnlite.name`` of a function."""
    function.__name__ = function.__qualname__ = name
    FUNCTIONS[name] = function


register("hinge_embedding_loss", _public_hinge)
