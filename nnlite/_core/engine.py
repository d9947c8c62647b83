"""Backward: one heap of creation numbers.

A node's inputs are older than it, so the largest number in the heap always has its gradient complete. There is no
recursion and no pass over the graph beforehand; ``gradients_at`` alone looks ahead, to leave out what does not lead to
the tensors it was asked for.
"""

from __future__ import annotations

import sys
import threading
from heapq import heappop, heappush, heappushpop
from typing import Any

import numpy as np

from ..backends.registry import loaded_backends, tables
from . import dtypes
from .anomaly import anomaly, look_for_nan, tell_of
from .batched.array import BatchedArray
from .batched.crossing import derivative_by_example, settle
from .grad_mode import mode
from .node import AccumulateGrad, Node, OutputNode
from .op import cast, recorded
from .operation import RECORDABLE
from .saved import FREED
from .tensor_base import TensorBase, wrap
from .views import node_of


def run(
    roots: list[tuple[Any, Any]], retain: bool, create: bool, wanted: set[int] | None = None, catch: Any = ()
) -> dict[int, Any]:
    """Walk the graph from ``roots``.

    Args:
        roots: (node, gradient tensor) pairs.
        retain: keep the saved arrays.
        create: record the walk itself, so that it can be differentiated.
        wanted: the ``seq`` of the nodes to visit; None visits all and adds to the leaves' ``.grad``.
        catch: the nodes whose gradients are returned, by ``seq``.
    """
    walk = _Walk(roots, retain, create, wanted, {node.seq for node in catch})
    outer = mode.grad
    mode.grad = create
    devices = [(backend, backend.current_index()) for backend in loaded_backends() if backend.several]
    _current.walks.append(walk)
    try:
        for node, g in roots:
            walk.add(node, g if create else g._a)
        walk.run()
    finally:
        mode.grad = outer
        _current.walks.pop()
        for backend, index in devices:
            backend.set_current(index or 0)
    return walk.caught


class _Current(threading.local):
    def __init__(self) -> None:
        self.walks: list[_Walk] = []


_current = _Current()


def running() -> Any:
    """What stands for the backward that is running in this thread. It can be referred to weakly."""
    return _current.walks[-1]


def gradient_of(edge: Any) -> Any:
    """The array that a rule may add to, in place of giving back the gradient of this input, or None.

    It is the leaf's gradient so far, where the running backward would add to that and nobody would see what came.
    """
    if type(edge) is not AccumulateGrad or edge.hooks is not None or not _current.walks:
        return None
    leaf = edge.ref()
    if leaf is None or leaf._grad is None or leaf._node is not edge or _current.walks[-1].wanted is not None:
        return None
    old = leaf._grad
    if anomaly.on or old.requires_grad or type(old._a) is not type(leaf._a):
        return None
    old._vc[0] += 1
    return old._a


def added_up(node: Any, like: Any) -> Any:
    """The array that the rule of ``node``, which has one input, may add to in place of giving back its gradient.

    It is what the running backward has added up for this input so far, of the type and dtype of ``like``. With None the
    rule has to give back an array that nobody else has: the next rule may add to that.
    """
    walk, edge = _current.walks[-1], node.edges[0]
    if walk.at is not node or edge is None or node.hooks is not None or isinstance(like, BatchedArray):
        return None
    key = -edge.seq
    before = walk.pending.get(key)
    if before is None:
        walk.owned.add(key)
        return None
    total = before[1]
    return total if key in walk.owned and type(total) is type(like) and total.dtype == like.dtype else None


def reachable(run: Any) -> set[int]:
    """The ``seq`` of the nodes that a backward visits."""
    wanted = run.wanted
    seen: set[int] = set()
    stack = [node for node, _ in run.roots]
    while stack:
        node = stack.pop()
        if node is not None and node.seq not in seen:
            seen.add(node.seq)
            if wanted is None or node.seq in wanted or type(node) is OutputNode:
                stack.extend(node.edges)
    return seen


