"""RAdam: Adam that waits until the mean square is known well enough."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, at_least, on, root
from ._elementwise import Elementwise, with_decay
from ._update import update
from .optimizer import ParamsT, check_betas, check_learning_rate, check_not_negative

__all__ = ["RAdam"]


class RAdam(Elementwise):
    r"""RAdam: Adam with a rectified variance of its first steps.

    With gradient g, parameter p and step number t::

        g <- g + weight_decay * p
        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g * g
        rho = 2 / (1 - beta2) - 1,  rho_t = rho - 2 * t * beta2**t / (1 - beta2**t)
        if rho_t > 5:
            r = sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
            p <- p - lr * r * m / (1 - beta1**t) * sqrt(1 - beta2**t) / (sqrt(v) + eps)
        else:
            p <- p - lr * m / (1 - beta1**t)

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        betas: the factors of the two averages.
        eps: is added to the denominator.
        weight_decay: factor of the L2 penalty.
        decoupled_weight_decay: shrink the parameter by ``lr * weight_decay`` itself, as AdamW does.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up the gradient.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.RAdam([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_not_negative("epsilon value", eps)
        check_betas(betas)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        beta1, beta2 = group["betas"]
        return {
            "lr": as_number(group["lr"]),
            "beta1": as_number(beta1),
            "beta2": as_number(beta2),
            "eps": float(group["eps"]),
            "weight_decay": float(group["weight_decay"]),
            "decoupled": group["decoupled_weight_decay"],
            "maximize": group["maximize"],
        }

    @staticmethod
    @update("radam_update")
    def _rule(
        xp: Any,
        p: Any,
        m: Any,
        v: Any,
        g: Any,
        *,
        t: float,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
        decoupled: bool,
        maximize: bool,
    ) -> None:
        g = with_decay(xp, p, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            p *= on(1 - lr * weight_decay, p)
        m += on(1 - beta1, m) * (g - m)
        v *= on(beta2, v)
        v += on(1 - beta2, g) * g * g
        rate = lr / (1 - beta1**t)
        known, factor = _rectification(t, beta2)
        if known is False:
            p -= rate * m
        elif known is True:
            p -= (rate * factor) * m / (xp.sqrt(v) + eps)
        else:  # t is on the device
            p -= xp.where(known, on(rate * factor, m) * m / (xp.sqrt(v) + eps), on(rate, m) * m)


def _rectification(t: Any, beta2: Any) -> tuple[Any, Any]:
    """Whether the variance of v is tractable, and then the factor ``r * sqrt(1 - beta2**t)`` of the formula."""
    rho = 2 / (1 - beta2) - 1
    correction = 1 - beta2**t
    rho_t = rho - 2 * t * beta2**t / correction
    known, rho_t = rho_t > 5, at_least(5.0, rho_t)
    return known, root((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t) * correction)
