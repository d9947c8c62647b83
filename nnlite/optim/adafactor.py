"""Adafactor: the mean square of a matrix from those of its rows and columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.tensor_base import wrap
from .._info import finfo
from ..backends.registry import tables
from ..tensor import Tensor
from ._elementwise import count, host_number
from .optimizer import Optimizer, ParamsT, check_at_least, check_rate, each_with_gradient

__all__ = ["Adafactor"]


class Adafactor(Optimizer):
    r"""Adafactor: steps scaled by a mean square that takes memory for rows and columns alone.

    With gradient g, parameter p of n elements and step number t, where means go over the last two dimensions::

        b = t**beta2_decay,  rho = min(lr, 1 / sqrt(t)),  alpha = max(eps[1], |p| / sqrt(n)) * rho
        p <- p * (1 - lr * weight_decay)
        r <- (1 - b) * r + b * (row means of g * g),  c <- (1 - b) * c + b * (column means of g * g)
        v = r * c / max(mean of r, eps[0])             (one dimension: v <- (1 - b) * v + b * g * g)
        u = g / sqrt(max(v, eps[0]**2))
        p <- p - alpha * u / max(1, |u| / (sqrt(n) * d))

    Args:
        params: parameters, dicts of parameters and options, or pairs of a name and a parameter.
        lr: the largest relative step.
        beta2_decay: the power by which the averages come to remember longer.
        eps: bounds of the mean square (None: the dtype's precision) and of the parameter's scale.
        d: the norm at which a step is clipped.
        weight_decay: factor of the decay.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up the gradient.

    Raises:
        ValueError: an option is out of range, or the parameters are not fit (see `Optimizer`).
        RuntimeError: a parameter is complex, at the step.

    Source: N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.Adafactor([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.2094, -1.2094], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_rate(lr)
        if not beta2_decay <= 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None:
            check_at_least("epsilon1", eps[0], 0)
        check_at_least("epsilon2", eps[1], 0)
        check_at_least("Clipping threshold d", d, 1)
        check_at_least("weight_decay", weight_decay, 0)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
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
            for p in each_with_gradient(group):
                if p.is_complex():
                    raise RuntimeError(
                        "Adafactor does not support complex parameters; keep the real and the imaginary part as two"
                    )
                state = self.state[p]
                if not state:
                    _start(state, p)
                t = count(state)
                names = ("row_var", "col_var") if p.dim() > 1 else ("variance",)
                _update(p, [self._state_array(state, name, p) for name in names], group, t)
        return loss


def _start(state: dict[str, Any], p: Tensor) -> None:
    state["step"] = host_number(0.0)
    shape = tuple(p.shape)
    array = p._a
    backend = tables[type(array)].backend_

    def zeros(*shape: int) -> Tensor:
        with backend.use(backend.index_of(array)):
            return wrap(backend.xp.zeros(shape, array.dtype))

    if len(shape) > 1:
        state["row_var"] = zeros(*shape[:-1], 1)
        state["col_var"] = zeros(*shape[:-2], 1, shape[-1])
    else:
        state["variance"] = zeros(*shape)


def _update(p: Tensor, state: list[Any], group: dict[str, Any], t: float) -> None:
    array, g = p._a, p.grad._a
    backend = tables[type(array)].backend_
    eps1, eps2 = group["eps"]
    eps1 = float(finfo(p.dtype).eps) if eps1 is None else float(eps1)
    with backend.use(backend.index_of(array)):
        xp = backend.xp
        half = array.dtype.itemsize == 2
        value, g, *means = (a.astype(np.float32) if half else a for a in (array, g, *state))
        if group["maximize"]:
            g = -g
        new = _formula(xp, value, g, means, t, eps1, float(eps2), group)
        array[...] = new.astype(array.dtype)
        if half:
            for narrow, wide in zip(state, means, strict=True):
                narrow[...] = wide.astype(narrow.dtype)
    p._vc[0] += 1


def _formula(
    xp: Any, p: Any, g: Any, means: list[Any], t: float, eps1: float, eps2: float, group: dict[str, Any]
) -> Any:
    """The parameter after the step. Norms stay on the device as arrays of one element."""
    lr, b, root = float(group["lr"]), t ** float(group["beta2_decay"]), math.sqrt(max(p.size, 1))
    rate = min(lr, 1 / math.sqrt(t))
    alpha = xp.maximum(xp.sqrt(xp.sum(p * p)) / root, _like(xp, p, eps2)) * rate
    if group["weight_decay"]:
        p = p * (1 - lr * float(group["weight_decay"]))
    square = g * g
    if g.ndim > 1:
        rows, columns = means
        rows += b * (xp.mean(square, axis=-1, keepdims=True) - rows)
        columns += b * (xp.mean(square, axis=-2, keepdims=True) - columns)
        scale = xp.maximum(xp.mean(rows, axis=-2, keepdims=True), _like(xp, p, eps1))
        v = rows * columns / scale
    else:
        (average,) = means
        average += b * (square - average)
        v = average
    u = g / xp.sqrt(xp.maximum(v, _like(xp, p, eps1 * eps1)))
    clip = xp.maximum(xp.sqrt(xp.sum(u * u)) / (root * float(group["d"])), _like(xp, p, 1.0))
    return p - (alpha / clip) * u


def _like(xp: Any, p: Any, value: float) -> Any:
    """A number as an array in the dtype of the parameter."""
    return xp.full((), value, p.dtype)
