"""One operation: what the kernel table, the graph and the engine know of it; and the call of a general one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import _index
from .._lazy import Registry
from ..backends.kernels import GENERIC
from ..backends.registry import tables
from . import tensor_base
from .grad_mode import mode
from .node import Node, OutputNode, caller, next_seq
from .operands import as_array, explain, first_foreign, raised
from .tensor_base import wrap
from .views import PartOf, View, live_node, node_of

Rule = Callable[..., tuple[Any, ...]]


class _Batches:
    """``rerun(name, arrays, attributes)``: the operation again where a batched array stands behind one that is the same
    for all examples; None if there is none. ``batched/crossing.py`` puts the real one here."""

    @staticmethod
    def rerun(name: str, raws: Any, attrs: Any) -> Any:
        return None


batches = _Batches()

OUT = -1
"""Stands for "the output" among the sources of saved values; ``OUT - i`` for output ``i`` of several."""

RECORDABLE = "fcV"
"""Kinds of NumPy dtypes that can have gradients: real, complex, and bfloat16."""

_new = object.__new__


class Implementations(dict[type, Callable[..., Any]]):
    """Array class -> the function that computes one operation on it; filled from the kernel tables at first use."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __missing__(self, array_type: type) -> Callable[..., Any]:
        function = self[array_type] = getattr(tables[array_type], self.name)
        return function


