"""Rprop: steps by the signs of the gradient alone."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._elementwise import Elementwise, count, host_number, with_decay
from ._update import update
from .optimizer import ParamsT, check_learning_rate, full_like

__all__ = ["Rprop"]


class Rprop(Elementwise):
    r"""Resilient backpropagation: each element has a step size of its own, and the gradient gives only the sign.

    With gradient g, parameter p, the gradient g' of the last step and step size s (at first lr)::

        s <- s * etas[1]  where g * g' > 0
        s <- s * etas[0]  where g * g' < 0, and there g <- 0
        s <- min(max(s, step_sizes[0]), step_sizes[1])
        p <- p - sign(g) * s

    It needs gradients of all data, not of batches.

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: the step size at first.
        etas: the factors by which step sizes shrink and grow.
        step_sizes: the smallest and the largest step size.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up the gradient.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

    Source: M. Riedmiller and H. Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm", ICNN 1993.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.Rprop([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.5000, -1.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_learning_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("prev", "step_size")

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        (shrink, grow), (smallest, largest) = group["etas"], group["step_sizes"]
        return {
            "shrink": float(shrink),
            "grow": float(grow),
            "smallest": float(smallest),
            "largest": float(largest),
            "maximize": group["maximize"],
        }

    def _start(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        lr = float(group["lr"])
        state["step"] = host_number(0.0)
        state["prev"] = full_like(p, 0.0)
        state["step_size"] = full_like(p, complex(lr, lr) if p.is_complex() else lr)

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        count(state)  # the formula does without it
        return {}

    @staticmethod
    @update("rprop_update")
    def _rule(
        xp: Any,
        p: Any,
        previous: Any,
        size: Any,
        g: Any,
        *,
        shrink: float,
        grow: float,
        smallest: float,
        largest: float,
        maximize: bool,
    ) -> None:
        g = with_decay(xp, p, g, 0.0, maximize)
        turn = xp.sign(g * (1.0 * previous))  # of copies, which a graph may keep
        zero = 0 * turn
        # The factor of the sizes for turn = 1, 0, -1; and g for turn >= 0, 0 for turn = -1
        factor = 1 + (grow - 1) * xp.maximum(turn, zero) + (1 - shrink) * xp.minimum(turn, zero)
        size[...] = xp.minimum(xp.maximum((1.0 * size) * factor, zero + smallest), zero + largest)
        g = g * (1 + xp.minimum(turn, zero))
        p -= xp.sign(g) * size
        previous[...] = g
