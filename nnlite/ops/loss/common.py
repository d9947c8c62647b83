"""Losses of two tensors of one shape, and what all losses share: reductions and checks."""

from __future__ import annotations

import math
from typing import Any

from ..._core.op import TensorBase, check_same_device, not_a_tensor, op, promote, unbroadcast
from ..._core.warn import warn
from ..activation.softmax import title_of, widen
from ..pointwise import elementwise as e


def check_reduction(reduction: Any) -> str:
    """``reduction``, if there is one of this name.

    Raises:
        ValueError: there is none.
    """
    if reduction == "elementwise_mean":
        warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.")
        return "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """``reduction`` for the two arguments that PyTorch had before it, with its warning."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = "none" if not reduce else "mean" if size_average else "sum"
    warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
    )
    return reduction


def check_tensors(name: str, *values: Any) -> None:
    """Raise if the arguments are not tensors (None passes) on one device."""
    first = None
    for position, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, position, value)
        if first is None:
            first = value._a
        elif type(value._a) is not type(first):
            check_same_device(name, (first, value._a))


def reduced(xp: Any, losses: Any, reduction: str, count: Any) -> Any:
    """A loss for each element as the result asked for; ``count`` is what the mean divides by."""
    if reduction == "none":
        return losses
    total = xp.sum(losses)
    return total / count if reduction == "mean" else total


def as_type(x: Any, dtype: Any) -> Any:
    """``x`` in a dtype; itself where it has that, which ``astype`` takes 0.8 us for where ``x`` is one of NumPy's
    numbers."""
    return x if x.dtype is dtype else x.astype(dtype, copy=False)


# ---------------------------------------------------------------------------------------------------------------------
# Differences of two tensors of one shape


def _spread(f: Any, g: Any, node: Any, d: Any) -> tuple[Any, ...]:
    """The gradients of both operands; ``d`` is the derivative of one element's loss by the difference x - y."""
    xn, yn = node.edges
    if node.attrs["reduction"] == "mean":
        g = g / (math.prod(d.shape) or math.nan)
    gx = d * g
    return (
        None if xn is None else unbroadcast(f, gx, node.shapes[0]),
        None if yn is None else unbroadcast(f, -gx, node.shapes[1]),
    )


@op(saves=("x", "y"))
def _mse_loss(xp: Any, x: Any, y: Any, *, reduction: str) -> Any:
    d = xp.asarray(widen(x) - widen(y))
    d *= d
    return as_type(reduced(xp, d, reduction, d.size or math.nan), x.dtype)


@_mse_loss.vjp
def _(f: Any, g: Any, node: Any, x: Any, y: Any) -> tuple[Any, ...]:
    return _spread(f, 2 * g, node, x - y)


def _l1_title(node: Any) -> str:
    return {"none": "AbsBackward0", "sum": "SumBackward0", "mean": "MeanBackward0"}[node.attrs["reduction"]]


@op(residuals=("d",), saves=("d",), title=_l1_title)
def _l1_loss(xp: Any, x: Any, y: Any, *, reduction: str) -> Any:
    d = xp.asarray(x - y)
    out = reduced(xp, xp.absolute(widen(d)), reduction, d.size or math.nan)
    return as_type(out, x.dtype), d


@_l1_loss.vjp
def _(f: Any, g: Any, node: Any, d: Any) -> tuple[Any, ...]:
    return _spread(f, g, node, f.sgn(d))  # a constant wherever there is a second derivative


def _difference(call: Any, input: Any, target: Any, legacy: tuple[Any, Any], reduction: str, weight: Any) -> Any:
    """mse_loss and l1_loss."""
    name = call.op.name
    check_tensors(name, input, target)
    if input._a.shape != target._a.shape:
        warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size."
        )
    if legacy != (None, None):
        reduction = legacy_reduction(*legacy)
    reduction = check_reduction(reduction)
    if input._a.dtype is not target._a.dtype:
        input, target = promote(name, input, target, False)
    _check_dtype(name, input._a, reduction if weight is None else "none")
    if input._a.dtype.kind == "c":
        losses = e.abs(e.sub(input, target))
        if weight is None:
            return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()
    elif weight is None:
        return call(input, target, reduction=reduction)
    else:
        losses = call(input, target, reduction="none")
    check_tensors(name, input, target, weight)
    if weight._a.shape != input._a.shape:
        raise ValueError(
            f"Weights and input must have the same size. ({name}: the weight has {list(weight._a.shape)}, the input "
            f"{list(input._a.shape)})"
        )
    losses = e.mul(losses, weight)
    if reduction == "none":
        return losses
    total = losses.sum()
    return total if reduction == "sum" else total / weight.sum()


def _check_dtype(name: str, a: Any, reduction: str) -> None:
    kind = a.dtype.kind
    if name == "mse_loss" and kind not in "fV":
        raise NotImplementedError(
            f"\"mse_cpu\" not implemented for '{title_of(a)}' (mse_loss needs floating-point numbers: call .float())"
        )
    if kind == "b":
        raise RuntimeError("Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                           "`logical_xor()` operator instead.")  # fmt: skip
    if kind in "iu" and reduction == "mean":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {title_of(a)} ({name}: call .float())"
        )


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """The squared differences, (x_i - y_i)^2: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: a factor for each element; the mean is then sum(w d) / sum(w).

    Shape: input and target any, of one shape; others are broadcast, with a warning.

    Raises:
        ValueError: ``reduction`` is none of these, or the weight has another shape than the input.
        NotImplementedError: the numbers are integers.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.mse_loss(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.0, 4.0]))
        tensor(2.)
    """
    return _difference(_mse_loss, input, target, (size_average, reduce), reduction, weight)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    r"""The magnitudes of the differences, \|x_i - y_i\|: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weight: a factor for each element; the mean is then sum(w d) / sum(w).

    Shape: input and target any, of one shape; others are broadcast, with a warning.

    Raises:
        ValueError: ``reduction`` is none of these, or the weight has another shape than the input.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.l1_loss(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.0, 4.0]))
        tensor(1.)
    """
    return _difference(_l1_loss, input, target, (size_average, reduce), reduction, weight)
