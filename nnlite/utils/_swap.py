"""``swap_tensors``."""

from __future__ import annotations

from typing import Any


def swap_tensors(t1: Any, t2: Any) -> None:
    """Let two tensors of the same class change places: each object becomes the other tensor.

    Raises:
        RuntimeError: they are of different classes, or views.

    Example:
        >>> import nnlite
        >>> a, b = nnlite.zeros(1), nnlite.ones(2)
        >>> nnlite.utils.swap_tensors(a, b)
        >>> a, b
        (tensor([1., 1.]), tensor([0.]))
    """
    if type(t1) is not type(t2) or t1._view is not None or t2._view is not None:
        raise RuntimeError("swap_tensors(): expected two tensors of one class that are no views, got "
                           f"{type(t1).__name__} and {type(t2).__name__}")  # fmt: skip
    needs = t1.requires_grad, t2.requires_grad
    grads = t1.grad, t2.grad
    if (t1.requires_grad and not t1.is_leaf) or (t2.requires_grad and not t2.is_leaf):
        raise RuntimeError("swap_tensors(): expected leaves; a result of an operation has its place in the graph")
    t1.data, t2.data = t2.data, t1.data
    t1.requires_grad_(needs[1])
    t2.requires_grad_(needs[0])
    t1.grad, t2.grad = grads[1], grads[0]
