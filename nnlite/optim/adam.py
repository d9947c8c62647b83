"""Adam, and its variant with decoupled weight decay."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from ._capturable import as_number, on, root
from ._elementwise import Elementwise, with_decay
from ._update import update
from .optimizer import ParamsT, check_betas, check_learning_rate, check_not_negative, check_options

__all__ = ["Adam"]


class Adam(Elementwise):
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
        capturable: keep the count of steps on the device, for steps that are captured in CUDA graphs.
        differentiable: record the step, for derivatives through it; the parameters must then not be leaves.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).

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
        check_betas(betas)
        _check_tensors(lr, betas, foreach=foreach, capturable=capturable)
        check_not_negative("weight_decay value", weight_decay)
        check_options(foreach=foreach, fused=fused, differentiable=differentiable)
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

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None)

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
    def _recorded_rule(
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
        """The update as the formula has it. `_rule` computes the same in one work array."""
        g = with_decay(xp, p, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            p *= 1 - lr * weight_decay
        m += (1 - beta1) * (g - m)
        v *= beta2
        v += (1 - beta2) * g * g
        if largest_v is not None:
            largest_v[...] = xp.maximum(1.0 * largest_v, v)  # of a copy, which the graph may keep
            v = largest_v
        p -= lr * (m / (1 - beta1**t)) / (xp.sqrt(v / (1 - beta2**t)) + eps)

    @staticmethod
    @update("adam_update")
    def _rule(
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
        g = with_decay(xp, p, g, 0.0 if decoupled else weight_decay, maximize)
        if decoupled and weight_decay:
            p *= on(1 - lr * weight_decay, p)
        work = xp.empty_like(p)
        # m <- beta1 * m + (1 - beta1) * g
        xp.subtract(g, m, out=work)
        work *= on(1 - beta1, work)
        m += work
        # v <- beta2 * v + (1 - beta2) * g * g
        xp.multiply(g, g, out=work)
        work *= on(1 - beta2, work)
        v *= on(beta2, v)
        v += work
        if largest_v is not None:
            v = xp.maximum(largest_v, v, out=largest_v)
        # p <- p - lr * m_hat / (sqrt(v_hat) + eps), with the corrections 1 - beta**t taken out of the arrays
        scale = root(1 - beta2**t)
        xp.sqrt(v, out=work)
        work += on(eps * scale, work)
        xp.divide(m, work, out=work)
        work *= on(lr * scale / (1 - beta1**t), work)
        p -= work


def _check_tensors(lr: Any, betas: Any, *, foreach: bool | None, capturable: bool) -> None:
    """Refuse the tensors among the options that PyTorch refuses."""
    multi = bool(foreach) and not capturable
    if isinstance(lr, Tensor) and multi:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True; leave foreach out")
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError("betas must be either both floats or both Tensors")
    for index, beta in enumerate(betas):
        if isinstance(beta, Tensor) and multi:
            raise ValueError(
                f"betas[{index}] as a Tensor is not supported for capturable=False and foreach=True; leave foreach out"
            )
