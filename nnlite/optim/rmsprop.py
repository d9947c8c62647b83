"""RMSprop: steps scaled by a running mean of the squared gradient."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, on
from ._elementwise import Elementwise, count, with_decay
from ._update import update
from .optimizer import ParamsT, check_learning_rate, check_not_negative

__all__ = ["RMSprop"]


class RMSprop(Elementwise):
    r"""RMSprop: steps scaled by a running mean of the squared gradient.

    With gradient g and parameter p::

        g <- g + weight_decay * p
        v <- alpha * v + (1 - alpha) * g * g
        a <- alpha * a + (1 - alpha) * g               (centered)
        d = g / (sqrt(v) + eps)                        (centered: g / (sqrt(v - a * a) + eps))
        b <- momentum * b + d                          (with momentum)
        p <- p - lr * d                                (with momentum: p - lr * b)

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        alpha: the factor of the averages.
        eps: is added to the denominator.
        weight_decay: factor of the L2 penalty.
        momentum: how much of the last step is kept.
        centered: divide by an estimate of the variance, not of the square.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up the gradient.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: T. Tieleman and G. Hinton, "Neural networks for machine learning", lecture 6.5, 2012; centered: A. Graves,
    "Generating sequences with recurrent neural networks", arXiv:1308.0850.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.RMSprop([w], lr=0.05)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_not_negative("epsilon value", eps)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("alpha value", alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        buffer = "momentum_buffer" if group["momentum"] > 0 else None
        return ("square_avg", buffer, "grad_avg" if group["centered"] else None)

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        names = ("lr", "momentum", "alpha", "eps", "weight_decay")
        return {**{name: as_number(group[name]) for name in names}, "maximize": group["maximize"]}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        count(state)  # the formula does without it
        return {}

    @staticmethod
    @update("rmsprop_update")
    def _rule(
        xp: Any,
        p: Any,
        v: Any,
        b: Any,
        a: Any,
        g: Any,
        *,
        lr: float,
        momentum: float,
        alpha: float,
        eps: float,
        weight_decay: float,
        maximize: bool,
    ) -> None:
        g = with_decay(xp, p, g, weight_decay, maximize)
        v *= alpha
        v += (1 - alpha) * g * g
        square = v
        if a is not None:
            a += (1 - alpha) * (g - a)
            square = v - a * a
        d = g / (xp.sqrt(square) + eps)
        if b is not None:
            b *= on(momentum, b)
            b += d
            d = b
        p -= on(lr, d) * d
