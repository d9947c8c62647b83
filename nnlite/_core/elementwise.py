"""Elementwise operations: a formula and its derivatives.

The calls are unrolled: their overhead is what a user of small tensors feels (``benchmarks/overhead.py`` measures it).

A derivative ``d(f, g, ...)`` is written as for real numbers, g times f'(x). For complex numbers PyTorch's gradient is g
times the conjugate of f'(x), which is ``conj(d(f, conj(g), ...))``: the rules here do that once for all formulas. (A
formula without a complex derivative, such as ``sgn``, gives a rule of its own with ``@operation.vjp``.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.registry import tables
from . import dtypes, tensor_base
from .grad_mode import mode
from .node import Node, _getframe, _outside, caller, next_seq
from .operands import as_array, explain, no_order, not_a_tensor, numbers_moved, promote, raised, raw
from .operation import OUT, RECORDABLE, Op, Rule, cast, publish
from .tensor_base import TensorBase, wrap
from .views import live_node

_new = object.__new__
_Call = Callable[[Any, Any], Any]
_FLOAT32, _ufunc = np.dtype(np.float32), np.ufunc


class _Numbers(dict[float, Any]):
    """Numbers as NumPy takes them soonest: arrays without axes that are kept. It makes an array of a Python number anew
    at each call, which takes longer than to multiply ten float32 with it (0.8 us in place of 0.45)."""

    def __missing__(self, y: float) -> Any:
        if len(self) >= 1024 or not 1e-30 < abs(y) < 1e30:  # not 0, whose sign is no part of a key, nor infinity or NaN
            return y
        self[y] = kept = np.array(y, _FLOAT32)
        return kept


_numbers = _Numbers()


def _parameters(function: Callable[..., Any] | None) -> tuple[str, ...]:
    """The names of a derivative's parameters after ``f`` and ``g``."""
    return () if function is None else function.__code__.co_varnames[2 : function.__code__.co_argcount]


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
    want = _parameters(d)
    self = Op(name, body, saves=tuple({"x": 0, "out": OUT}[w] for w in want), title=title)
    self.elementwise = True
    self.to_float = to_float
    if d is not None:
        self.backward = (
            (
                lambda f, g, node, saved: (
                    (d(f, g, saved[0]),) if g.dtype.kind == "f" else _unusual(f, g, lambda g: (d(f, g, saved[0]),))
                )
            )
            if want
            else (lambda f, g, node, saved: (d(f, g),))
        )
    impl = self.impl
    keep_x, keep_out = "x" in want, "out" in want
    differentiable = d is not None

    def call(x: Any) -> Any:
        try:
            xa = x._a
        except AttributeError:
            raise not_a_tensor(name, 0, x) from None
        if to_float and xa.dtype.kind not in RECORDABLE:
            x = cast(x, dtypes.default.numpy_float)
            xa = x._a
        try:
            r = impl[type(xa)](xa)
        except (TypeError, MemoryError) as error:
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
        edge = x._node if x._view is None else live_node(x)
        if edge is not None and differentiable and mode.grad:
            n = _new(Node)
            n.op = self
            n.edges = (edge,)
            if keep_x:
                n.saved = (xa,)
                n.versions = (x._vc, x._vc[0])
            elif keep_out:
                n.saved = (r,)
                n.versions = (t._vc, 0)
            else:
                n.saved = ()
                n.versions = None
            n.hooks = None
            frame = _getframe(1)
            code = frame.f_code
            n.where = (code, frame.f_lasti) if code.co_filename in _outside else caller()
            n.seq = next_seq()
            t._node = n
        return t

    return publish(self, call)