class _Walk:
    """The state of one backward walk."""

    __slots__ = (
        "__weakref__", "at", "catch", "caught", "create", "heap", "owned", "pending", "retain", "roots", "wanted",
    )  # fmt: skip

    def __init__(
        self, roots: list[tuple[Any, Any]], retain: bool, create: bool, wanted: set[int] | None, catch: set[int]
    ) -> None:
        self.roots = roots
        self.retain = retain
        self.create = create
        self.wanted = wanted
        self.catch = catch
        self.caught: dict[int, Any] = {}
        self.at: Any = None  # the node whose rule runs, where rules compute with arrays
        # Negative creation numbers of the nodes that a gradient has come for, and these nodes with their gradients.
        self.heap: list[int] = []
        self.pending: dict[int, tuple[Any, Any]] = {}
        # Gradients that the walk itself added up, or that a rule made for it; only these may be written to.
        self.owned: set[int] = set()

    def add(self, node: Any, g: Any) -> None:
        """Add ``g`` to what has come for ``node`` so far."""
        key = -node.seq
        before = self.pending.get(key)
        if before is None:
            self.pending[key] = (node, g)
            heappush(self.heap, key)
        else:
            self.pending[key] = (node, self.sum(key, before[1], g))

    def sum(self, key: int, before: Any, g: Any) -> Any:
        """The sum of two gradients of one node, in place where the first is the walk's own."""
        if key in self.owned and not self.create:
            try:
                before += g  # NumPy's 0-d results are scalars, which += rebinds
                return before
            except TypeError:  # the second is batched
                return g + before
        self.owned.add(key)
        return before + g

    def add_output(self, node: Node, index: int, g: Any) -> None:
        """Put ``g`` in the list of gradients of a node with several outputs."""
        key = -node.seq
        entry = self.pending.get(key)
        if entry is None:
            entry = self.pending[key] = (node, [None] * node.outputs)
            heappush(self.heap, key)
        before = entry[1][index]  # from the output's use as a saved value of its own operation's rule
        entry[1][index] = g if before is None else before + g

    def run(self) -> None:
        heap, pending = self.heap, self.pending
        create, retain, wanted, catch = self.create, self.retain, self.wanted, self.catch
        kind: Any = None
        watched = create or anomaly.on  # batched gradients are seen to below, when the first one comes
        results: Any
        f: Any = recorded
        key = heappop(heap) if heap else None
        while key is not None:
            node, g = pending.pop(key)
            hooks = node.hooks
            if hooks is not None and hooks.before and (wanted is None or -key in wanted or -key in catch):
                g = self.call_before(node, g)
            if catch and -key in catch:
                self.caught[-key] = g
            op = node.op
            if op is None or (wanted is not None and -key not in wanted):
                if type(node) is AccumulateGrad:
                    if wanted is None:
                        self.accumulate(node, g, key)
                elif op is None and (wanted is None or node.parent.seq in wanted):
                    self.add_output(node.parent, node.index, g)
                key = heappop(heap) if heap else None
                continue
            saved = node.saved
            if saved is None:
                raise RuntimeError(FREED + f" ({node.name()}, recorded at {node.location})")
            v = node.versions  # compared in a row, since most nodes saved one array or two
            if v is not None and (
                v[0][0] != v[1] or (len(v) > 2 and (v[2][0] != v[3] or (len(v) > 4 and _moved(v))))
            ):  # fmt: skip
                raise _changed(node)
            if create:
                saved = _as_tensors(node, saved)
            elif type(g) is not kind:
                f = tables.get(type(g))
                if f is None:
                    f, g = _as_arrays(g)
                kind = type(g) if type(g) is not list else None  # each list has to be looked at
                watched = watched or issubclass(f.backend_.array_type, BatchedArray)
                if f.backend_.several:  # rules compute on the device of their gradient, and the next may be on another
                    f.backend_.follow(g)
                    kind = None
            try:
                if create and op.composite is not None:
                    results = _through_composite(op.composite, g, node, saved)
                else:
                    self.at = None if create else node
                    results = op.backward(f, g, node, saved)
            except Exception as error:
                self.at = None
                results = derivative_by_example(op, g, node, saved)
                if results is None:
                    _name(node, error)
                    raise
            if watched:
                results = self.watch(node, results, g)
            if hooks is not None and hooks.after:
                results = self.call_after(node, results, g)
            if not retain and saved:
                node.saved = None
            saved = None
            key = None
            for edge, r in zip(node.edges, results, strict=False):
                if edge is None or r is None:
                    continue
                k = -edge.seq
                before = pending.get(k)
                if before is not None:
                    pending[k] = (edge, self.sum(k, before[1], r))
                    continue
                pending[k] = (edge, r)
                if key is not None:
                    heappush(heap, key)
                key = k
            # The names above would keep the last gradients alive through the next rule.
            g = r = results = before = None
            if key is not None:
                key = heappushpop(heap, key)
            elif heap:
                key = heappop(heap)

    def accumulate(self, node: AccumulateGrad, g: Any, key: int) -> None:
        """Add to the leaf's gradient."""
        leaf = node.ref()
        if leaf is None or leaf._node is not node:
            return  # nobody sees it, or it does not require grad any more
        raw = g._a if self.create else g
        if raw.dtype != leaf._a.dtype:  # a rule for bfloat16 that left it for float32
            g = cast(g, leaf._a.dtype) if self.create else raw.astype(leaf._a.dtype)
        raw = None  # a second name for the gradient would make ``_own`` copy it
        old = leaf._grad
        if self.create:
            leaf._grad = g if old is None else old + g
        elif old is None:
            leaf._grad = wrap(_own(g, leaf._a, key in self.owned))
        else:
            a = old._a
            a += g
            old._vc[0] += 1
            if type(a) is not type(leaf._a):
                old._a[...] = a
        hooks = node.hooks
        if hooks is not None:
            for hook in tuple(hooks.post.values()):
                hook(leaf)

    def watch(self, node: Node, results: tuple[Any, ...], g: Any) -> tuple[Any, ...]:
        """What only some walks need: sums over the examples of a ``vmap``, the search for NaN."""
        results = settle(node.edges, results)
        if anomaly.on and anomaly.check_nan:
            look_for_nan(node, results)
        return results

    def call_before(self, node: Any, g: Any) -> Any:
        """Run the hooks that see the gradient before the rule does."""
        for hook in tuple(node.hooks.before.values()):
            tensor = g if self.create or type(g) is list else wrap(_array(g))
            if type(g) is list and not self.create:
                tensor = [None if part is None else wrap(part) for part in g]
            new = hook(tensor)
            if new is None:
                continue
            if type(g) is list:
                g = [part if self.create or part is None else part._a for part in new]
            else:
                _check_hook(hook, new, tensor)
                g = new if self.create else new._a
        return g

    def call_after(self, node: Node, results: tuple[Any, ...], g: Any) -> tuple[Any, ...]:
        """Run the hooks that see the gradients of the inputs."""

        def show(values: Any) -> tuple[Any, ...]:
            return tuple(v if v is None or isinstance(v, TensorBase) else wrap(_array(v)) for v in values)

        for hook in tuple(node.all_hooks().after.values()):
            new = hook(show(results), show(g if type(g) is list else (g,)))
            if new is not None:
                new = new if isinstance(new, tuple | list) else (new,)
                results = tuple(v if v is None or self.create else v._a for v in new)
        return results


