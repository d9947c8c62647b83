"""What the transforms share: inputs that are tracked apart from everything else, and what depends on the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from .._core import engine
from .._core.grad_mode import mode
from .._core.node import next_seq
from .._core.op import TensorBase, recorded
from .._core.tensor_base import make_leaf, wrap
from .._core.views import detached, node_of
from ..autograd._pytree import flatten
from ..backends import backend_of


class Tracker:
    """The inputs of one transform, as tensors of their own.

    An input that itself depends on something tracked becomes a view, so that results stay differentiable by it;
    any other becomes a leaf.
    """

    def __init__(self) -> None:
        self.start = next_seq()
        self.own: set[int] = set()

    def track(self, x: Any) -> Any:
        node = node_of(x)
        if node is None:
            t = make_leaf(detached(x))
        else:
            t = recorded.alias(x, shape=x._a.shape)
        self.own.add(t._node.seq)
        return t

    def reaches_outside(self, outputs: list[Any]) -> bool:
        """Whether outputs depend on tensors that require grad and are not this transform's own."""
        stack = [node_of(t) for t in outputs if isinstance(t, TensorBase)]
        seen: set[int] = set()
        while stack:
            node = stack.pop()
            if node is None or node.seq in seen:
                continue
            seen.add(node.seq)
            if node.seq in self.own:
                if any(edge is not None for edge in node.edges):
                    return True
                continue
            if node.seq < self.start:  # leaves made since are those of transforms inside this one
                return True
            stack.extend(node.edges)
        return False


@contextlib.contextmanager
def recording() -> Iterator[bool]:
    """Record, also under ``no_grad``; gives whether results were to be recorded before."""
    outer, mode.grad = mode.grad, True
    try:
        yield outer
    finally:
        mode.grad = outer


def released(tree: Any, keep: bool) -> Any:
    """Results as the caller gets them: without the transform's own graph unless they lead outside."""
    if keep:
        return tree
    leaves, rebuild = flatten(tree)
    return rebuild([x.detach() if isinstance(x, TensorBase) else x for x in leaves])


def gradients(outputs: list[Any], cotangents: list[Any], inputs: list[Any], retain: bool, create: bool) -> list[Any]:
    """The vector-Jacobian product; zeros for inputs that were not used."""
    roots = [(node_of(y), v) for y, v in zip(outputs, cotangents, strict=True) if node_of(y) is not None]
    nodes = [x._node for x in inputs]
    found = engine.gradients_at(roots, nodes, retain or create, create) if roots else [None] * len(nodes)
    return [zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def zeros_like(x: Any) -> Any:
    """Zeros without a graph."""
    return wrap(backend_of(x._a).xp.zeros_like(x._a))


def ones_like(x: Any) -> Any:
    """Ones without a graph."""
    return wrap(backend_of(x._a).xp.ones_like(x._a))


def tensors_in(name: str, what: str, tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """The leaves of a tree that has to be made of tensors.

    Raises:
        RuntimeError: it is not.
    """
    leaves, rebuild = flatten(tree)
    for x in leaves:
        if not isinstance(x, TensorBase):
            raise RuntimeError(f"{name}: Expected {what} to contain only Tensors, got unsupported type {type(x)}")
    return leaves, rebuild


def with_aux(name: str, out: Any, has_aux: bool) -> tuple[Any, Any]:
    """Output and the rest of what a function returned."""
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True; got "
            f"{type(out).__name__}"
        )
    return out
