"""Views, and writing in place.

A view remembers its base and the operations that lead from the base to it. Writing in place to any tensor of a storage
moves the storage's version. Writing a recorded value to a view gives the *base* a new node, ``CopySlices``, which says
that part of the base was replaced; a view whose base has a new node makes its own node anew, when it is next used, by
running its operations again on the base. (PyTorch does the same:
https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd)
"""

from __future__ import annotations

import weakref
from typing import Any

from .grad_mode import mode
from .node import AccumulateGrad, Node, add_hook, caller, next_seq
from .tensor_base import TensorBase, wrap


class PartOf:
    """In the chain of a view: output ``index`` of an operation that gives several views.

    No recorded operation writes to such a view, nor may one be used after its base was written to: the operation's
    derivative knows nothing of either.
    """

    __slots__ = ("index", "name")

    def __init__(self, name: str, index: int) -> None:
        self.name = name
        self.index = index


class View:
    """What a tensor is a view of.

    Attributes:
        base: the tensor that owns the storage.
        chain: ``(operation, attributes)`` pairs that lead from the base to the view; ``PartOf`` in place of an
            operation that gives several.
        base_node: the base's node when the view's own node was made.
        recorded: False when it was made under ``no_grad``.
    """

    __slots__ = ("base", "base_node", "chain", "recorded")

    base: Any
    base_node: Any
    chain: tuple[Any, ...]
    recorded: bool


def live_node(t: TensorBase) -> Any:
    """The node of a view, made anew if its base was written to since."""
    view = t._view
    base = view.base if view.base._view is None else base_of(view)
    base_node = base._node
    if view.base_node is not base_node:
        part = _part_of(view)
        if part is not None and base_node is not None and type(base_node) is not AccumulateGrad:
            raise RuntimeError(
                f"Output {part.index} of {part.name} is a view and its base or another view of its base has been "
                f"modified inplace. {_SEVERAL}"
            )
        view.base_node = base_node
        if part is not None:
            return t._node
        if base_node is None:
            t._node = None
        else:
            outer, mode.grad = mode.grad, True
            try:
                t._node = _replay(view.chain, base)._node
            finally:
                mode.grad = outer
    return t._node


_SEVERAL = (
    "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
    "to be modified inplace. You should replace the inplace operation by an out-of-place one."
)


def _part_of(view: View) -> PartOf | None:
    """What says that the view is one of several, or a view of one of these; None where it is not."""
    for op, _ in view.chain:
        if type(op) is PartOf:
            return op
    return None


def base_of(view: View) -> Any:
    """The tensor that owns the storage in the shape from which the view's operations lead on.

    A base that is reshaped in place (``squeeze_``) becomes a view itself, of a tensor that keeps the former shape.
    """
    base = view.base
    while base._view is not None:
        base = base._view.base
    view.base = base
    return base


def _replay(chain: tuple[Any, ...], source: Any) -> Any:
    for op, attrs in chain:
        source = op.call(source, **attrs)
    return source


def _replay_raw(chain: tuple[Any, ...], array: Any) -> Any:
    for op, attrs in chain:
        array = op.impl[type(array)](array, **attrs)
    return array


def node_of(t: TensorBase) -> Any:
    """The node of a tensor that is up to date."""
    return t._node if t._view is None else live_node(t)


def check_in_place(t: TensorBase, name: str) -> None:
    """Raise unless a recorded operation may write to ``t``."""
    node = node_of(t)
    part = None if t._view is None else _part_of(t._view)
    if part is not None:
        raise RuntimeError(
            f"Output {part.index} of {part.name} is a view and is being modified inplace. {_SEVERAL} ({name})"
        )
    if type(node) is AccumulateGrad:
        raise RuntimeError(
            "a leaf Variable that requires grad is being used in an in-place operation. "
            f"({name}: write to it under nnlite.no_grad(), or use the operation that makes a new tensor.)"
        )
    view = t._view
    if view is None:
        return
    if type(base_of(view)._node) is AccumulateGrad:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation. "
            f"({name}: write to it under nnlite.no_grad(), or clone the leaf first.)"
        )
    if not view.recorded:
        raise RuntimeError(
            "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
            f"({name}: make the view outside no_grad, or do both inside it.)"
        )


def rebase(t: TensorBase, node: Any) -> None:
    """Make ``node`` the origin of ``t``'s new values; ``node.edges[0]`` is where the old values came from."""
    view = t._view
    if view is None:
        t._node = node
    else:
        _rebase_view(t, view, node)
    if t._retain is not None:
        handle, hook = t._retain
        handle.remove()
        t.__dict__["_retain"] = add_hook(t._node.all_hooks().before, hook), hook


def _rebase_view(t: TensorBase, view: View, node: Node) -> None:
    base = base_of(view)
    copy = Node()
    copy.op = COPY_SLICES
    copy.edges = (base._node, *node.edges[1:])
    copy.saved = node.saved
    copy.versions = node.versions
    copy.attrs = {"inner": node, "chain": view.chain, "layout": _layout(base._a)}
    node.saved = None
    copy.shapes = ()
    copy.hooks = None
    copy.where = caller()
    copy.seq = next_seq()
    base._node = copy
    copy.attrs["view_node"] = weakref.ref(live_node(t))


def _layout(array: Any) -> tuple[int, ...] | None:
    """The order of axes by falling stride, None where it is the ordinary one."""
    if array.flags.c_contiguous:
        return None
    strides = array.strides
    return tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))


def _copy_in_layout(xp: Any, array: Any, layout: tuple[int, ...] | None) -> Any:
    """A copy of ``array`` whose memory order lets the base's views be taken of it."""
    if layout is None:
        return xp.array(array, order="C")
    inverse = sorted(range(len(layout)), key=layout.__getitem__)
    return xp.array(array.transpose(layout), order="C").transpose(inverse)


class _CopySlices:
    """Part of the base was replaced by the result of an in-place operation on a view of it."""

    composite = None

    def display(self, node: Node) -> str:
        return "CopySlices"

    def origin(self, node: Node, position: int) -> Any:
        inner = node.attrs["inner"]
        origin = inner.op.origin(inner, position)
        if origin is not inner:
            return origin
        origin = node.attrs["view_node"]()
        if origin is None:
            raise RuntimeError(
                f"double backward through {inner.name()} on a view that no longer exists: keep the view, or use the "
                "operation that makes a new tensor"
            )
        return origin

    def backward(self, f: Any, g: Any, node: Node, saved: Any) -> tuple[Any, ...]:
        inner, chain = node.attrs["inner"], node.attrs["chain"]
        if isinstance(g, TensorBase):
            rest: Any = g.clone()
            window = _replay(chain, rest)
            grads = inner.op.backward(f, window.clone(), inner, saved)
            if grads[0] is None:
                window.zero_()
            else:
                window.copy_(grads[0])
            return (rest, *grads[1:])
        rest = _copy_in_layout(f.backend_.xp, g, node.attrs["layout"])
        window = _replay_raw(chain, rest)
        grads = inner.op.backward(f, f.backend_.xp.array(window), inner, saved)
        window[...] = 0 if grads[0] is None else grads[0]
        return (rest, *grads[1:])


COPY_SLICES = _CopySlices()


def detached(t: TensorBase) -> Any:
    """The same storage and version, without a graph."""
    d = wrap(t._a)
    d._vc = t._vc
    return d
