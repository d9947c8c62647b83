"""Limits on gradients: of their norm, all together, and of their elements."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

from ..._core.grad_mode import no_grad
from ...creation import tensor
from ...ops.linalg.norms import vector_norm
from ...ops.shape.views import stack
from ...tensor import Tensor
from . import _gradients as at_once

__all__: list[str] = []


def _listed(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The tensors of an argument that is one tensor or several."""
    if isinstance(tensors, Tensor):
        return [tensors]
    found = list(tensors)
    if not found and isinstance(tensors, types.GeneratorType):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=4)
    return found


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    r"""The norm of several tensors, as if they were one vector: (sum \|x\|^p)^(1/p).

    Args:
        tensors: one tensor or an iterable of them.
        norm_type: p; ``inf`` for the largest magnitude.
        error_if_nonfinite: whether nan and infinity are an error; to see them, the host waits for the device.
        foreach: accepted; there is one implementation.

    Returns:
        a tensor of no dimensions, on the device of the first tensor; 0 for no tensors.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is true.

    Example:
        >>> import nnlite
        >>> nnlite.nn.utils.get_total_norm([nnlite.tensor([3.0]), nnlite.tensor([[4.0]])])
        tensor(5.)
    """
    listed = _listed(tensors)
    if not listed:
        return tensor(0.0)
    p = float(norm_type)
    total = at_once.norm(listed, p)
    if total is None:
        norms = [vector_norm(t, p).to(listed[0].device) for t in listed]
        total = vector_norm(stack(norms), p)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {p} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiply the gradients by min(1, max_norm / (total_norm + 1e-6)), in place.

    Args:
        parameters: whose gradients; one tensor or an iterable of them. Those without a gradient are left out.
        max_norm: the largest norm that gradients may have.
        total_norm: the norm that they have, from :func:`get_total_norm`.
        foreach: accepted; there is one implementation.

    Example:
        >>> import nnlite
        >>> p = nnlite.nn.Parameter(nnlite.zeros(2))
        >>> p.grad = nnlite.tensor([3.0, 4.0])
        >>> nnlite.nn.utils.clip_grads_with_norm_(p, 1.0, nnlite.tensor(5.0))
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    gradients = _gradients(parameters)
    if at_once.limit_norm(gradients, total_norm, float(max_norm)):
        return
    # A tensor, multiplied also where it is 1: to look at it, the host would have to wait for the device.
    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.to(gradient.device))


@no_grad()
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients, in place, so that the norm of all of them together is at most ``max_norm``.

    Args:
        parameters: whose gradients; one tensor or an iterable of them. Those without a gradient are left out.
        max_norm: the largest norm.
        norm_type: the p of the p-norm; ``inf`` for the largest magnitude.
        error_if_nonfinite: whether a norm of nan or infinity is an error; to see it, the host waits for the device.
        foreach: accepted; there is one implementation.

    Returns:
        the norm that the gradients had, a tensor of no dimensions.

    Raises:
        RuntimeError: the norm is not finite and ``error_if_nonfinite`` is true.

    Source: Pascanu et al., https://arxiv.org/abs/1211.5063.

    Example:
        >>> import nnlite
        >>> p = nnlite.nn.Parameter(nnlite.zeros(2))
        >>> p.grad = nnlite.tensor([3.0, 4.0])
        >>> nnlite.nn.utils.clip_grad_norm_([p], max_norm=1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of :func:`clip_grad_norm_`; warns."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    norm: Tensor = clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)
    return norm


@no_grad()
def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Cut the elements of the gradients to [-clip_value, clip_value], in place.

    Args:
        parameters: whose gradients; one tensor or an iterable of them. Those without a gradient are left out.
        clip_value: the largest magnitude.
        foreach: accepted; there is one implementation.

    Example:
        >>> import nnlite
        >>> p = nnlite.nn.Parameter(nnlite.zeros(3))
        >>> p.grad = nnlite.tensor([-3.0, 0.5, 4.0])
        >>> nnlite.nn.utils.clip_grad_value_(p, 1.0)
        >>> p.grad
        tensor([-1.0000,  0.5000,  1.0000])
    """
    limit, gradients = float(clip_value), _gradients(parameters)
    if at_once.limit_values(gradients, limit):
        return
    for gradient in gradients:
        gradient.clamp_(min=-limit, max=limit)
