"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, on
from ._elementwise import Elementwise, with_decay
from ._update import update
from .optimizer import ParamsT, check_learning_rate, check_not_negative, check_options

__all__ = ["SGD"]


class SGD(Elementwise):
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
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is negative, or the parameters are not fit (see `Optimizer`).

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

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("momentum_buffer",) if group["momentum"] else (None,)

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        return {
            "lr": as_number(group["lr"]),
            "momentum": as_number(group["momentum"]),
            "weight_decay": float(group["weight_decay"]),
            "nesterov": group["nesterov"],
            "maximize": group["maximize"],
        }

    def _start(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        pass

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        first = state.get("momentum_buffer") is None
        return {"dampening": 0.0 if first else float(group["dampening"])}

    @staticmethod
    @update("sgd_update")
    def _rule(
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
        g = with_decay(xp, p, g, weight_decay, maximize)
        if buffer is not None:
            buffer *= on(momentum, buffer)
            buffer += g if dampening == 0 else (1 - dampening) * g
            g = g + on(momentum, buffer) * buffer if nesterov else buffer
        p -= on(lr, g) * g
