"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, on, value_of
from ._elementwise import Elementwise, count, host_number, number_in, with_decay
from ._update import update
from .optimizer import ParamsT, check_betas, check_learning_rate, check_not_negative

__all__ = ["NAdam"]


class NAdam(Elementwise):
    r"""NAdam: Adam with Nesterov's momentum.

    With gradient g, parameter p and step number t::

        g <- g + weight_decay * p
        mu(t) = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g * g
        m_hat = mu(t + 1) * m / (1 - mu(1) ... mu(t + 1)) + (1 - mu(t)) * g / (1 - mu(1) ... mu(t))
        p <- p - lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps)

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        betas: the factors of the two averages.
        eps: is added to the denominator.
        weight_decay: factor of the L2 penalty.
        momentum_decay: how fast the momentum rises to beta1.
        decoupled_weight_decay: shrink the parameter by ``lr * weight_decay`` itself, as AdamW does.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up the gradient.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.NAdam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.4718, -1.4718], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative("momentum_decay value", momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
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

    def _start(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        state["step"] = host_number(0.0)
        state["mu_product"] = host_number(1.0)

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        t, beta1, decay = count(state), as_number(group["betas"][0]), float(group["momentum_decay"])
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (step * decay)) for step in (t, t + 1))
        product = number_in(state, "mu_product")._a
        product *= on(mu, product)
        return {"t": t, "mu": mu, "mu_next": mu_next, "mu_product": value_of(product)}

    @staticmethod
    @update("nadam_update")
    def _rule(
        xp: Any,
        p: Any,
        m: Any,
        v: Any,
        g: Any,
        *,
        t: float,
        mu: float,
        mu_next: float,
        mu_product: float,
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
        m_hat = on(mu_next / (1 - mu_product * mu_next), m) * m + on((1 - mu) / (1 - mu_product), g) * g
        p -= on(lr, p) * m_hat / (xp.sqrt(v / on(1 - beta2**t, v)) + eps)
