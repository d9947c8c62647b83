"""Gamma and Dirichlet numbers that can be differentiated by their parameters; what ``distributions`` is made of."""

from __future__ import annotations

import functools
from typing import Any

from .._core import distributions, implicit
from .._core.device import device_of
from .._core.op import TensorBase, check_same_device, not_a_tensor
from .._core.tensor_base import wrap
from ..backends import backend_of
from ..ops._public import public
from .draws import float_kind


def _arrays(name: str, kernel: str, *tensors: Any) -> list[Any]:
    """The raw arrays of floating-point tensors."""
    for position, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise not_a_tensor(name, position, t)
        float_kind(t._a, kernel)
    arrays = [t._a for t in tensors]
    check_same_device(name, arrays)
    return arrays


def _worked_out(formula: Any, arrays: list[Any]) -> Any:
    """A formula of raw arrays, float16 and bfloat16 in float32."""
    kind = arrays[0].dtype
    work = "float32" if kind.itemsize == 2 else kind
    return wrap(formula(backend_of(arrays[0]), *(a.astype(work, copy=False) for a in arrays)).astype(kind, copy=False))


@public(method=False)
def _standard_gamma(input: Any, generator: Any = None) -> Any:
    """Gamma numbers of scale 1 with the shape parameters that the input gives; the gradient is the implicit one.

    Raises:
        NotImplementedError: the input holds integers.

    Example:
        >>> import nnlite
        >>> a = nnlite.full((3,), 2.0, requires_grad=True)
        >>> nnlite._standard_gamma(a).sum().backward()
        >>> bool((a.grad > 0).all())
        True
    """
    (a,) = _arrays("_standard_gamma", "gamma_cpu", input)
    drawn = wrap(distributions.gamma(a, device_of(a), generator))
    return _drawn_function().apply(input, drawn, _gamma_rule) if input.requires_grad else drawn


def _gamma_rule(g: Any, alpha: Any, drawn: Any) -> Any:
    return g * _standard_gamma_grad(alpha, drawn)


@public(method=False)
def _standard_gamma_grad(input: Any, output: Any) -> Any:
    """How the gamma numbers ``output`` move with their shape parameters ``input``: their implicit derivative."""
    arrays = _arrays("_standard_gamma_grad", "_standard_gamma_grad_cpu", input, output)
    return _worked_out(implicit.gamma_grad, arrays)


@public(method=False)
def _sample_dirichlet(input: Any, generator: Any = None) -> Any:
    """Dirichlet vectors along the last dimension with the concentrations that the input gives; the gradient is the
    implicit one.

    Raises:
        NotImplementedError: the input holds integers.

    Example:
        >>> import nnlite
        >>> abs(nnlite._sample_dirichlet(nnlite.ones(4)).sum().item() - 1) < 1e-6
        True
    """
    (a,) = _arrays("_sample_dirichlet", "dirichlet", input)
    drawn = wrap(distributions.dirichlet(a, device_of(a), generator))
    return _drawn_function().apply(input, drawn, _dirichlet_rule) if input.requires_grad else drawn


def _dirichlet_rule(g: Any, alpha: Any, drawn: Any) -> Any:
    total = alpha.sum(-1, True).expand(alpha.shape)
    return _dirichlet_grad(drawn, alpha, total) * (g - (drawn * g).sum(-1, True))


@public(method=False)
def _dirichlet_grad(x: Any, alpha: Any, total: Any) -> Any:
    """How the parts ``x`` of Dirichlet vectors move with their concentrations ``alpha``, of sum ``total``.

    The derivative of the beta number x by alpha with total - alpha fixed, over 1 - x.
    """
    return _worked_out(implicit.dirichlet_grad, _arrays("_dirichlet_grad", "_dirichlet_grad_cpu", x, alpha, total))


@functools.cache
def _drawn_function() -> Any:
    """The function that hands a drawn tensor on and gives the rule's gradient to its parameters."""
    from ..autograd.function import Function, once_differentiable

    class Drawn(Function):
        @staticmethod
        def forward(ctx: Any, alpha: Any, drawn: Any, rule: Any) -> Any:
            ctx.save_for_backward(alpha, drawn)
            ctx.rule = rule
            return drawn.clone()

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Any) -> Any:
            alpha, drawn = ctx.saved_tensors
            return ctx.rule(g, alpha, drawn), None, None

    return Drawn
