"""Adagrad: steps scaled by the sum of all squared gradients."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, on
from ._elementwise import Elementwise, host_number, with_decay
from ._update import update
from .optimizer import ParamsT, check_learning_rate, check_not_negative, check_options, full_like

__all__ = ["Adagrad"]


class Adagrad(Elementwise):
    r"""Adagrad: steps scaled by the sum of all squared gradients.

    With gradient g, parameter p and step number t::

        g <- g + weight_decay * p
        s <- s + g * g                                 (at first initial_accumulator_value)
        p <- p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: learning rate.
        lr_decay: how fast the learning rate falls.
        weight_decay: factor of the L2 penalty.
        initial_accumulator_value: the sum of squares at first.
        eps: is added to the denominator.
        maximize: go up the gradient.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_learning_rate(lr)
        check_not_negative("lr_decay value", lr_decay)
        check_not_negative("weight_decay value", weight_decay)
        check_not_negative("initial_accumulator_value value", initial_accumulator_value)
        check_not_negative("epsilon value", eps)
        check_options(foreach=foreach, fused=fused, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)

        for group in self.param_groups:  # PyTorch's state is there before the first step
            for p in group["params"]:
                self._start(self.state[p], p, group)

    def share_memory(self) -> None:
        """Put the state into memory that other processes share."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("sum",)

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        names = ("lr", "lr_decay", "eps", "weight_decay")
        return {**{name: as_number(group[name]) for name in names}, "maximize": group["maximize"]}

    def _start(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        state["step"] = host_number(0.0)
        first = group["initial_accumulator_value"]
        state["sum"] = full_like(p, complex(first, first) if p.is_complex() else first)

    @staticmethod
    @update("adagrad_update")
    def _rule(
        xp: Any,
        p: Any,
        s: Any,
        g: Any,
        *,
        t: float,
        lr: float,
        lr_decay: float,
        eps: float,
        weight_decay: float,
        maximize: bool,
    ) -> None:
        g = with_decay(xp, p, g, weight_decay, maximize)
        s += g * g
        p -= on(lr / (1 + (t - 1) * lr_decay), g) * (g / (xp.sqrt(s) + eps))
