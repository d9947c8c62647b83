"""Muon: steps in which all directions of a matrix have the same length."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.registry import tables
from ..tensor import Tensor
from .optimizer import (
    Optimizer,
    ParamsT,
    check_at_least,
    check_rate,
    each_with_gradient,
    index_of,
    zeros_like,
)

__all__ = ["Muon"]


class Muon(Optimizer):
    r"""Muon: momentum whose matrix is made nearly orthogonal before the step.

    With gradient G, parameter P of shape (rows, columns), both matrices, and momentum buffer B::

        B <- momentum * B + (1 - momentum) * G
        U = momentum * B + (1 - momentum) * G          (without nesterov: U = B)
        X = U / max(|U|, eps);  ns_steps times:  A = X X^T,  X <- a * X + (b * A + c * A A) X
        P <- P * (1 - lr * weight_decay) - lr * r * X

    where ``r = sqrt(max(1, rows / columns))``, or ``0.2 * sqrt(max(rows, columns))`` for "match_rms_adamw". It is meant
    for the weights of hidden layers; embeddings, biases and the last layer go to another optimizer, such as AdamW.
    Matrices of one shape are multiplied together. PyTorch orthogonalizes in bfloat16, this in the dtype of the
    parameter (float16 and bfloat16 in float32).

    Args:
        params: matrices, dicts of matrices and options, or pairs of a name and a matrix.
        lr: learning rate.
        weight_decay: factor of the decay.
        momentum: how much of the buffer is kept.
        nesterov: Nesterov's momentum.
        ns_coefficients: a, b and c.
        eps: the smallest norm to divide by.
        ns_steps: the number of Newton-Schulz iterations.
        adjust_lr_fn: "original" (the same as None) or "match_rms_adamw".

    Raises:
        ValueError: an option is out of range, a parameter is no matrix, or see `Optimizer`.
        RuntimeError: a parameter is complex, at the step.

    Source: K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; "match_rms_adamw":
    J. Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([[1.0, 0.0], [0.0, 3.0]], requires_grad=True)
        >>> optimizer = nnlite.optim.Muon([w], lr=0.5, weight_decay=0)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([[0.4331, 0.0000],
                [0.0000, 2.6235]], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        check_at_least("momentum", momentum, 0)
        check_at_least("weight decay", weight_decay, 0)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported; use 'original' or 'match_rms_adamw'"
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As `Optimizer.add_param_group`; the parameters have to be matrices."""
        super().add_param_group(param_group)
        for p in self.param_groups[-1]["params"]:
            if p.dim() != 2:
                self.param_groups.pop()
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}; give it to "
                    "another optimizer, such as AdamW"
                )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: a function that computes the loss again and its gradients, and returns the loss.

        Returns:
            What the closure returns; None without one.
        """
        loss = self._evaluate(closure)
        for group in self.param_groups:
            if group["ns_steps"] >= 100:
                raise ValueError("Number of steps must be less than 100 for computational efficiency")
            if len(group["ns_coefficients"]) != 3:
                raise ValueError("Coefficients must be a tuple of exactly 3 values")
            batches: dict[tuple[Any, ...], list[Tensor]] = {}
            for p in each_with_gradient(group):
                if p.is_complex():
                    raise RuntimeError(
                        "Muon does not support complex parameters; keep the real and the imaginary part as two"
                    )
                array = p._a
                batches.setdefault((array.shape, type(array), array.dtype, index_of(array)), []).append(p)
            for params in batches.values():
                self._step_batch(params, group)
        return loss

    def _step_batch(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """The step of matrices of one shape."""
        lr, momentum = float(group["lr"]), float(group["momentum"])
        array = params[0]._a
        backend = tables[type(array)].backend_
        with backend.use(backend.index_of(array)):
            xp, updates = backend.xp, []
            for p in params:
                state = self.state[p]
                if state.get("momentum_buffer") is None:
                    state["momentum_buffer"] = zeros_like(p)
                buffer, g = self._state_array(state, "momentum_buffer", p), p.grad._a
                buffer += (1 - momentum) * (g - buffer)
                updates.append(g + momentum * (buffer - g) if group["nesterov"] else buffer)
            stack = xp.stack(updates)
            if stack.dtype.itemsize == 2:
                stack = stack.astype(np.float32)
            stack = _orthogonal(xp, stack, group["ns_coefficients"], int(group["ns_steps"]), float(group["eps"]))
            stack *= lr * _ratio(group["adjust_lr_fn"], *array.shape)
            stack = stack.astype(array.dtype)
            for p, step in zip(params, stack, strict=True):
                p._a[...] *= 1 - lr * float(group["weight_decay"])
                p._a[...] -= step
                p._vc[0] += 1


def _orthogonal(xp: Any, x: Any, coefficients: tuple[float, float, float], steps: int, eps: float) -> Any:
    """Matrices, stacked along axis 0, with their singular values brought near 1 by a polynomial, ``steps`` times."""
    a, b, c = (float(value) for value in coefficients)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = xp.swapaxes(x, 1, 2)
    norm = xp.sqrt(xp.sum(x * x, axis=(1, 2), keepdims=True))
    x = x / xp.maximum(norm, xp.full((), eps, x.dtype))
    for _ in range(steps):
        gram = xp.matmul(x, xp.swapaxes(x, 1, 2))
        x = a * x + xp.matmul(b * gram + c * xp.matmul(gram, gram), x)
    return xp.swapaxes(x, 1, 2) if tall else x


def _ratio(adjust: str | None, rows: int, columns: int) -> float:
    """The factor of the learning rate for a matrix of this shape."""
    if adjust == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