def _moved(versions: tuple[Any, ...]) -> list[int]:
    """The pairs (cell, version) whose cell has moved on."""
    return [i for i in range(0, len(versions), 2) if versions[i][0] != versions[i + 1]]


def _name(node: Node, error: Exception) -> None:
    """Say in the error which operation's backward it comes from."""
    if anomaly.on:
        tell_of(node)
    error.add_note(f"nnlite: in {node.name()}, the backward of the operation at {node.location}")


def _changed(node: Node) -> RuntimeError:
    i = _moved(node.versions)[0]
    arrays = [a for a in node.saved if type(a) in tables]
    array = arrays[min(i // 2, len(arrays) - 1)]
    name = dtypes.TITLES[dtypes.from_numpy[array.dtype].name]
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[torch.{name}Tensor {list(array.shape)}], which {node.name()} at {node.location} saved, is at version "
        f"{node.versions[i][0]}; expected version {node.versions[i + 1]} instead. Hint: write to a clone(), or use the "
        f"operation that makes a new tensor."
    )


def _as_tensors(node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Saved arrays as tensors that lead back to where they came from."""
    out = []
    for position, value in enumerate(saved):
        if type(value) in tables:
            t = wrap(value)
            if value.dtype.kind in RECORDABLE:
                t._node = node.op.origin(node, position)
            value = t
        out.append(value)
    return tuple(out)


def _through_composite(composite: Any, g: Any, node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Differentiate an operation twice by way of the expression that defines it in terms of simple operations.

    ``saved`` starts with all array inputs. Each gets a node of its own, so that an input that was computed from another
    one is told apart from it.
    """
    inputs = [
        recorded.alias(t, shape=t._a.shape) if edge is not None else t
        for t, edge in zip(saved, node.edges, strict=False)
    ]
    out = composite(*inputs, **node.attrs)
    roots = [(node_of(out), g)] if type(g) is not list else [
        (node_of(o), part) for o, part in zip(out, g, strict=False) if part is not None
    ]  # fmt: skip
    wanted = [t._node for t, edge in zip(inputs, node.edges, strict=False) if edge is not None]
    found = iter(gradients_at(roots, wanted, True, True))
    return tuple(None if edge is None else next(found) for edge in node.edges)


def _as_arrays(g: Any) -> tuple[Any, Any]:
    """The kernel table for a gradient that is a list or one of NumPy's scalars, and the gradient as arrays."""
    if type(g) is list:
        first = next(part for part in g if part is not None)
        if type(first) in tables:
            table = tables[type(first)]
        else:
            table, _ = _as_arrays(first)
        asarray = table.backend_.xp.asarray
        return table, [None if part is None else asarray(part) for part in g]
    table = tables[np.ndarray]
    return table, np.asarray(g)


def _array(g: Any) -> Any:
    return g if type(g) in tables else _as_arrays(g)[1]


def _own(g: Any, like: Any, owned: bool) -> Any:
    """``g`` as an array that nothing else refers to."""
    if type(g) is not type(like):
        return tables[type(like)].backend_.xp.asarray(g)
    if (owned or sys.getrefcount(g) <= _ALONE) and g.base is None:
        return g
    return tables[type(like)].backend_.xp.array(g)


class _Probe:
    """Counts the references that the way from ``_Walk.run`` to ``_own`` itself holds, on this Python."""

    def accumulate(self, node: Any, g: Any, seq: int) -> int:
        return self.own(g, node, False)

    @staticmethod
    def own(g: Any, like: Any, owned: bool) -> int:
        return sys.getrefcount(g)

    def run(self) -> int:
        g = object()
        return self.accumulate(None, g, 0)


_ALONE = _Probe().run()


def _check_hook(hook: Any, new: Any, old: Any) -> None:
    if not isinstance(new, TensorBase):
        raise TypeError(f"expected a Tensor (or None) from a gradient hook, but got {type(new).__name__}")
    if tuple(new._a.shape) != tuple(old._a.shape):
        raise RuntimeError(
            f"hook '{getattr(hook, '__name__', 'hook')}' has changed the size of value: "
            f"expected {list(old._a.shape)}, got {list(new._a.shape)}"
        )
    if new._a.dtype != old._a.dtype:
        was, got = (dtypes.from_numpy[t._a.dtype] for t in (old, new))
        raise RuntimeError(
            f"hook '{getattr(hook, '__name__', 'hook')}' has changed the type of value (was {was} got {got})"
        )


def leads_to(roots: list[Any], targets: set[int]) -> set[int]:
    """The ``seq`` of the nodes on a way from ``roots`` to ``targets`` (targets themselves only if passed through)."""
    if not targets:
        return set()
    oldest = min(targets)
    order: list[Any] = []
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node is None or node.seq in seen or node.seq < oldest:
            continue
        seen.add(node.seq)
        order.append(node)
        stack.extend(node.edges)
    order.sort(key=lambda node: node.seq)
    leading: set[int] = set()
    for node in order:
        for edge in node.edges:
            if edge is not None and (edge.seq in leading or edge.seq in targets):
                leading.add(node.seq)
                break
    return leading


def gradients_at(roots: list[tuple[Any, Any]], nodes: list[Any], retain: bool, create: bool) -> list[Any]:
    """Gradients (tensors or None) that reach ``nodes``; no leaf's ``.grad`` changes."""
    targets = {node.seq for node in nodes}
    wanted = leads_to([node for node, _ in roots], targets)
    caught = run(roots, retain, create, wanted, nodes)
    out = []
    for node in nodes:
        g = caught.get(node.seq)
        if g is None or create:
            out.append(g)
        else:
            out.append(wrap(_array(g)))
    return out