class Op:
    """One operation.

    Attributes:
        name: its name in the kernel table and in ``f.<name>``.
        impl: array class -> function of raw arrays.
        call: the function of tensors that computes and records.
        backward: the vector-Jacobian product ``backward(f, g, node, saved) -> gradients``; None where there is none.
        saves: for each saved value the number of the input, ``OUT - i`` for output ``i``, or the name of a residual.
        residuals: how many extra arrays the body returns for the rule after its outputs.
        outputs: 1, the number of outputs, or None where it varies.
        ufunc: whether the body is an array function that takes ``out=``.
        elementwise: whether each element of the result is made of the elements at its place.
        ordered: whether complex numbers are refused, because they have no order.
        to_float: whether integers become floating point numbers first.
        write: ``write(xp, *arrays, **attributes)`` puts the result into the first array (for in-place forms).
        composite: the same function of tensors in terms of simple operations. Where it is set, double backward
            differentiates it; the operation then saves all its array inputs, in order, before anything else.
    """

    def __init__(
        self,
        name: str,
        body: Any,
        *,
        saves: tuple[Any, ...] = (),
        residuals: tuple[str, ...] = (),
        outputs: int | None = 1,
        view: bool = False,
        title: str | Callable[[Node], str] | None = None,
    ) -> None:
        if name in OPS:
            raise ValueError(f"operation {name!r} is defined twice")
        GENERIC[name] = body
        OPS[name] = self
        self.name = name
        self.impl = Implementations(name)
        self.saves = saves
        self.residuals = len(residuals)
        self.outputs = outputs
        self.view = view
        self.ufunc = isinstance(body, str)
        self.elementwise = False
        self.ordered = self.to_float = False
        self.write: Callable[..., None] | None = None
        self.backward: Rule = self._no_derivative
        self.composite: Callable[..., Any] | None = None
        self.call: Callable[..., Any] = _undefined
        self.title = title if title is not None else _camel(name) + "Backward0"
        self._picks = tuple((s, residuals.index(s) if isinstance(s, str) else None) for s in saves)

    def display(self, node: Node) -> str:
        """PyTorch's name of the derivative."""
        return self.title if isinstance(self.title, str) else self.title(node)

    def origin(self, node: Node, position: int) -> Any:
        """The node that made ``saved[position]``, None for a constant; not asked for integers, which have none."""
        source = self.saves[position]
        if isinstance(source, str):
            return None
        if source < 0:
            return node if self.outputs == 1 else OutputNode(node, OUT - source)
        return node.edges[source]

    def keeps(self, edges: tuple[Any, ...]) -> tuple[bool, ...]:
        """For each saved value whether the rule needs it for these inputs' gradients."""
        return (True,) * len(self.saves)

    @property
    def differentiable(self) -> bool:
        """Whether a derivative was given."""
        return self.backward != self._no_derivative

    def _no_derivative(self, f: Any, g: Any, node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        raise NotImplementedError(
            f"the derivative of {self.name} is not implemented; compute it under nnlite.no_grad() or detach its input"
        )


OPS: Registry[Op] = Registry(_index.OPERATIONS)


class _Recorded:
    """``f`` under ``create_graph``: the recorded operations, by the names that kernel tables have."""

    def __getattr__(self, name: str) -> Any:
        try:
            call = OPS.find(name).call
        except KeyError:
            raise AttributeError(f"no operation is called {name!r}") from None
        setattr(self, name, call)
        return call


recorded = _Recorded()


def cast(x: Any, numpy_dtype: Any) -> Any:
    """The tensor in another dtype, recorded."""
    return OPS["cast"].call(x, dtype=numpy_dtype, source=x._a.dtype)


def _undefined(*inputs: Any, **attrs: Any) -> Any:
    raise NotImplementedError("the operation has no call yet")


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def publish(op: Op, call: Callable[..., Any]) -> Any:
    """Make ``call`` the operation's call; it carries the decorators ``vjp`` and ``composite``, and ``op``."""

    def vjp(rule: Rule) -> Rule:
        op.backward = (
            (lambda f, g, node, saved: rule(f, g, node, *saved))
            if op.saves
            else (lambda f, g, node, saved: rule(f, g, node))
        )
        return rule

    def composite(function: Callable[..., Any]) -> Callable[..., Any]:
        op.composite = function
        return function

    call.__name__ = call.__qualname__ = op.name
    call.op = op  # type: ignore[attr-defined]
    call.vjp = vjp  # type: ignore[attr-defined]
    call.composite = composite  # type: ignore[attr-defined]
    op.call = call
    return call


def op(
    name: str | None = None,
    *,
    saves: tuple[str, ...] = (),
    residuals: tuple[str, ...] = (),
    outputs: int | None = 1,
    view: bool = False,
    title: str | Callable[[Node], str] | None = None,
) -> Callable[[Callable[..., Any]], Any]:
    """Make an operation of its generic body ``body(xp, *arrays, **attributes)``.

    The positional parameters after ``xp`` are arrays (or None), the keyword-only ones attributes. The body returns an
    array; with ``outputs`` other than 1 a tuple of arrays; with ``residuals`` a tuple of the outputs followed by one
    array for each name, which only the rule sees.

    Args:
        name: the body's name without leading underscores, unless given.
        saves: what the rule gets after ``node``: names of array parameters, of residuals, or ``"out"``; of several
            outputs ``"out0"``, ``"out1"`` and so on.
        view: the result is a view of the first array.
        title: PyTorch's name of the derivative, where it is not ``NameBackward0``.
    """

    def define(body: Callable[..., Any]) -> Any:
        parameters = list(inspect.signature(body).parameters.values())[1:]
        arrays = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        places: dict[str, Any] = {p.name: i for i, p in enumerate(arrays)}
        places |= {"out": OUT} | {n: n for n in residuals} | {f"out{i}": OUT - i for i in range(outputs or 0)}
        self = Op(
            name or body.__name__.lstrip("_"),
            body,
            saves=tuple(places[s] for s in saves),
            residuals=residuals,
            outputs=outputs,
            view=view,
            title=title,
        )
        simple = outputs == 1 and not residuals
        fixed = simple and all(p.kind is not p.VAR_POSITIONAL for p in arrays)
        make = {1: _call_of_one, 2: _call_of_two}.get(len(arrays), _call_of_many) if fixed else _call_of_many
        call = publish(self, make(self))
        call.__doc__ = body.__doc__
        call.__module__ = body.__module__
        return call

    return define


def _call_of_one(self: Op) -> Callable[..., Any]:
    """The call of an operation with one input and one output."""
    impl, name, view, saves = self.impl, self.name, self.view, self.saves
    keep_x, keep_out = 0 in saves, OUT in saves
    x_first = saves[:1] == (0,)

    def call(x: Any, **attrs: Any) -> Any:
        try:
            xa = x._a
        except AttributeError:
            raise first_foreign(name, (x,)) from None
        try:
            r = impl[type(xa)](xa, **attrs)
        except (TypeError, IndexError):
            r = batches.rerun(name, (xa,), attrs)
            if r is None:
                raise
        except MemoryError as error:
            raise explain(name, error, (xa,)) from error
        except RuntimeError as error:
            raised(error)
        if type(r) is not type(xa):
            r = as_array(r, xa)
        t = _new(tensor_base.tensor_class)
        t._a = r
        t._node = None
        t._vc = [0]
        t._view = None
        outer = x._view
        edge = x._node if outer is None else live_node(x)
        recording = mode.grad
        if view:
            t._vc = x._vc
            t._view = v = _new(View)
            v.base, v.chain = (x, ((self, attrs),)) if outer is None else (outer.base, (*outer.chain, (self, attrs)))
            v.base_node = v.base._node
            v.recorded = recording
        if edge is not None and recording and (view or r.dtype.kind in RECORDABLE):
            n = _new(Node)
            n.op = self
            n.edges = (edge,)
            n.attrs = attrs
            n.shapes = (xa.shape,)
            if keep_x:
                if keep_out:
                    n.saved = (xa, r) if x_first else (r, xa)
                    n.versions = (x._vc, x._vc[0], t._vc, t._vc[0])
                else:
                    n.saved = (xa,)
                    n.versions = (x._vc, x._vc[0])
            elif keep_out:
                n.saved = (r,)
                n.versions = (t._vc, t._vc[0])
            else:
                n.saved = ()
                n.versions = None
            n.hooks = None
            n.where = caller(3)
            n.seq = next_seq()
            t._node = n
        return t

    return call


def _call_of_two(self: Op) -> Callable[..., Any]:
    """The call of an operation with two inputs and one output."""
    impl, name = self.impl, self.name
    keep_x, keep_y = 0 in self.saves, 1 in self.saves
    usual = self.saves in ((), (0,), (1,), (0, 1))

    def call(x: Any, y: Any, **attrs: Any) -> Any:
        try:
            xa = x._a
            ya = None if y is None else y._a
        except AttributeError:
            raise first_foreign(name, (x, y)) from None
        try:
            r = impl[type(xa)](xa, ya, **attrs)
        except (ValueError, TypeError, IndexError, MemoryError) as error:
            r = batches.rerun(name, (xa, ya), attrs)
            if r is None:
                raise explain(name, error, (xa, ya)) from error
        except RuntimeError as error:
            raised(error)
        if type(r) is not type(xa):
            r = as_array(r, xa)
        t = _new(tensor_base.tensor_class)
        t._a = r
        t._node = None
        t._vc = [0]
        t._view = None
        xn = x._node if x._view is None else live_node(x)
        yn = None if y is None else y._node if y._view is None else live_node(y)
        if (xn is not None or yn is not None) and mode.grad and r.dtype.kind in RECORDABLE:
            if not usual:
                t._node = _make_node(self, (xn, yn), (x, y), [xa, ya], attrs, (t,), ())
                return t
            n = _new(Node)
            n.op = self
            n.edges = (xn, yn)
            n.attrs = attrs
            n.shapes = (xa.shape, None if ya is None else ya.shape)
            if keep_x:
                if keep_y and y is not None:
                    n.saved = (xa, ya)
                    n.versions = (x._vc, x._vc[0], y._vc, y._vc[0])
                else:
                    n.saved = (xa, None) if keep_y else (xa,)
                    n.versions = (x._vc, x._vc[0])
            elif keep_y:
                n.saved = (ya,)
                n.versions = None if y is None else (y._vc, y._vc[0])
            else:
                n.saved = ()
                n.versions = None
            n.hooks = None
            n.where = caller(3)
            n.seq = next_seq()
            t._node = n
        return t

    return call


def _call_of_many(self: Op) -> Callable[..., Any]:
    """The call of any other operation."""
    impl, name = self.impl, self.name
    simple = self.outputs == 1 and not self.residuals

    def call(*inputs: Any, **attrs: Any) -> Any:
        try:
            raws = [None if t is None else t._a for t in inputs]
        except AttributeError:
            raise first_foreign(name, inputs) from None
        kind = type(raws[0])
        try:
            result = impl[kind](*raws, **attrs)
        except (ValueError, TypeError, IndexError, AttributeError, MemoryError) as error:
            result = batches.rerun(name, raws, attrs)
            if result is None:
                raise explain(name, error, raws) from error
        except RuntimeError as error:
            raised(error)
        if not simple:
            return _several(self, inputs, raws, attrs, result)
        if type(result) is not kind:
            result = as_array(result, raws[0])
        out = wrap(result)
        if mode.grad and result.dtype.kind in RECORDABLE:
            edges = tuple([None if t is None else t._node if t._view is None else live_node(t) for t in inputs])
            for edge in edges:
                if edge is not None:
                    out._node = _make_node(self, edges, inputs, raws, attrs, (out,), ())
                    break
        return out

    return call


def _several(self: Op, inputs: tuple[Any, ...], raws: list[Any], attrs: dict[str, Any], result: Any) -> Any:
    """Wrap and record an operation with several outputs or residuals."""
    count = len(result) - self.residuals
    like = raws[0]
    kind = type(like)
    outs = tuple([wrap(a if type(a) is kind else as_array(a, like)) for a in result[:count]])
    if self.view:
        _make_views(self, inputs[0], outs)
    if mode.grad:
        edges = tuple([None if t is None else t._node if t._view is None else live_node(t) for t in inputs])
        for edge in edges:
            if edge is not None:
                break
        else:
            return outs[0] if self.outputs == 1 else outs
        node = _make_node(self, edges, inputs, raws, attrs, outs, result[count:])
        node.outputs = count
        for i, out in enumerate(outs):
            if out._a.dtype.kind in RECORDABLE:
                out._node = node if self.outputs == 1 else OutputNode(node, i)
    return outs[0] if self.outputs == 1 else outs


def _make_views(self: Op, x: Any, outs: tuple[Any, ...]) -> None:
    """Let the outputs be views of ``x``."""
    node_of(x)  # brings its view up to date
    outer = x._view
    base, chain = (x, ()) if outer is None else (outer.base, outer.chain)
    name = self.display(None).removesuffix("Backward0")  # type: ignore[arg-type]
    for i, out in enumerate(outs):
        out._vc = x._vc
        out._view = v = _new(View)
        v.base, v.chain, v.base_node, v.recorded = base, (*chain, (PartOf(name, i), {})), base._node, mode.grad


def _make_node(
    self: Op,
    edges: tuple[Any, ...],
    inputs: tuple[Any, ...],
    raws: list[Any],
    attrs: dict[str, Any],
    outs: tuple[Any, ...],
    rest: Any,
) -> Node:
    """The node of one call with any number of inputs."""
    n = _new(Node)
    n.op = self
    n.edges = edges
    saved = []
    versions: list[Any] = []
    for source, offset in self._picks:
        if offset is not None:
            saved.append(rest[offset])
            continue
        if source < 0:
            t = outs[OUT - source]
            saved.append(t._a)
        else:
            t = inputs[source]
            saved.append(raws[source])
        if t is not None:
            versions += (t._vc, t._vc[0])
    n.saved = tuple(saved)
    n.versions = tuple(versions) or None
    n.attrs = attrs
    n.shapes = tuple([None if a is None else a.shape for a in raws])
    n.hooks = None
    n.where = caller(4)
    n.seq = next_seq()
    return n
