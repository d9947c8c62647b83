"""Adadelta: steps in the units of the parameter."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, on
from ._elementwise import Elementwise, count, with_decay
from ._update import update
from .optimizer import ParamsT, check_learning_rate, check_not_negative

__all__ = ["Adadelta"]


class Adadelta(Elementwise):
    r"""Adadelta: steps scaled by the ratio of the last steps to the last gradients.

    With gradient g and parameter p::

        g <- g + weight_decay * p
        v <- rho * v + (1 - rho) * g * g
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u <- rho * u + (1 - rho) * d * d
        p <- p - lr * d

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: factor of the step.
        rho: the factor of the two averages.
        eps: is added under both roots.
        weight_decay: factor of the L2 penalty.
        foreach: accepted for PyTorch's sake; there is one implementation.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        maximize: go up the gradient.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.Adadelta([w], lr=100)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.6838, -1.6838], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative("epsilon value", eps)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("square_avg", "acc_delta")

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        names = ("lr", "rho", "eps", "weight_decay")
        return {**{name: as_number(group[name]) for name in names}, "maximize": group["maximize"]}

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        count(state)  # the formula does without it
        return {}

    @staticmethod
    @update("adadelta_update")
    def _rule(
        xp: Any,
        p: Any,
        v: Any,
        u: Any,
        g: Any,
        *,
        lr: float,
        rho: float,
        eps: float,
        weight_decay: float,
        maximize: bool,
    ) -> None:
        g = with_decay(xp, p, g, weight_decay, maximize)
        v *= rho
        v += (1 - rho) * g * g
        d = xp.sqrt(u + eps) / xp.sqrt(v + eps) * g
        u *= rho
        u += (1 - rho) * d * d
        p -= on(lr, d) * d
