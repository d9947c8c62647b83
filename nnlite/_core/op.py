"""How an operation is defined: a generic body, its vector-Jacobian product, and the call that records it.

``unary`` and ``binary`` make elementwise operations of a formula and its derivatives; ``op`` makes any other of a
function. The three differ only in how much of the call is unrolled: the elementwise calls are the ones whose overhead a
user feels (``benchmarks/overhead.py`` measures it).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.kernels import GENERIC
from ..backends.registry import backend_of, tables
from . import dtypes
from .grad_mode import mode
from .node import Node, OutputNode, caller, next_seq
from .tensor_base import TensorBase, registry, wrap
from .views import check_in_place, live_node, mark_view, node_of, rebase

Rule = Callable[..., tuple[Any, ...]]
OUT = -1
"""Stands for "the output" among the sources of saved values."""

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
        rule: the vector-Jacobian product ``rule(f, g, node, *saved) -> gradients``.
        saves: for each saved value the number of the input, ``OUT``, or the name of a residual.
        residuals: how many extra arrays the body returns for the rule after its outputs.
        outputs: 1, the number of outputs, or None where it varies.
        ufunc: whether the body is an array function that takes ``out=``.
        composite: the same function of tensors in terms of simple operations. Where it is set, double backward
            differentiates it; the operation then saves all its array inputs, in order, before anything else.
        write: ``write(xp, *arrays, **attributes)`` puts the result into the first array (for in-place forms).
    """

    def __init__(
        self,
        name: str,
        body: Any,
        *,
        saves: tuple[Any, ...] = (),
        residuals: int = 0,
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
        self.residuals = residuals
        self.outputs = outputs
        self.view = view
        self.ufunc = isinstance(body, str)
        self.write: Callable[..., None] | None = None
        self.rule: Rule | None = None
        self.composite: Callable[..., Any] | None = None
        self.call: Callable[..., Any] = _undefined
        self.title = title if title is not None else _camel(name) + "Backward0"

    def display(self, node: Node) -> str:
        """PyTorch's name of the derivative."""
        return self.title if isinstance(self.title, str) else self.title(node)

    def origin(self, node: Node, position: int) -> Any:
        """The node that made ``saved[position]``, None for a constant."""
        source = self.saves[position]
        if source == OUT:
            return node
        return node.edges[source] if isinstance(source, int) else None

    def keeps(self, edges: tuple[Any, ...]) -> tuple[bool, ...]:
        """For each saved value whether the rule needs it for these inputs' gradients."""
        return (True,) * len(self.saves)

    def backward(self, f: Any, g: Any, node: Node, saved: tuple[Any, ...]) -> tuple[Any, ...]:
        """Gradients of the inputs, given ``g``, the gradient of the output (a list for several outputs)."""
        if self.rule is None:
            raise NotImplementedError(
                f"the derivative of {self.name} is not implemented; compute it under nnlite.no_grad() or detach its input"
            )
        return self.rule(f, g, node, *saved)


OPS: dict[str, Op] = {}


class _Recorded:
    """``f`` under ``create_graph``: the recorded operations, by the names that kernel tables have."""

    def __getattr__(self, name: str) -> Any:
        call = OPS[name].call
        setattr(self, name, call)
        return call


recorded = _Recorded()


def _undefined(*inputs: Any, **attrs: Any) -> Any:
    raise NotImplementedError("the operation has no call yet")


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


# ---------------------------------------------------------------------------------------------------------------------
# Inputs: types, devices, dtypes


def describe(array: Any) -> str:
    """The device of a raw array as text."""
    backend = backend_of(array)
    index = backend.index_of(array)
    return backend.name if index is None else f"{backend.name}:{index}"


def check_same_device(name: str, arrays: Any) -> None:
    """Raise if raw arrays lie on different devices."""
    known = [describe(a) for a in arrays if a is not None and type(a) in tables]
    for other in known[1:]:
        if other != known[0]:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, {known[0]} and {other}! "
                f"({name}: move one of them, for example with .to('{known[0]}') or .to('{other}'))"
            )


