"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, at_least, on, value_of
from ._elementwise import Elementwise, count, host_number, number_in, with_decay
from ._update import update
from .optimizer import ParamsT, check_learning_rate, check_not_negative

__all__ = ["ASGD"]


class ASGD(Elementwise):
    r"""Averaged stochastic gradient descent.

    With gradient g, parameter p, step number t, and at first ``eta = lr`` and ``mu = 1``::

        g <- g + weight_decay * p
        p <- (1 - lambd * eta) * p - eta * g
        ax <- ax + mu * (p - ax)
        eta <- lr / (1 + lambd * lr * t)**alpha
        mu <- 1 / max(1, t - t0)

    The average is ``optimizer.state[p]["ax"]``.

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        lambd: factor of the decay.
        alpha: the power by which the learning rate falls.
        t0: the step at which averaging begins.
        weight_decay: factor of the L2 penalty.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up the gradient.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM J. Control
    Optim. 30, 1992; L. Bottou, "Stochastic gradient descent tricks", 2012.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.ASGD([w], lr=0.25, lambd=0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("ax",)

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "lambd": float(group["lambd"]),
            "weight_decay": float(group["weight_decay"]),
            "maximize": group["maximize"],
        }

    def _start(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        state["step"] = host_number(0.0)
        state["eta"] = host_number(float(group["lr"]))
        state["mu"] = host_number(1.0)

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        lr, lambd = as_number(group["lr"]), float(group["lambd"])
        eta, mu = number_in(state, "eta")._a, number_in(state, "mu")._a
        numbers = {"eta": value_of(eta), "mu": value_of(mu)}
        t = count(state)
        eta[...] = lr / (1 + lambd * lr * t) ** float(group["alpha"])
        mu[...] = 1 / at_least(1.0, t - float(group["t0"]))
        return numbers

    @staticmethod
    @update("asgd_update")
    def _rule(
        xp: Any,
        p: Any,
        average: Any,
        g: Any,
        *,
        eta: float,
        mu: float,
        lambd: float,
        weight_decay: float,
        maximize: bool,
    ) -> None:
        g = with_decay(xp, p, g, weight_decay, maximize)
        p *= on(1 - lambd * eta, p)
        p -= on(eta, g) * g
        if type(mu) is not float:
            average[...] = xp.where(mu == 1, p, average + on(mu, p) * (p - average))
        elif mu == 1:
            average[...] = p
        else:
            average += mu * (p - average)