def binary(
    name: str,
    body: Any,
    dx: Callable[..., Any] | None = None,
    dy: Callable[..., Any] | None = None,
    *,
    to_float: bool = False,
    ordered: bool = False,
    no_bool: str = "",
    title: str | Callable[[Node], str] | None = None,
) -> Callable[[Any, Any], Any]:
    """An elementwise operation of two operands, tensors or numbers, with broadcasting and type promotion.

    Args:
        body: a name in ``xp``, or ``body(xp, x, y)``.
        dx, dy: the gradients ``d(f, g, ...)`` for each operand; further parameters are called ``x``, ``y``, ``out``
            and say what is saved. Both None: the result has no gradient (comparisons).
        to_float: integers become the default float type first.
        ordered: complex numbers, which have no order, are refused.
        no_bool: what to say of an operand that is bool, which is refused; "" takes it.
    """
    self = Op(name, body, saves=(0, 1, OUT), title=title)
    self.elementwise = True
    self.ordered, self.to_float = ordered, to_float
    for_dx, for_dy = _parameters(dx), _parameters(dy)
    # What is saved when only x, only y, or both need gradients.
    names = ("x", "y", "out")
    wants = tuple(
        tuple((w in for_dx and bool(case & 1)) or (w in for_dy and bool(case & 2)) for w in names) for case in range(4)
    )
    self.keeps = lambda edges: wants[  # type: ignore[method-assign]
        (edges[0] is not None) + 2 * (edges[1] is not None)
    ]
    if dx is not None and dy is not None:
        self.backward = _rule_of_two(dx, for_dx, dy, for_dy)
    mixed = _mixed_call(self, to_float, no_bool)
    direct = RECORDABLE if to_float else "biufV" if ordered else "iufcV" if no_bool else ""
    return publish(self, _pair_call(self, wants, direct, mixed))


def _pair_call(self: Op, wants: tuple[tuple[bool, ...], ...], direct: str, mixed: _Call) -> _Call:
    """The call on two tensors of one dtype, or on a tensor of real numbers and a Python number; other operands go to
    ``mixed``.

    ``direct`` names the kinds of dtypes of two tensors that need nothing done before; ``""`` stands for all.
    """
    impl, name, differentiable = self.impl, self.name, self.differentiable
    _, only_x, only_y, both = wants
    keeps, keeps_with_number = any(both), any(only_x)

    def call(x: Any, y: Any) -> Any:
        kind = type(y)
        number = kind is float or kind is int
        try:
            xa = x._a
            ya = y if number else y._a
        except AttributeError:
            if number:
                raise not_a_tensor(name, 0, x) from None
            return mixed(x, y)
        dtype = xa.dtype
        function = impl[type(xa)]
        if number:
            if dtype.kind != "f":
                return mixed(x, y)
            if dtype is _FLOAT32 and type(function) is _ufunc:
                ya = _numbers[y]
        elif dtype is not ya.dtype or (direct and dtype.kind not in direct):
            return mixed(x, y)
        try:
            r = function(xa, ya)
        except (ValueError, TypeError, MemoryError) as error:
            moved = numbers_moved((x, y))
            if moved is not None:
                return call(*moved)
            raise explain(name, error, (xa,) if number else (xa, ya)) from error
        except RuntimeError as error:
            raised(error)
        if type(r) is not type(xa):
            r = as_array(r, xa)
        t = _new(tensor_base.tensor_class)
        t._a = r
        t._node = None
        t._vc = [0]
        t._view = None
        if differentiable:
            xn = x._node if x._view is None else live_node(x)
            yn = None if number else y._node if y._view is None else live_node(y)
            if (xn is not None or yn is not None) and mode.grad:
                n = _new(Node)
                n.op = self
                n.edges = (xn, yn)
                if number:
                    n.shapes = None
                    if keeps_with_number:
                        kx, _, ko = only_x
                        n.saved = (xa if kx else None, y, r if ko else None)
                        n.versions = (x._vc, x._vc[0]) if kx else (t._vc, 0) if ko else None
                    else:
                        n.saved = ()
                        n.versions = None
                else:
                    x_shape, y_shape = xa.shape, ya.shape
                    n.shapes = None if x_shape == y_shape else (x_shape, y_shape)
                    if keeps:
                        kx, ky, ko = only_x if yn is None else only_y if xn is None else both
                        n.saved = (xa if kx else None, ya if ky else None, r if ko else None)
                        if kx:
                            n.versions = (x._vc, x._vc[0], y._vc, y._vc[0]) if ky else (x._vc, x._vc[0])
                        else:
                            n.versions = (y._vc, y._vc[0]) if ky else None
                        if ko:
                            n.versions = (*(n.versions or ()), t._vc, 0)
                    else:
                        n.saved = ()
                        n.versions = None
                n.hooks = None
                frame = _getframe(1)
                code = frame.f_code
                n.where = (code, frame.f_lasti) if code.co_filename in _outside else caller()
                n.seq = next_seq()
                t._node = n
        return t

    return call