def not_a_tensor(name: str, position: int, value: Any) -> TypeError:
    """The error for an argument that has to be a tensor."""
    hint = "; make one with nnlite.as_tensor(...)" if isinstance(value, np.ndarray | list | int | float) else ""
    return TypeError(f"{name}(): argument {position + 1} must be Tensor, not {type(value).__name__}{hint}")


def explain(name: str, error: Exception, raws: Any) -> Exception:
    """PyTorch's error for one that the array library raised."""
    arrays = [a for a in raws if hasattr(a, "shape")]
    if isinstance(error, ValueError) and len(arrays) == 2 and "broadcast" in str(error):
        return broadcast_error(arrays[0].shape, arrays[1].shape)
    return error


def broadcast_error(a: tuple[int, ...], b: tuple[int, ...]) -> RuntimeError:
    """The error for two shapes that cannot be broadcast together."""
    for back in range(1, min(len(a), len(b)) + 1):
        if a[-back] != b[-back] and 1 not in (a[-back], b[-back]):
            return RuntimeError(
                f"The size of tensor a ({a[-back]}) must match the size of tensor b ({b[-back]}) "
                f"at non-singleton dimension {max(len(a), len(b)) - back}"
            )
    return RuntimeError(f"shapes {list(a)} and {list(b)} cannot be broadcast together")


def as_array(raw: Any, like: Any) -> Any:
    """A 0-d array in place of the scalar that NumPy returns for 0-d inputs."""
    return tables[type(like)].backend_.xp.asarray(raw)


def _number(value: Any, array: Any) -> Any:
    """A Python number that ``array``'s dtype can hold."""
    if isinstance(value, np.generic):
        value = value.item()
    if array.dtype.kind in "iu" and type(value) is int:
        bits = 8 * array.dtype.itemsize
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if array.dtype.kind == "i" else (0, (1 << bits) - 1)
        if not low <= value <= high:
            return (value - low) % (1 << bits) + low  # PyTorch wraps where NumPy raises
    return value


def _foreign(value: Any, other: TensorBase) -> Any:
    """What an operand that is no tensor becomes: a number stays one, a NumPy array becomes a tensor."""
    if isinstance(value, int | float | complex | np.generic):
        return value
    if isinstance(value, np.ndarray):
        return wrap(value)
    return NotImplemented


def promote(name: str, x: Any, y: Any, to_float: bool) -> Any:
    """Both operands of a binary operation in their common dtype; numbers stay numbers.

    Returns NotImplemented for operands that no operation takes.
    """
    if not isinstance(x, TensorBase):
        if not isinstance(y, TensorBase):
            raise not_a_tensor(name, 0, x)
        x = _foreign(x, y)
    elif not isinstance(y, TensorBase):
        y = _foreign(y, x)
    if x is NotImplemented or y is NotImplemented:
        return NotImplemented
    raws = [v._a if isinstance(v, TensorBase) else v for v in (x, y)]
    check_same_device(name, raws)
    kind = dtypes.result(tuple(raws))
    if to_float and kind.category < dtypes.FLOAT:
        kind = dtypes.default.float
    out = []
    for value, raw in zip((x, y), raws, strict=True):
        if isinstance(value, TensorBase):
            out.append(value if raw.dtype == kind.np else cast(value, kind.np))
        else:
            out.append(value)
    for i, value in enumerate(out):
        if not isinstance(value, TensorBase):
            out[i] = _number(value, out[1 - i]._a)
    return out


