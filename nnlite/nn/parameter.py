"""``Parameter`` and ``Buffer``: the tensors that a module notices when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .._core.tensor_base import TensorBase, wrap
from ..creation import empty
from ..tensor import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


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


_array = TensorBase.__dict__["_a"]
"""The slot of the array, which uninitialised tensors hide."""


def _moved(name: str) -> Any:
    """The method ``name`` of tensors for an uninitialised one: the device and dtype change, there are no values."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.data = getattr(self.data, name)(*args, **kwargs)
        return self

    method.__name__ = method.__qualname__ = name
    return method


class UninitializedTensorMixin:
    """What parameters and buffers have in common whose shape is not known yet.

    Any use of the values or the shape raises ValueError or RuntimeError. Behind it is an empty array, which has the
    device and the dtype.
    """

    cls_to_become: type[Any]

    @property
    def _a(self) -> Any:
        raise ValueError(
            "Attempted to use an uninitialized parameter or buffer. This error happens when you are using a "
            "`LazyModule` or explicitly manipulating `torch.nn.parameter.UninitializedParameter` objects. When using "
            "LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    @_a.setter
    def _a(self, array: Any) -> None:
        _array.__set__(self, array)

    @property
    def data(self) -> Any:
        """An empty tensor with the device and the dtype."""
        return wrap(_array.__get__(self))

    @data.setter
    def data(self, value: Any) -> None:
        _array.__set__(self, _array.__get__(value))

    @property
    def shape(self) -> Any:
        """Not known yet: raises RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    @property
    def dtype(self) -> Any:
        """The type that the elements will have."""
        return self.data.dtype

    @property
    def device(self) -> Any:
        """Where the elements will be."""
        return self.data.device

    def is_floating_point(self) -> bool:
        """Whether the elements will be of floating point."""
        return bool(self.data.is_floating_point())

    def is_complex(self) -> bool:
        """Whether the elements will be complex."""
        return bool(self.data.is_complex())

    for _name in ("to", "cpu", "cuda", "float", "double", "half", "bfloat16", "type"):
        vars()[_name] = _moved(_name)
    del _name

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or buffer, without values, of this shape.

        Args:
            shape: the sizes.
            device, dtype: those of the uninitialised one unless given.

        Example:
            >>> import nnlite
            >>> p = nnlite.nn.UninitializedParameter()
            >>> p.materialize((2, 3))
            >>> p.shape
            torch.Size([2, 3])
        """
        made = empty(shape, device=device or self.device, dtype=dtype or self.dtype)
        self.__class__ = self.cls_to_become
        self._a = made._a

    def share_memory_(self) -> Any:
        """Not possible: raises RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)  # type: ignore[call-arg, attr-defined]
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires_grad, str(self.device), self.dtype)  # type: ignore[attr-defined]


def is_lazy(param: Any) -> bool:
    """Whether it is a parameter or buffer whose shape is not known yet.

    Example:
        >>> import nnlite
        >>> nnlite.nn.parameter.is_lazy(nnlite.nn.LazyLinear(2).weight)
        True
    """
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose shape is not known yet; :meth:`materialize` makes an ordinary parameter of it.

    Args:
        requires_grad: whether the parameter is to be learned.
        device, dtype: what it will have.

    Example:
        >>> import nnlite
        >>> nnlite.nn.UninitializedParameter()
        <UninitializedParameter>
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        """Nothing to do: ``__new__`` made the parameter."""


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer whose shape is not known yet; :meth:`materialize` makes an ordinary tensor of it.

    Args:
        requires_grad: whether a gradient is wanted.
        device, dtype: what it will have.
        persistent: whether ``state_dict`` will hold it.

    Example:
        >>> import nnlite
        >>> nnlite.nn.UninitializedBuffer()
        <UninitializedBuffer>
    """

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        made = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made

    def __init__(
        self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> None:
        """Nothing to do: ``__new__`` made the buffer."""