def _mixed_call(self: Op, to_float: bool, no_bool: str) -> _Call:
    """The call on operands of different dtypes, with a number on the left, or with NumPy arrays."""

    def call(x: Any, y: Any) -> Any:
        if no_bool and any(
            v._a.dtype.kind == "b" if isinstance(v, TensorBase) else isinstance(v, bool) for v in (x, y)
        ):
            raise RuntimeError(no_bool)
        pair = promote(self.name, x, y, to_float, cast)
        if pair is NotImplemented:
            return NotImplemented
        x, y = pair
        like = raw(x if isinstance(x, TensorBase) else y)
        if self.ordered and like.dtype.kind == "c":
            raise no_order(self.name, like)
        if isinstance(x, TensorBase) and isinstance(y, TensorBase):
            return self.call(x, y)
        asarray = tables[type(like)].backend_.xp.asarray
        return self.call(*(v if isinstance(v, TensorBase) else wrap(asarray(v, dtype=like.dtype)) for v in pair))

    return call


def _unusual(f: Any, g: Any, rule: Callable[[Any], tuple[Any, ...]]) -> tuple[Any, ...]:
    """The gradients for complex numbers and for bfloat16, by a rule for ordinary real numbers.

    Complex: ``conj(rule(conj(g)))``. bfloat16: NumPy makes float32 of it where it meets a Python number.
    """
    if g.dtype.kind == "c":
        return tuple(r if r is None else f.conj(r) for r in rule(f.conj(g)))
    return tuple(r if r is None or r.dtype == g.dtype else f.cast(r, dtype=g.dtype, source=r.dtype) for r in rule(g))


_PLACES = {"x": 0, "y": 1, "out": 2}


def _rule_of_two(
    dx: Callable[..., Any], for_dx: tuple[str, ...], dy: Callable[..., Any], for_dy: tuple[str, ...]
) -> Rule:
    """Both derivatives as one rule; ``saved`` is (x, y, out)."""
    x_places, y_places = (tuple(_PLACES[w] for w in want) for want in (for_dx, for_dy))
    x_count, y_count = len(x_places), len(y_places)
    x_one, y_one = x_places[0] if x_count else 0, y_places[0] if y_count else 0

    saves_nothing = x_count + y_count == 0

    def rule(f: Any, g: Any, node: Node, saved: tuple[Any, ...], as_it_is: bool = saves_nothing) -> tuple[Any, ...]:
        if not as_it_is and g.dtype.kind != "f":
            return _unusual(f, g, lambda g: rule(f, g, node, saved, True))
        xn, yn = node.edges
        shapes = node.shapes
        gx = gy = None
        if xn is not None:
            if x_count == 1:
                gx = dx(f, g, saved[x_one])
            else:
                gx = dx(f, g, *[saved[i] for i in x_places]) if x_count else dx(f, g)
            if shapes is not None and gx.shape != shapes[0]:
                gx = unbroadcast(f, gx, shapes[0])
        if yn is not None:
            if y_count == 1:
                gy = dy(f, g, saved[y_one])
            else:
                gy = dy(f, g, *[saved[i] for i in y_places]) if y_count else dy(f, g)
            if shapes is not None and gy.shape != shapes[1]:
                gy = unbroadcast(f, gy, shapes[1])
        return gx, gy

    return rule


def conjugate(f: Any, x: Any) -> Any:
    """The complex conjugate; a real array or tensor itself."""
    return f.conj(x) if x.dtype.kind == "c" else x


def unbroadcast(f: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """Sum ``g`` over the axes along which an operand of this shape was broadcast."""
    if g.shape == shape:
        return g
    lead = len(g.shape) - len(shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, size in enumerate(shape) if size == 1 and g.shape[i + lead] != 1)
    if axes:
        g = f.sum(g, axis=axes, keepdims=True)
    return f.reshape(g, shape=shape) if lead else g
