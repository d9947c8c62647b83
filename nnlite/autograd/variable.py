"""``Variable``, which tensors have been since PyTorch 0.4."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor

__all__ = ["Variable"]


class _VariableMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableMeta):
    """``Variable(tensor)`` is a tensor over the same storage; every tensor is a Variable.

    Args:
        data: a tensor.
        requires_grad: whether operations on the result are recorded.
        volatile: as in PyTorch, it does nothing; use ``no_grad``.

    Raises:
        TypeError: ``data`` is no tensor.

    Example:
        >>> import nnlite
        >>> from nnlite.autograd import Variable
        >>> x = Variable(nnlite.ones(2), requires_grad=True)
        >>> x, isinstance(x, Variable)
        (tensor([1., 1.], requires_grad=True), True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if data is None:
            return Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        made = data.detach()
        return made.requires_grad_() if requires_grad else made
