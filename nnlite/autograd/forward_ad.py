"""Forward-mode differentiation: tensors that carry a tangent.

There is no forward rule for each operation. A dual tensor is recorded like any other, and its tangent is worked out
when it is asked for, from the graph: the derivative of the vector-Jacobian product by its vector. So the results are
those of forward mode, at about one and a half times its cost, and the graph is kept as long as the tensors are.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from .._core import engine
from .._core.grad_mode import mode
from .._core.op import recorded
from .._core.tensor_base import make_leaf
from .._core.views import detached, node_of
from .functional import zeros_like

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class _Level:
    """The dual tensors of one level, each with its tangent, and what recording was before."""

    def __init__(self, outer: bool) -> None:
        self.outer = outer
        self.nodes: list[Any] = []
        self.tangents: list[Any] = []


class _Levels(threading.local):
    def __init__(self) -> None:
        self.stack: list[_Level] = []


_levels = _Levels()


class UnpackedDualTensor(NamedTuple):
    """A tensor's value and its tangent, None where it has none."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Begin a level; recording is on inside. Returns its number.

    Raises:
        RuntimeError: one has begun already.
    """
    if _levels.stack:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.stack.append(_Level(mode.grad))
    mode.grad = True
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level; its tensors have no tangents any more.

    Raises:
        RuntimeError: there is none.
    """
    if not _levels.stack:
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created.")
    mode.grad = _levels.stack.pop().outer


class dual_level:
    """The context in which dual tensors live.

    Example:
        >>> import nnlite
        >>> import nnlite.autograd.forward_ad as fwAD
        >>> with fwAD.dual_level():
        ...     x = fwAD.make_dual(nnlite.tensor(3.0), nnlite.tensor(1.0))
        ...     fwAD.unpack_dual(x * x).tangent
        tensor(6.)
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: Any) -> None:
        exit_dual_level()


def _level(what: str) -> _Level:
    if not _levels.stack:
        raise RuntimeError(
            f"Trying to {what} a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    return _levels.stack[-1]


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """The tensor with a tangent: a view of it.

    Raises:
        ValueError: one of the two is not floating point. RuntimeError: shapes differ, or no level has begun.
    """
    at = _level("create")
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if t._a.dtype.kind not in "fcV":
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")
    if tensor._a.shape != tangent._a.shape:
        raise RuntimeError(
            f"Expected tangent to have the same shape as the primal: {list(tensor._a.shape)}, got "
            f"{list(tangent._a.shape)}"
        )
    node = node_of(tensor)
    dual = make_leaf(detached(tensor)) if node is None else recorded.alias(tensor, shape=tensor._a.shape)
    at.nodes.append(dual._node)
    at.tangents.append(tangent)
    return dual


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """Value and tangent of a tensor.

    Example: see :class:`dual_level`.
    """
    if not _levels.stack:
        return UnpackedDualTensor(tensor, None)
    at = _levels.stack[-1]
    node = node_of(tensor)
    primal = tensor.detach()
    if node is None or not at.nodes:
        return UnpackedDualTensor(primal, None)
    for own, tangent in zip(at.nodes, at.tangents, strict=True):
        if own is node:
            return UnpackedDualTensor(primal, tangent)
    dummy = make_leaf(zeros_like(tensor))
    through = engine.gradients_at([(node, dummy)], at.nodes, True, True)
    roots = [
        (node_of(g), t) for g, t in zip(through, at.tangents, strict=True) if g is not None and node_of(g) is not None
    ]
    if not roots:
        return UnpackedDualTensor(primal, None)
    record = any(node_of(t) is not None for t in at.tangents)
    (found,) = engine.gradients_at(roots, [dummy._node], True, record)
    return UnpackedDualTensor(primal, zeros_like(tensor) if found is None else found)
