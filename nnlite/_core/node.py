"""The graph that backward walks: one node for each recorded operation."""

from __future__ import annotations

import itertools
import os
import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..utils.hooks import RemovableHandle

next_seq = itertools.count(1).__next__
"""Creation numbers. A node's inputs were made before it, so backward visits nodes by falling number."""

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_outside: set[str] = set()
_inside: set[str] = set()
_getframe = sys._getframe


def caller(depth: int = 2) -> tuple[Any, int] | None:
    """Where the user's code is: the code object and instruction of the nearest frame outside the package.

    Args:
        depth: the first frame that may be the user's, 1 being the one that calls this function.

    The line number is worked out only when it is asked for. ``_getframe(depth)`` is asked anew for each frame because
    walking along ``f_back`` would make a frame object of every frame that it passes.
    """
    try:
        while True:
            frame = _getframe(depth)
            code = frame.f_code
            name = code.co_filename
            if name in _outside:
                return code, frame.f_lasti
            if name not in _inside:
                (_inside if name.startswith(PACKAGE) else _outside).add(name)
                continue
            depth += 1
    except ValueError:  # no frame of the user's: the package runs as the program
        return None


def location(where: tuple[Any, int] | None) -> str:
    """``file:line`` of what ``caller`` noted."""
    if where is None:
        return "an unknown place"
    code, instruction = where
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= instruction < end and number is not None:
            line = number
    return f"{code.co_filename}:{line}"


class Hooks:
    """The hooks of a node, called in order of registration."""

    __slots__ = ("after", "before", "metadata", "post")

    def __init__(self) -> None:
        self.metadata: dict[Any, Any] = {}
        self.before: OrderedDict[int, Callable[[Any], Any]] = OrderedDict()
        self.after: OrderedDict[int, Callable[[Any, Any], Any]] = OrderedDict()
        self.post: OrderedDict[int, Callable[[Any], Any]] = OrderedDict()


def add_hook(hooks: OrderedDict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    """Register a hook and return the handle that removes it."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _one_of(new: Any, old: Any) -> Any:
    """What a pre-hook returned, in the form in which the engine passes gradients."""
    if new is None or isinstance(old, list):
        return new
    return new[0] if isinstance(new, tuple | list) else new


class GraphNode:
    """What all nodes offer to users: name, hooks, the nodes before it."""

    __slots__ = ()

    hooks: Any  # Hooks or None, a slot of each subclass
    edges: tuple[Any, ...]

    def name(self) -> str:
        """PyTorch's name of the operation's derivative, such as ``AddmmBackward0``."""
        raise NotImplementedError

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that made the inputs, each with the number of the output that was the input."""
        return tuple((edge.parent, edge.index) if type(edge) is OutputNode else (edge, 0) for edge in self.edges)

    def all_hooks(self) -> Hooks:
        """The node's hooks, made at first use."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for the user."""
        return self.all_hooks().metadata

    def register_hook(self, fn: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after the node's derivative; what it returns replaces grad_inputs."""
        return add_hook(self.all_hooks().after, fn)

    def register_prehook(self, fn: Callable[[Any], Any]) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before the node's derivative; what it returns replaces grad_outputs."""
        return add_hook(self.all_hooks().before, lambda g: _one_of(fn(g if isinstance(g, list) else (g,)), g))

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"


class Node(GraphNode):
    """One recorded operation.

    Attributes:
        op: the operation; ``op.backward(f, g, node, saved)`` is its vector-Jacobian product.
        edges: for each array input the node that made it, None where no gradient is wanted.
        saved: arrays kept for the rule, None once they were freed.
        versions: version cell and version when saved, for each saved array that has one, in one tuple; or None.
        attrs: keyword attributes of the call.
        shapes: shapes of the array inputs; None where the rule can do without.
        where: the user's line, see ``caller``.
        outputs: the number of outputs where there are several; the gradient is a list then.
    """

    __slots__ = (
        "__weakref__",
        "attrs",
        "edges",
        "hooks",
        "op",
        "outputs",
        "saved",
        "seq",
        "shapes",
        "versions",
        "where",
    )

    op: Any
    saved: Any
    versions: Any
    attrs: Any
    shapes: Any
    where: tuple[Any, int] | None
    outputs: int
    seq: int

    def name(self) -> str:
        return self.op.display(self)

    @property
    def location(self) -> str:
        """``file:line`` of the forward operation."""
        return location(self.where)


class OutputNode(GraphNode):
    """One output of an operation with several: puts its gradient in its place in the operation's list."""

    __slots__ = ("__weakref__", "hooks", "index", "parent", "seq")

    op = None

    def __init__(self, parent: Node, index: int) -> None:
        self.parent = parent
        self.index = index
        self.hooks = None
        self.seq = next_seq()

    @property
    def edges(self) -> tuple[Any, ...]:  # type: ignore[override]
        return (self.parent,)

    def name(self) -> str:
        return self.parent.name()


class AccumulateGrad(GraphNode):
    """The end of the graph at a leaf: adds up the leaf's ``.grad``."""

    __slots__ = ("__weakref__", "hooks", "ref", "seq")

    op = None
    edges = ()

    def __init__(self, tensor: Any) -> None:
        # Weak: the tensor holds this node. A leaf that nobody can see any more needs no gradient.
        self.ref = weakref.ref(tensor)
        self.hooks = None
        self.seq = next_seq()

    @property
    def variable(self) -> Any:
        """The leaf."""
        return self.ref()

    def name(self) -> str:
        return "AccumulateGrad"