def cast(x: Any, numpy_dtype: Any) -> Any:
    """The tensor in another dtype, recorded."""
    return OPS["cast"].call(x, dtype=numpy_dtype, source=x._a.dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Elementwise operations


def unary(
    name: str,
    body: Any,
    d: Callable[..., Any] | None = None,
    *,
    to_float: bool = False,
    title: str | Callable[[Node], str] | None = None,
) -> Callable[[Any], Any]:
    """An elementwise operation of one array.

    Args:
        body: a name in ``xp``, or ``body(xp, x)``.
        d: ``d(f, g, x)``, ``d(f, g, out)`` or ``d(f, g)``: the gradient; the parameter's name says what is saved.
        to_float: integers become the default float type first.
    """
    want = _parameters(d)[2:] if d is not None else ()
    saves = tuple({"x": 0, "out": OUT}[w] for w in want)
    self = Op(name, body, saves=saves, title=title)
    if d is not None:
        self.rule = lambda f, g, node, *saved: (d(f, g, *saved),)
    impl = self.impl
    keep_x, keep_out = "x" in want, "out" in want

    def call(x: Any) -> Any:
        try:
            xa = x._a
        except AttributeError:
            raise not_a_tensor(name, 0, x) from None
        if to_float and xa.dtype.kind not in "fcV":
            x = cast(x, dtypes.default.numpy_float)
            xa = x._a
        r = impl[type(xa)](xa)
        if type(r) is not type(xa):
            r = as_array(r, xa)
        t = _new(registry.tensor)
        t._a = r
        t._vc = vc = [0]
        t._view = None
        edge = x._node if x._view is None else live_node(x)
        if edge is not None and mode.grad and r.dtype.kind in "fcV":
            n = _new(Node)
            n.op = self
            n.edges = (edge,)
            if keep_x:
                n.saved = (xa,)
                n.versions = ((x._vc, x._vc[0]),)
            elif keep_out:
                n.saved = (r,)
                n.versions = ((vc, 0),)
            else:
                n.saved = ()
                n.versions = None
            n.attrs = n.hooks = n.shapes = None
            n.outputs = 1
            n.where = caller()
            n.seq = next_seq()
            t._node = n
        else:
            t._node = None
        return t

    return _publish(self, call)


def binary(
    name: str,
    body: Any,
    dx: Callable[..., Any] | None = None,
    dy: Callable[..., Any] | None = None,
    *,
    to_float: bool = False,
    title: str | Callable[[Node], str] | None = None,
) -> Callable[[Any, Any], Any]:
    """An elementwise operation of two operands, tensors or numbers, with broadcasting and type promotion.

    Args:
        body: a name in ``xp``, or ``body(xp, x, y)``.
        dx, dy: the gradients ``d(f, g, ...)`` for each operand; further parameters are called ``x``, ``y``, ``out``
            and say what is saved. Both None: the result has no gradient (comparisons).
        to_float: integers become the default float type first.
    """
    self = Op(name, body, saves=(0, 1, OUT), title=title)
    for_dx, for_dy = _parameters(dx)[2:], _parameters(dy)[2:]
    x_dx, y_dx, out_dx = (w in for_dx for w in ("x", "y", "out"))
    x_dy, y_dy, out_dy = (w in for_dy for w in ("x", "y", "out"))
    keeps = bool(for_dx or for_dy)
    differentiable = dx is not None
    if dx is not None and dy is not None:
        self.rule = _binary_rule(_picker(dx, for_dx), _picker(dy, for_dy), keeps)
    self.keeps = lambda edges: tuple(  # type: ignore[method-assign]
        (w in for_dx and edges[0] is not None) or (w in for_dy and edges[1] is not None) for w in ("x", "y", "out")
    )
    impl = self.impl

    def call(x: Any, y: Any) -> Any:
        try:
            xa = x._a
            ya = y._a
        except AttributeError:
            ya = None
        if ya is None or xa.dtype is not ya.dtype or type(xa) is not type(ya) or (to_float and xa.dtype.kind not in "fcV"):
            pair = promote(name, x, y, to_float)
            if pair is NotImplemented:
                return NotImplemented
            x, y = pair
            xa = x._a if isinstance(x, TensorBase) else x
            ya = y._a if isinstance(y, TensorBase) else y
            anchor = xa if isinstance(x, TensorBase) else ya
        else:
            anchor = xa
        try:
            r = impl[type(anchor)](xa, ya)
        except (ValueError, TypeError) as error:
            check_same_device(name, (xa, ya))
            raise explain(name, error, (xa, ya)) from error
        if type(r) is not type(anchor):
            r = as_array(r, anchor)
        t = _new(registry.tensor)
        t._a = r
        t._vc = vc = [0]
        t._view = None
        t._node = None
        if differentiable and mode.grad:
            xn = (x._node if x._view is None else live_node(x)) if xa is anchor or isinstance(x, TensorBase) else None
            yn = (y._node if y._view is None else live_node(y)) if isinstance(y, TensorBase) else None
            if xn is not None or yn is not None:
                n = _new(Node)
                n.op = self
                n.edges = (xn, yn)
                n.shapes = (xa.shape if xn is not None else None, ya.shape if yn is not None else None)
                if keeps:
                    keep_x = (x_dx and xn is not None) or (x_dy and yn is not None)
                    keep_y = (y_dx and xn is not None) or (y_dy and yn is not None)
                    keep_out = (out_dx and xn is not None) or (out_dy and yn is not None)
                    n.saved = (xa if keep_x else None, ya if keep_y else None, r if keep_out else None)
                    n.versions = (
                        (x._vc, x._vc[0]) if keep_x and xa is not x else None,
                        (y._vc, y._vc[0]) if keep_y and ya is not y else None,
                        (vc, 0) if keep_out else None,
                    )
                else:
                    n.saved = ()
                    n.versions = None
                n.attrs = n.hooks = None
                n.outputs = 1
                n.where = caller()
                n.seq = next_seq()
                t._node = n
        return t

    return _publish(self, call)


def _binary_rule(dx: Callable[..., Any], dy: Callable[..., Any], keeps: bool) -> Rule:
    def rule(f: Any, g: Any, node: Node, *saved: Any) -> tuple[Any, ...]:
        xn, yn = node.edges
        x_shape, y_shape = node.shapes
        gx = gy = None
        if xn is not None:
            gx = dx(f, g, saved)
            if gx.shape != x_shape:
                gx = unbroadcast(f, gx, x_shape)
        if yn is not None:
            gy = dy(f, g, saved)
            if gy.shape != y_shape:
                gy = unbroadcast(f, gy, y_shape)
        return gx, gy

    return rule


def _picker(d: Callable[..., Any], want: tuple[str, ...]) -> Callable[..., Any]:
    """``d`` as a function of (f, g, saved), saved being (x, y, out)."""
    places = tuple({"x": 0, "y": 1, "out": 2}[w] for w in want)
    if not places:
        return lambda f, g, saved: d(f, g)
    if len(places) == 1:
        (only,) = places
        return lambda f, g, saved: d(f, g, saved[only])
    return lambda f, g, saved: d(f, g, *[saved[i] for i in places])


def unbroadcast(f: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which an operand of this shape was broadcast."""
    lead = len(g.shape) - len(shape)
    axes = tuple(range(lead)) + tuple(
        i + lead for i, size in enumerate(shape) if size == 1 and g.shape[i + lead] != 1
    )
    if axes:
        g = f.sum(g, axis=axes, keepdims=True)
    return f.reshape(g, shape=shape) if lead else g


def _parameters(function: Callable[..., Any] | None) -> tuple[str, ...]:
    if function is None:
        return ()
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def _publish(op: Op, call: Callable[..., Any]) -> Any:
    call.__name__ = call.__qualname__ = op.name
    call.op = op  # type: ignore[attr-defined]
    def vjp(rule: Rule) -> Rule:
        op.rule = rule
        return rule

    def composite(function: Callable[..., Any]) -> Callable[..., Any]:
        op.composite = function
        return function

    call.vjp = vjp  # type: ignore[attr-defined]
    call.composite = composite  # type: ignore[attr-defined]
    op.call = call
    return call


# ---------------------------------------------------------------------------------------------------------------------
# Any other operation


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
        saves: what the rule gets after ``node``: names of array parameters, of residuals, or ``"out"``.
        view: the result is a view of the first array.
        title: PyTorch's name of the derivative, where it is not ``NameBackward0``.
    """

    def define(body: Callable[..., Any]) -> Any:
        parameters = list(inspect.signature(body).parameters.values())[1:]
        arrays = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        places: dict[str, Any] = {n: i for i, n in enumerate(arrays)}
        places |= {"out": OUT} | {n: n for n in residuals}
        self = Op(
            name or body.__name__.lstrip("_"),
            body,
            saves=tuple(places[s] for s in saves),
            residuals=len(residuals),
            outputs=outputs,
            view=view,
            title=title,
        )
        offsets = {n: i for i, n in enumerate(residuals)}
        self.picks = tuple((s, offsets.get(s)) for s in self.saves)  # type: ignore[attr-defined]
        call = _publish(self, _general_call(self))
        call.__doc__ = body.__doc__
        call.__module__ = body.__module__
        return call

    return define


def _general_call(self: Op) -> Callable[..., Any]:
    impl, name, view = self.impl, self.name, self.view
    simple = self.outputs == 1 and not self.residuals

    def call(*inputs: Any, **attrs: Any) -> Any:
        try:
            raws = [None if t is None else t._a for t in inputs]
        except AttributeError:
            raise _first_foreign(name, inputs) from None
        kind = type(raws[0])
        for a in raws:
            if type(a) is not kind and a is not None:
                check_same_device(name, raws)
        try:
            result = impl[kind](*raws, **attrs)
        except (ValueError, TypeError) as error:
            raise explain(name, error, raws) from error
        if simple:
            if type(result) is not kind:
                result = as_array(result, raws[0])
            out: Any = wrap(result)
            if view:
                mark_view(out, inputs[0], self, attrs)
            if mode.grad:
                edges = tuple([None if t is None else t._node if t._view is None else live_node(t) for t in inputs])
                for edge in edges:
                    if edge is not None:
                        if result.dtype.kind in "fcV":
                            out._node = make_node(self, edges, inputs, raws, attrs, (out,), ())
                        break
            return out
        return _several(self, inputs, raws, attrs, result)

    return call


def _first_foreign(name: str, inputs: tuple[Any, ...]) -> TypeError:
    position = next(i for i, t in enumerate(inputs) if t is not None and not isinstance(t, TensorBase))
    return not_a_tensor(name, position, inputs[position])


def _several(self: Op, inputs: tuple[Any, ...], raws: list[Any], attrs: dict[str, Any], result: Any) -> Any:
    """Wrap and record an operation with several outputs or residuals."""
    count = len(result) - self.residuals
    arrays = [a if type(a) is type(raws[0]) else as_array(a, raws[0]) for a in result[:count]]
    rest = tuple(result[count:])
    outs = tuple(wrap(a) for a in arrays)
    if mode.grad:
        edges = tuple([None if t is None else node_of(t) for t in inputs])
        if any(edge is not None for edge in edges):
            node = make_node(self, edges, inputs, raws, attrs, outs, rest)
            node.outputs = 1 if self.outputs == 1 else count
            for i, out in enumerate(outs):
                if out._a.dtype.kind in "fcV":
                    out._node = node if self.outputs == 1 else OutputNode(node, i)
    return outs[0] if self.outputs == 1 else outs


def make_node(
    self: Op,
    edges: tuple[Any, ...],
    inputs: tuple[Any, ...],
    raws: list[Any],
    attrs: dict[str, Any],
    outs: tuple[Any, ...],
    rest: tuple[Any, ...],
) -> Node:
    """The node of one call of a general operation."""
    n = _new(Node)
    n.op = self
    n.edges = edges
    saved = []
    versions: list[Any] = []
    for source, offset in self.picks:  # type: ignore[attr-defined]
        if offset is not None:
            saved.append(rest[offset])
            versions.append(None)
        else:
            t = outs[0] if source == OUT else inputs[source]
            saved.append(None if t is None else t._a)
            versions.append(None if t is None else (t._vc, t._vc[0]))
    n.saved = tuple(saved)
    n.versions = tuple(versions) if versions else None
    n.attrs = attrs
    n.shapes = tuple([None if a is None else a.shape for a in raws])
    n.hooks = None
    n.outputs = 1
    n.where = caller()
    n.seq = next_seq()
    return n


# ---------------------------------------------------------------------------------------------------------------------
# Writing in place


def in_place(function: Callable[..., Any], x: Any, *others: Any, **attrs: Any) -> Any:
    """Put the result of an operation into its first input.

    Raises:
        RuntimeError: the result does not fit ``x``'s shape or dtype, or ``x`` is a leaf that requires grad.
    """
    op_: Op = function.op  # type: ignore[attr-defined]
    name = op_.name + "_"
    if not isinstance(x, TensorBase):
        raise not_a_tensor(name, 0, x)
    xa = x._a
    others = tuple(_operand(name, x, other) for other in others)
    raws = [xa, *(o._a if isinstance(o, TensorBase) else o for o in others)]
    nodes = tuple([node_of(t) if isinstance(t, TensorBase) else None for t in (x, *others)])
    record = mode.grad and op_.rule is not None and any(node is not None for node in nodes)
    if record:
        check_in_place(x, name)
    keeps = op_.keeps(nodes) if record else ()
    saves_x = any(keep and source == 0 for keep, source in zip(keeps, op_.saves, strict=False))
    old = backend_of(xa).xp.array(xa) if saves_x else xa
    _write(op_, name, xa, raws, attrs)
    x._vc[0] += 1
    if record:
        rebase(x, _in_place_node(op_, nodes, x, others, [old, *raws[1:]], attrs))
    return x


def _operand(name: str, x: TensorBase, other: Any) -> Any:
    """``other`` as an operand of an operation that writes to ``x``: in ``x``'s dtype."""
    if not isinstance(other, TensorBase):
        if isinstance(other, np.ndarray):
            other = wrap(other)
        elif other is not None:
            _check_result_type(x._a, dtypes.result((x._a, other)))
            return _number(other, x._a)
        else:
            return None
    if other._a.dtype is not x._a.dtype:
        _check_result_type(x._a, dtypes.result((x._a, other._a)))
        check_same_device(name, (x._a, other._a))
        return cast(other, x._a.dtype)
    return other


def _check_result_type(xa: Any, kind: dtypes.dtype) -> None:
    mine = dtypes.from_numpy[xa.dtype]
    if kind.category > mine.category:
        titles = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "int64": "Long",
                  "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool",
                  "complex64": "ComplexFloat", "complex128": "ComplexDouble"}  # fmt: skip
        raise RuntimeError(
            f"result type {titles[kind.name]} can't be cast to the desired output type {titles[mine.name]}"
        )


def _write(op_: Op, name: str, xa: Any, raws: list[Any], attrs: dict[str, Any]) -> None:
    for a in raws:
        if type(a) is not type(xa) and type(a) in tables:
            check_same_device(name, raws)
    try:
        if op_.write is not None:
            op_.write(backend_of(xa).xp, *raws, **attrs)
            return
        if op_.ufunc and all(getattr(a, "ndim", 0) <= xa.ndim for a in raws):
            op_.impl[type(xa)](*raws, out=xa, casting="unsafe")
            return
        result = op_.impl[type(xa)](*raws, **attrs)
    except (ValueError, TypeError) as error:
        raise _shape_error(xa, raws, explain(name, error, raws)) from error
    if tuple(result.shape) != tuple(xa.shape):
        raise _shape_error(xa, [result], RuntimeError("shapes differ"))
    xa[...] = result


def _shape_error(xa: Any, raws: list[Any], error: Exception) -> Exception:
    try:
        shape = np.broadcast_shapes(*(a.shape for a in raws if hasattr(a, "shape")))
    except ValueError:
        return error
    if tuple(shape) == tuple(xa.shape):
        return error
    return RuntimeError(
        f"output with shape {list(xa.shape)} doesn't match the broadcast shape {list(shape)}"
    )


def _in_place_node(
    op_: Op, nodes: tuple[Any, ...], x: Any, others: tuple[Any, ...], raws: list[Any], attrs: dict[str, Any]
) -> Node:
    n = _new(Node)
    n.op = op_
    n.edges = nodes
    saved: list[Any] = []
    versions: list[Any] = []
    for source, keep in zip(op_.saves, op_.keeps(nodes), strict=True):
        if not keep:
            saved.append(None)
            versions.append(None)
        elif source == OUT:
            saved.append(x._a)
            versions.append((x._vc, x._vc[0]))
        elif source == 0:
            saved.append(raws[0])
            versions.append(None)
        else:
            t = others[source - 1]
            saved.append(raws[source])
            versions.append((t._vc, t._vc[0]) if isinstance(t, TensorBase) else None)
    n.saved = tuple(saved)
    n.versions = tuple(versions)
    n.attrs = attrs
    n.shapes = tuple(getattr(a, "shape", None) for a in raws)
    n.hooks = None
    n.outputs = 1
    n.where = caller()
    n.seq = next_seq()
    return n
