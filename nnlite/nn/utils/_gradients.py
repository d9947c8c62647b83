"""What is done to the gradients of many parameters at once, where a backend has a way of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._core.tensor_base import wrap
from ...backends.kernels import GENERIC
from ...backends.registry import tables
from ...tensor import Tensor


def multi_norm(xp: Any, arrays: Sequence[Any], *, order: float) -> Any:
    """The norm of several arrays as of one vector, an array without dimensions. None: the caller computes it."""
    return None


def multi_limit_norm(xp: Any, arrays: Sequence[Any], norm: Any, *, most: float) -> bool:
    """Multiply arrays by min(1, most / (norm + 1e-6)), in place; whether it was done."""
    return False


def multi_limit_values(xp: Any, arrays: Sequence[Any], *, limit: float) -> bool:
    """Cut the elements of arrays to [-limit, limit], in place; whether it was done."""
    return False


def multi_unscale(xp: Any, arrays: Sequence[Any], inverse: Any) -> Any:
    """Multiply arrays by ``inverse``, in place. 1.0 if an element was not finite, else 0.0, as an array without
    dimensions; None: nothing was done."""
    return None


for _body in (multi_norm, multi_limit_norm, multi_limit_values, multi_unscale):
    GENERIC[_body.__name__] = _body


def _at_once(name: str, tensors: Sequence[Tensor], *others: Any, **attributes: Any) -> Any:
    """One of the above on tensors of one device; None where there is no such kernel."""
    first = tensors[0]
    table = tables[type(first._a)]
    if name not in table.overrides_ or any(
        type(t._a) is not type(first._a) or t.device != first.device for t in tensors
    ):
        return None
    backend = table.backend_
    with backend.use(backend.index_of(first._a)):
        return getattr(table, name)([t._a for t in tensors], *others, **attributes)


def norm(tensors: Sequence[Tensor], order: float) -> Tensor | None:
    """The norm of all elements; None if it has to be computed tensor by tensor."""
    found = _at_once("multi_norm", tensors, order=order)
    return None if found is None else wrap(found)


def limit_norm(tensors: Sequence[Tensor], total: Tensor, most: float) -> bool:
    """Multiply tensors by min(1, most / (total + 1e-6)), if it can be done at once."""
    if not tensors or total.device != tensors[0].device:
        return False
    return _written(tensors, _at_once("multi_limit_norm", tensors, total._a, most=most))


def limit_values(tensors: Sequence[Tensor], limit: float) -> bool:
    """Cut elements to [-limit, limit], if it can be done at once."""
    return bool(tensors) and _written(tensors, _at_once("multi_limit_values", tensors, limit=limit))


def unscale(tensors: Sequence[Tensor], inverse: Tensor) -> Tensor | None:
    """Multiply tensors by ``inverse`` and tell whether one was not finite (0 or 1); None if it takes several steps."""
    found = _at_once("multi_unscale", tensors, inverse._a)
    return wrap(found) if _written(tensors, found is not None) else None


def _written(tensors: Sequence[Tensor], done: Any) -> bool:
    """Count a write to each tensor, if they were written."""
    if done:
        for t in tensors:
            t._vc[0] += 1
    return bool(done)
