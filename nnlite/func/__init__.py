"""Functions of functions: gradients, Jacobians, vectorisation. PyTorch's ``torch.func``."""

from __future__ import annotations

from ..autograd._vmap import vmap
from ._forward import hessian, jacfwd, jvp, linearize
from ._modules import functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state
from ._reverse import grad, grad_and_value, jacrev, vjp

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
