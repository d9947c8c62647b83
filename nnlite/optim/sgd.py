"""Stochastic gradient descent."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

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

__all__ = ["SGD"]


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum and weight decay.

    With gradient g, parameter p and momentum buffer b (at first g)::

        g <- g + weight_decay * p
        b <- momentum * b + (1 - dampening) * g
        p <- p - lr * b                          (nesterov: p - lr * (g + momentum * b))

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        momentum: how much of the last step is kept.
        dampening: how much of the gradient is left out of the momentum buffer.
        weight_decay: factor of the L2 penalty.
        nesterov: Nesterov's momentum, which needs momentum and no dampening.
        maximize: go up the gradient.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: not offered.

    Raises:
        ValueError: an option is negative, or the parameters are not fit (see `Optimizer`).
        NotImplementedError: ``differentiable`` is True.

    Source: I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013; the
    form without ``(1 - lr)`` in the buffer is PyTorch's.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.SGD([w], lr=0.25)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.5000, 1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_learning_rate(lr)
        check_not_negative("momentum value", momentum)
        check_not_negative("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_options(foreach=foreach, fused=fused, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
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
            momentum = float(group["momentum"])
            rule = functools.partial(
                _update,
                lr=float(group["lr"]),
                momentum=momentum,
                dampening=float(group["dampening"]),
                weight_decay=float(group["weight_decay"]),
                nesterov=group["nesterov"],
                maximize=group["maximize"],
            )
            for p in each_with_gradient(group):
                if not momentum:
                    self._update(rule, p, None)
                    continue
                state = self.state[p]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = zeros_like(p)
                    self._update(functools.partial(rule, dampening=0.0), p, state["momentum_buffer"]._a)
                else:
                    self._update(rule, p, self._state_array(state, "momentum_buffer", p))
        return loss


def _update(
    xp: Any,
    p: Any,
    buffer: Any,
    g: Any,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
) -> None:
    if maximize:
        g = -g
    if weight_decay:
        g = g + weight_decay * p
    if buffer is not None:
        buffer *= momentum
        buffer += g if dampening == 0 else (1 - dampening) * g
        g = g + momentum * buffer if nesterov else buffer
    p -= lr * g
