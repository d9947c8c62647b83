"""The data of a tensor. Its methods stand above the operations, in ``nnlite/tensor.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .node import AccumulateGrad


class TensorBase:
    """Four slots; see "A tensor" in docs/design.md.

    Attributes:
        _a: the raw array.
        _node: the node that made it; a leaf's ``AccumulateGrad``; None where no gradient is wanted.
        _vc: the version cell, a one-element list shared by all tensors over one storage.
        _view: the ``View`` that says what it is a view of, or None.
        _grad: the gradient; a class attribute until there is one.
    """

    __slots__ = ("__dict__", "__weakref__", "_a", "_node", "_vc", "_view")

    _a: Any
    _node: Any
    _vc: list[int]
    _view: Any

    _grad: Any = None
    _retain: Any = None
    """The handle and the hook of ``retain_grad``."""

    if TYPE_CHECKING:  # the methods of nnlite/tensor.py

        def __getattr__(self, name: str) -> Any: ...
        def __int__(self) -> int: ...


tensor_class: type[TensorBase] = TensorBase
"""The class of new tensors; see ``use_tensor_class``."""

_new = object.__new__


def use_tensor_class(cls: type[TensorBase]) -> None:
    """Make new tensors of this class. ``nnlite/tensor.py`` calls it: the class with methods stands above this layer."""
    global tensor_class
    tensor_class = cls


def wrap(array: Any) -> Any:
    """A tensor of a raw array, without a graph. The array is not copied."""
    t = _new(tensor_class)
    t._a = array
    t._node = None
    t._vc = [0]
    t._view = None
    return t


def make_leaf(t: Any) -> Any:
    """Let the tensor collect a gradient."""
    t._node = t.__dict__.pop("_resting_node", None) or AccumulateGrad(t)
    return t
