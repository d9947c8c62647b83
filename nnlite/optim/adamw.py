"""AdamW: Adam with decoupled weight decay."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from .adam import Adam
from .optimizer import ParamsT

__all__ = ["AdamW"]


class AdamW(Adam):
    r"""Adam with weight decay that acts on the parameter itself, not through the averages of the gradient.

    As `Adam`, but in place of adding to the gradient::

        p <- p * (1 - lr * weight_decay)

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr, betas, eps, amsgrad, maximize: as for `Adam`.
        weight_decay: factor of the decay.
        foreach, fused: accepted for PyTorch's sake; there is one implementation.
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: as `Adam` does.

    Source: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.AdamW([w], lr=0.5, weight_decay=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.2500, -1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:  # a state saved by Adam, or by an AdamW that had no such option
            group["decoupled_weight_decay"] = True
