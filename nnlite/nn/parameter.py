"""``Parameter`` and ``Buffer``: the tensors that a module notices when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ..creation import empty
from ..tensor import Tensor

__all__ = ["Buffer", "Parameter"]


class _ParameterMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        # A parameter made of a subclass of Tensor stays of that class and carries a mark.
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    r"""A tensor that a :class:`~nnlite.nn.Module` lists among its parameters when it is assigned to it.

    Args:
        data (Tensor, optional): the values. The parameter shares the memory of this tensor. Default: an empty tensor.
        requires_grad (bool, optional): whether the parameter is to be learned. Default: ``True``

    Shape:
        Any; the shape of ``data``.

    Raises:
        AttributeError: ``data`` is not a tensor.
        RuntimeError: ``data`` is neither of floating point nor complex and ``requires_grad`` is true.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Parameter(nnlite.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = empty(0)
        kind = type(data)
        if requires_grad and isinstance(data, Tensor) and not (data.is_floating_point() or data.is_complex()):
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients; "
                f"Parameter() got {data.dtype}, pass requires_grad=False"
            )
        if kind is Tensor or kind is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        if not isinstance(data, Tensor):
            raise AttributeError(
                f"Parameter(): expected a Tensor, got {kind.__module__}.{kind.__qualname__}, which has no attribute "
                "'detach'; make a tensor of it first, with nnlite.tensor(data)"
            )
        made = data.detach().requires_grad_(requires_grad)
        if type(made) is not kind:
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {kind.__name__} requires that detach() returns an "
                f"instance of the same type, but it returned a {type(made).__name__}; let {kind.__name__}.detach() "
                f"return a {kind.__name__}, or pass Parameter a plain Tensor"
            )
        made._is_param = True
        return made

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        """Nothing to do: ``__new__`` made the parameter."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        copy = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __repr__(self) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        arguments: tuple[Any, ...] = (self.data, self.requires_grad, OrderedDict())
        attributes = {name: value for name, value in self.__dict__.items() if not name.startswith("_")}
        if attributes:
            return _rebuild_parameter_with_state, (*arguments, attributes)
        return _rebuild_parameter, arguments


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any) -> Parameter:
    """The inverse of :meth:`Parameter.__reduce_ex__`, with the arguments that PyTorch's function of this name has."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, hooks: Any, state: dict[str, Any]) -> Parameter:
    parameter = Parameter(data, requires_grad)
    parameter.__dict__.update(state)
    return parameter


class _BufferMeta(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return type.__instancecheck__(cls, instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    r"""A tensor that a :class:`~nnlite.nn.Module` lists among its buffers when it is assigned to it.

    A buffer is a part of the module's state, moves with it between devices, and is not learned: a running mean, say.
    What the call returns is a tensor of the class of ``data`` with a mark, for which ``isinstance(t, Buffer)`` is true.

    Args:
        data (Tensor, optional): the values. The buffer shares the memory of this tensor. Default: an empty tensor.
        persistent (bool, optional): whether ``state_dict`` holds the buffer. Default: ``True``

    Example:
        >>> import nnlite
        >>> module = nnlite.nn.Module()
        >>> module.mean = nnlite.nn.Buffer(nnlite.zeros(2))
        >>> module.state_dict()
        OrderedDict([('mean', tensor([0., 0.]))])
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = empty(0)
        if not isinstance(data, Tensor):
            raise AttributeError(
                f"Buffer(): expected a Tensor, got {type(data).__module__}.{type(data).__qualname__}, which has no "
                "attribute 'detach'; make a tensor of it first, with nnlite.tensor(data)"
            )
        made: Any = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made
