"""Operations on one number each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._context import Context, as_bool
from ..errors import OnnxExporterError
from ._table import translates

UNARY = {
    "abs": "Abs", "acos": "Acos", "acosh": "Acosh", "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh",
    "ceil": "Ceil", "cos": "Cos", "cosh": "Cosh", "erf": "Erf", "exp": "Exp", "floor": "Floor", "isinf": "IsInf",
    "isnan": "IsNaN", "log": "Log", "neg": "Neg", "reciprocal": "Reciprocal", "round": "Round", "sigmoid": "Sigmoid",
    "sign": "Sign", "sin": "Sin", "sinh": "Sinh", "softsign": "Softsign", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
}  # fmt: skip
"""Operations that are one node of the same kind."""

BINARY = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "maximum": "Max", "minimum": "Min", "pow": "Pow",
    "prelu_kernel": "PRelu",
}  # fmt: skip

COMPARISONS = {"eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}

LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}

BITWISE = {"bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr", "bitwise_xor": "BitwiseXor"}

OF_BOOLS = {"add": "Or", "mul": "And", "maximum": "Or", "minimum": "And"}
"""What the arithmetic of truth values is."""


def _enter(name: str, function: Callable[[Context], Any]) -> None:
    translates(name)(function)


def _pair(c: Context) -> tuple[str, str]:
    return c.x(0), c.x(1)


def _binary(name: str, node: str) -> None:
    def write(c: Context) -> Any:
        kind = OF_BOOLS.get(name, node) if c.kind == np.bool_ else node
        return c.op(kind, *_pair(c))

    _enter(name, write)


def _unary(name: str, node: str) -> None:
    _enter(name, lambda c: c.op(node, c.x()))


def _comparing(name: str, node: str) -> None:
    def write(c: Context) -> Any:
        """Truth values have an order only as numbers."""
        pair = _pair(c)
        if c.kind == np.bool_ and node != "Equal":
            pair = c.cast(pair[0], np.int32), c.cast(pair[1], np.int32)
        return c.op(node, *pair)

    _enter(name, write)


def _logical(name: str, node: str) -> None:
    _enter(name, lambda c: c.op(node, as_bool(c, 0), as_bool(c, 1)))


def _bitwise(name: str, node: str) -> None:
    _enter(name, lambda c: c.op(node.removeprefix("Bitwise") if c.kind == np.bool_ else node, *_pair(c)))


for _define, _table in (
    (_unary, UNARY), (_binary, BINARY), (_comparing, COMPARISONS), (_logical, LOGICAL), (_bitwise, BITWISE),
):  # fmt: skip
    for _name, _node in _table.items():
        _define(_name, _node)


@translates("ne")
def _(c: Context) -> Any:
    return c.op("Not", c.op("Equal", *_pair(c)))


@translates("logical_not", "bitwise_not")
def _(c: Context) -> Any:
    if c.merged.name == "bitwise_not" and c.kind != np.bool_:
        return c.op("BitwiseNot", c.x())
    return c.op("Not", as_bool(c, 0))


@translates("cast")
def _(c: Context) -> Any:
    return c.x() if c.out_dtype == c.kind else c.cast(c.x(), c.out_dtype)


@translates("relu")
def _(c: Context) -> Any:
    return c.op("Relu", c.x()) if c.kind.kind != "i" else c.op("Max", c.x(), c.const(0))


@translates("square")
def _(c: Context) -> Any:
    return c.op("Mul", c.x(), c.x())


@translates("rsqrt")
def _(c: Context) -> Any:
    return c.op("Reciprocal", c.op("Sqrt", c.x()))


@translates("exp2")
def _(c: Context) -> Any:
    return c.op("Pow", c.const(2), c.x())


@translates("expm1")
def _(c: Context) -> Any:
    """2 sinh(x / 2) e^(x / 2), which loses no digits near 0."""
    half = c.op("Mul", c.x(), c.const(0.5))
    return c.op("Mul", c.op("Mul", c.op("Sinh", half), c.op("Exp", half)), c.const(2))


@translates("log1p")
def _(c: Context) -> Any:
    """2 atanh(x / (2 + x)), which loses no digits near 0."""
    ratio = c.op("Div", c.x(), c.op("Add", c.x(), c.const(2)))
    small = c.op("Mul", c.op("Atanh", ratio), c.const(2))
    large = c.op("Log", c.op("Add", c.x(), c.const(1)))
    return c.op("Where", c.op("Less", c.op("Abs", c.x()), c.const(0.5)), small, large)


def _logarithm(name: str, base: float) -> None:
    _enter(name, lambda c: c.op("Mul", c.op("Log", c.x()), c.const(1 / math.log(base))))


_logarithm("log2", 2)
_logarithm("log10", 10)


@translates("trunc")
def _(c: Context) -> Any:
    return c.op("Mul", c.op("Sign", c.x()), c.op("Floor", c.op("Abs", c.x())))


@translates("isfinite")
def _(c: Context) -> Any:
    if c.kind.kind != "f":
        return c.op("Equal", c.x(), c.x())
    return c.op("Not", c.op("Or", c.op("IsNaN", c.x()), c.op("IsInf", c.x())))


@translates("fmod")
def _(c: Context) -> Any:
    return c.op("Mod", *_pair(c), fmod=1)


@translates("remainder")
def _(c: Context) -> Any:
    x, y = _pair(c)
    if c.kind.kind in "iu":
        return c.op("Mod", x, y)
    return c.op("Sub", x, c.op("Mul", c.op("Floor", c.op("Div", x, y)), y))


@translates("floor_divide")
def _(c: Context) -> Any:
    x, y = _pair(c)
    if c.kind.kind in "iu":
        return c.op("Div", c.op("Sub", x, c.op("Mod", x, y)), y)
    return c.op("Floor", c.op("Div", x, y))


@translates("atan2")
def _(c: Context) -> Any:
    y, x = _pair(c)
    zero = c.const(0)
    slope = c.op("Atan", c.op("Div", y, x))
    negative = c.op("Less", y, zero)
    turn = c.op("Where", negative, c.const(-math.pi), c.const(math.pi))
    left = c.op("Less", x, zero)
    upright = c.op("Equal", x, zero)
    axis = c.op("Mul", c.op("Sign", y), c.const(math.pi / 2))
    return c.op("Where", upright, axis, c.op("Where", left, c.op("Add", slope, turn), slope))


@translates("hypot")
def _(c: Context) -> Any:
    x, y = _pair(c)
    return c.op("Sqrt", c.op("Add", c.op("Mul", x, x), c.op("Mul", y, y)))


@translates("copysign")
def _(c: Context) -> Any:
    x, y = _pair(c)
    size = c.op("Abs", x)
    return c.op("Where", c.op("Less", y, c.const(0)), c.op("Neg", size), size)


@translates("where")
def _(c: Context) -> Any:
    kind = c.out_dtype
    condition, x, y = as_bool(c, 0), c.name_of(c.args[1], kind), c.name_of(c.args[2], kind)
    if kind == np.bool_:  # which onnxruntime does not choose between
        return c.op("Or", c.op("And", condition, x), c.op("And", c.op("Not", condition), y))
    return c.op("Where", condition, x, y)


@translates("zero_where")
def _(c: Context) -> Any:
    return c.op("Where", c.x(1), c.const(0), c.x(0))


@translates("clamp")
def _(c: Context) -> Any:
    low, high = c["min"], c["max"]
    return c.op("Clip", c.x(), *("" if bound is None else c.name_of(bound, c.kind) for bound in (low, high)))


@translates("clamp_between")
def _(c: Context) -> Any:
    name = c.x(0) if c.args[1] is None else c.op("Max", c.x(0), c.x(1))
    return name if c.args[2] is None else c.op("Min", name, c.x(2))


# ---------------------------------------------------------------------------------------------------------------------
# Activations


@translates("leaky_relu", "rrelu_fixed")
def _(c: Context) -> Any:
    return c.op("LeakyRelu", c.x(), alpha=float(c["slope"]))


@translates("elu", "celu")
def _(c: Context) -> Any:
    """scale (x, or alpha (e^(input_scale x) - 1) where x < 0)."""
    alpha, scale, inner = (float(c[name]) for name in ("alpha", "scale", "input_scale"))
    if inner == 1:
        name = c.op("Elu", c.x(), alpha=alpha) if scale == 1 else c.op("Selu", c.x(), alpha=alpha, gamma=scale)
        return name
    if math.isclose(inner, 1 / alpha) and scale == 1:
        return c.op("Celu", c.x(), alpha=alpha)
    raise OnnxExporterError(f"no node has the parameters alpha={alpha}, scale={scale}, input_scale={inner}")


@translates("gelu")
def _(c: Context) -> Any:
    exact = c["approximate"] == "none"
    if c.opset >= 20:
        return c.op("Gelu", c.x(), approximate=c["approximate"])
    x = c.x()
    if exact:
        inner = c.op("Erf", c.op("Mul", x, c.const(math.sqrt(0.5))))
    else:
        cube = c.op("Mul", c.op("Mul", x, x), x)
        inner = c.op("Add", x, c.op("Mul", cube, c.const(0.044715)))
        inner = c.op("Tanh", c.op("Mul", inner, c.const(math.sqrt(2 / math.pi))))
    return c.op("Mul", c.op("Mul", x, c.op("Add", inner, c.const(1))), c.const(0.5))


@translates("silu")
def _(c: Context) -> Any:
    return c.op("Mul", c.x(), c.op("Sigmoid", c.x()))


@translates("mish")
def _(c: Context) -> Any:
    return c.op("Mish", c.x())


@translates("hardtanh")
def _(c: Context) -> Any:
    return c.op("Clip", c.x(), c.const(c["low"]), c.const(c["high"]))


@translates("hardsigmoid")
def _(c: Context) -> Any:
    return c.op("HardSigmoid", c.x(), alpha=1 / 6, beta=0.5)


@translates("hardswish")
def _(c: Context) -> Any:
    return c.op("HardSwish", c.x())


@translates("softplus")
def _(c: Context) -> Any:
    beta = float(c["beta"])
    if beta == 1:
        return c.op("Softplus", c.x())
    return c.op("Div", c.op("Softplus", c.op("Mul", c.x(), c.const(beta))), c.const(beta))


@translates("logsigmoid")
def _(c: Context) -> Any:
    return c.op("Neg", c.op("Softplus", c.op("Neg", c.x())))


@translates("softshrink", "hardshrink")
def _(c: Context) -> Any:
    lambd = float(c["lambd"])
    return c.op("Shrink", c.x(), lambd=lambd, bias=lambd if c.merged.name == "softshrink" else 0.0)


@translates("tanhshrink")
def _(c: Context) -> Any:
    return c.op("Sub", c.x(), c.op("Tanh", c.x()))


@translates("threshold")
def _(c: Context) -> Any:
    return c.op("Where", c.op("Greater", c.x(), c.const(c["threshold"])), c.x(), c.const(c["value"]))


@translates("glu")
def _(c: Context) -> Any:
    a, b = c.op("Split", c.x(), outputs=2, axis=c["axis"], num_outputs=2)
    return c.op("Mul", a, c.op("Sigmoid", b))


def _softmax(name: str, node: str) -> None:
    def write(c: Context) -> Any:
        if c["axis"] is not None:
            return c.op(node, c.x(), axis=c["axis"])
        one = c.op("Unsqueeze", c.x(), c.ints([0]))
        return c.op("Squeeze", c.op(node, one, axis=0), c.ints([0]))

    _enter(name, write)


_softmax("softmax", "Softmax")
_softmax("log_softmax", "LogSoftmax")


@translates("dropout")
def _(c: Context) -> Any:
    """In training: the file draws its own numbers."""
    scale = float(c["scale"])
    ratio = 1 - 1 / scale if scale else 1.0
    return c.op("Dropout", c.x(), c.graph.constant(np.float32(ratio)), c.graph.constant(np.bool_(True)))
