"""Adam, and its variant with decoupled weight decay."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.tensor_base import wrap
from ..tensor import Tensor
from .optimizer import (
    Optimizer,
    ParamsT,
    check_learning_rate,
    check_not_negative,
    check_options,
    each_with_gradient,
    zeros_like,
)

__all__ = ["Adam"]


class Adam(Optimizer):
    r"""Adam: steps scaled by running averages of the gradient and of its square.

    With gradient g, parameter p and step number t::

        g <- g + weight_decay * p
        m <- beta1 * m + (1 - beta1) * g
        v <- beta2 * v + (1 - beta2) * g * g
        p <- p - lr * (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        betas: the factors of the two averages.
        eps: is added to the denominator.
        weight_decay: factor of the L2 penalty.
        amsgrad: divide by the largest average so far.
        maximize: go up the gradient.
        decoupled_weight_decay: shrink the parameter by ``lr * weight_decay`` itself, as AdamW does.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        capturable, differentiable: not offered.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).
        NotImplementedError: ``capturable`` or ``differentiable`` is True, or a parameter is complex.

    Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; amsgrad: S. J. Reddi et
    al., "On the convergence of Adam and beyond", ICLR 2018.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.Adam([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_learning_rate(lr)
        check_not_negative("epsilon value", eps)
        for index in (0, 1):
            if not 0.0 <= float(betas[index]) < 1.0:
                raise ValueError(f"Invalid beta parameter at index {index}: {betas[index]}")
        check_not_negative("weight_decay value", weight_decay)
        check_options(foreach=foreach, fused=fused, differentiable=differentiable, capturable=capturable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: a function that computes the loss again and its gradients, and returns the loss.

        Returns:
            What the closure returns; None without one.
        """
        loss = self._evaluate(closure)
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            rule = functools.partial(
                _update,
                lr=float(group["lr"]),
                beta1=float(beta1),
                beta2=float(beta2),
                eps=float(group["eps"]),
                weight_decay=float(group["weight_decay"]),
                decoupled=group["decoupled_weight_decay"],
                maximize=group["maximize"],
            )
            for p in each_with_gradient(group):
                state = self.state[p]
                if not state:
                    _start(state, p)
                largest = None
                if group["amsgrad"]:
                    if "max_exp_avg_sq" not in state:
                        state["max_exp_avg_sq"] = zeros_like(p)
                    largest = self._state_array(state, "max_exp_avg_sq", p)
                self._update(
                    functools.partial(rule, t=_count(state)),
                    p,
                    self._state_array(state, "exp_avg", p),
                    self._state_array(state, "exp_avg_sq", p),
                    largest,
                )
        return loss


def _start(state: dict[str, Any], p: Tensor) -> None:
    if p.is_complex():
        raise NotImplementedError(
            "Adam: complex parameters are not supported; keep the real and the imaginary part as two real parameters"
        )
    state["step"] = wrap(np.zeros((), np.float32))
    state["exp_avg"] = zeros_like(p)
    state["exp_avg_sq"] = zeros_like(p)


def _count(state: dict[str, Any]) -> float:
    """Add one to the number of steps of a parameter. It stays on the host, so that no step waits for the device."""
    step = state["step"]
    if not isinstance(step, Tensor):  # a state that an old version of PyTorch saved
        step = state["step"] = wrap(np.full((), step, np.float32))
    step._a += 1
    return float(step._a)


def _update(
    xp: Any,
    p: Any,
    m: Any,
    v: Any,
    largest_v: Any,
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
    if maximize:
        g = -g
    if weight_decay and decoupled:
        p *= 1 - lr * weight_decay
    elif weight_decay:
        g = g + weight_decay * p
    work = xp.empty_like(p)
    # m <- beta1 * m + (1 - beta1) * g
    xp.subtract(g, m, out=work)
    work *= 1 - beta1
    m += work
    # v <- beta2 * v + (1 - beta2) * g * g
    xp.multiply(g, g, out=work)
    work *= 1 - beta2
    v *= beta2
    v += work
    if largest_v is not None:
        v = xp.maximum(largest_v, v, out=largest_v)
    # p <- p - lr * m_hat / (sqrt(v_hat) + eps), with the corrections 1 - beta**t taken out of the arrays
    scale = math.sqrt(1 - beta2**t)
    xp.sqrt(v, out=work)
    work += eps * scale
    xp.divide(m, work, out=work)
    work *= lr * scale / (1 - beta1**t)
    p -= work
