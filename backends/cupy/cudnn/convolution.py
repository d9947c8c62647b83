"""Convolution and its two gradients by cuDNN.

Layout: results lie as PyTorch's do, with the channels last if an operand of four or five dimensions lies so, else in
the order of the axes. Operands that lie otherwise (or that do not begin at a multiple of 16 bytes) are copied first.
Strict float32 is fastest in the order of the axes; float16, bfloat16 and TF32 are with the channels last, and where
they do not lie so, cuDNN moves them in its workspace.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any, NamedTuple

from ... import cudnn as settings
from ...kernels import kernel
from ..overrides import OVERRIDES
from . import library, plans

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

X, WEIGHT, BIAS, Y = 1, 2, 3, 4
"""The arrays of a graph by number; the gradients of x, of the weight and to y have the numbers of these."""

MOST = 1 << 31
"""Arrays with as many numbers or more are left to other kernels."""

ALIGNMENT = 16
"""Bytes; cuDNN takes it for granted."""


class Problem(NamedTuple):
    """What a graph is built for. Sizes are those of a convolution from x to y, in any of the three operations."""

    operation: str
    x: Shape
    weight: Shape
    y: Shape
    dtype: str
    channels_last: bool
    bias: bool
    stride: Shape
    padding: Pads
    dilation: Shape

    def label(self) -> str:
        """For messages."""
        layout = "channels last" if self.channels_last else "in order"
        return (
            f"{self.operation} ({self.dtype}, {layout}): x {self.x}, weight {self.weight}, stride {self.stride}, "
            f"padding {self.padding}, dilation {self.dilation}"
        )


def steps(shape: Shape, channels_last: bool) -> list[int]:
    """The strides, in elements, of an array of this shape without gaps."""
    order = (1, *range(len(shape) - 1, 1, -1), 0) if channels_last else range(len(shape) - 1, -1, -1)
    found, step = [0] * len(shape), 1
    for axis in order:
        found[axis] = step
        step *= shape[axis]
    return found


def describe(frontend: Any, graph: Any, problem: Problem) -> None:
    """Put a convolution or one of its gradients into a graph.

    cuDNN's graphs have two spatial axes at least: one of size 1 is put in front of a single one.
    """
    flat = len(problem.x) == 3
    last = problem.channels_last

    def widened(values: Any, value: Any) -> list[Any]:
        return [value, *values] if flat else list(values)

    def sizes(shape: Shape) -> Shape:
        return (*shape[:2], 1, *shape[2:]) if flat else shape

    def tensor(shape: Shape, number: int) -> Any:
        return graph.tensor(dim=list(sizes(shape)), stride=steps(sizes(shape), last), uid=number)

    geometry = {
        "pre_padding": widened((low for low, _ in problem.padding), 0),
        "post_padding": widened((high for _, high in problem.padding), 0),
        "stride": widened(problem.stride, 1),
        "dilation": widened(problem.dilation, 1),
    }
    if problem.operation == "convolution":
        out = graph.conv_fprop(image=tensor(problem.x, X), weight=tensor(problem.weight, WEIGHT), **geometry)
        shape, number = problem.y, Y
        if problem.bias:
            channels = (1, problem.y[1], *(1,) * (len(problem.y) - 2))
            out.set_data_type(plans.compute_type(frontend, problem.dtype))
            out = graph.add(out, tensor(channels, BIAS))
    elif problem.operation == "convolution_input":
        out = graph.conv_dgrad(loss=tensor(problem.y, Y), filter=tensor(problem.weight, WEIGHT), **geometry)
        shape, number = problem.x, X
    else:
        out = graph.conv_wgrad(image=tensor(problem.x, X), loss=tensor(problem.y, Y), **geometry)
        shape, number = problem.weight, WEIGHT
    shape = sizes(shape)
    out.set_output(True).set_dim(list(shape)).set_stride(steps(shape, last)).set_uid(number)
    out.set_data_type(plans.data_type(frontend, problem.dtype))


def out_sizes(sizes: Shape, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape) -> Shape:
    """The spatial sizes of a convolution's result."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    )


# ---------------------------------------------------------------------------------------------------------------------
# From arrays to plans


@functools.lru_cache(maxsize=1024)
def _strides(shape: Shape, itemsize: int, channels_last: bool) -> Shape:
    """The strides in bytes of an array without gaps."""
    return tuple(step * itemsize for step in steps(shape, channels_last))


def _last(array: Any) -> bool:
    """Whether an array lies with its channels last, and in that way only."""
    if array.ndim < 4 or array.flags.c_contiguous:
        return False
    return array.strides == _strides(array.shape, array.itemsize, True)


Found = tuple[Any, plans.Plan, Problem]
"""The library, a plan, and what it was built for."""

_handover = plans.Handover()


def find(
    operation: str, a: Any, b: Any, bias: Any, more: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Found | None:
    """The plan for two operands as they lie; None where there is none.

    Args:
        more: the sizes that the operands do not tell: of x along its axes for its gradient, of the kernel for the
            gradient of the weight.
    """
    there = library.of(a)
    if there is None or not settings.enabled:
        return None
    about = (a.shape, b.shape, a.dtype, b.dtype, _last(a) or _last(b), bias is not None)
    key = (operation, *about, more, stride, padding, dilation, groups, plans.flags(), there.device())
    entry = plans.look(key)
    if entry is None:
        problem = _problem(operation, *about, more, stride, padding, dilation, groups)
        entry = plans.keep(key, problem, lambda chosen: build(there, problem, chosen))
    return None if entry.plan is None else (there, entry.plan, entry.problem)


def _problem(
    operation: str,
    a: Shape,
    b: Shape,
    dtype: Any,
    other: Any,
    channels_last: bool,
    bias: bool,
    more: Shape,
    stride: Shape,
    padding: Pads,
    dilation: Shape,
    groups: int,
) -> Problem:
    if operation == "convolution":
        x, weight = a, b
        y = (a[0], b[0], *out_sizes(a[2:], b[2:], stride, padding, dilation))
    elif operation == "convolution_input":
        y, weight = a, b
        x = (a[0], b[1] * groups, *more)
    else:
        x, y = a, b
        weight = (b[1], a[1] // groups, *more)
    name = dtype.name if dtype == other else f"{dtype.name} and {other.name}"
    return Problem(operation, x, weight, y, name, channels_last, bias, stride, padding, dilation)


def build(there: Any, problem: Problem, chosen: plans.Choice) -> plans.Plan:
    """The plan for a problem.

    Raises:
        Unsupported: there is none.
    """
    if problem.dtype not in plans.DTYPES:
        raise plans.Unsupported(f"cuDNN does not convolve {problem.dtype}")
    most = max(prod(shape) for shape in (problem.x, problem.weight, problem.y))
    if not all(map(prod, (problem.x, problem.weight, problem.y))):
        raise plans.Unsupported("there is nothing to compute")
    if most >= MOST:
        raise plans.Unsupported(f"an array has {most} numbers, and less than {MOST} were expected")
    frontend = there.frontend
    return plans.build(there, lambda graph: describe(frontend, graph, problem), problem.dtype, chosen, problem.label())


def _laid(xp: Any, array: Any, channels_last: bool) -> Any:
    """An array whose memory holds ``array`` in the layout, without gaps and aligned: itself, or a copy."""
    last = channels_last and array.ndim > 1
    if array.strides == _strides(array.shape, array.itemsize, last) and not array.data.ptr % ALIGNMENT:
        return array
    return xp.array(array.transpose(0, *range(2, array.ndim), 1) if last else array, order="C")


def _run(found: Found | None, gpu: Any, number: int, arrays: dict[int, Any]) -> Any:
    """Run a plan on ``arrays``, given by number; the result is the array of ``number``."""
    if found is None:
        raise RuntimeError("cuDNN has no plan for this convolution; nnlite.backends.cudnn.explain() says why")
    (there, plan, problem), xp = found, gpu.xp
    last = problem.channels_last
    laid = {position: _laid(xp, array, last) for position, array in arrays.items()}
    shape = problem.y if number == Y else problem.x if number == X else problem.weight
    dtype = laid[WEIGHT if number != WEIGHT else X].dtype
    if last:
        end = len(shape) - 1
        out = xp.empty((shape[0], *shape[2:], shape[1]), dtype).transpose(0, end, *range(1, end))
    else:
        out = xp.empty(shape, dtype)
    laid[number] = out
    plan.run(there, xp, laid)
    return out


# ---------------------------------------------------------------------------------------------------------------------
# The operations


def _takes(x: Any, weight: Any, bias: Any, *, stride: Shape, padding: Pads, dilation: Shape, groups: int) -> bool:
    given = ("convolution", x, weight, bias, (), stride, padding, dilation, groups)
    return _handover.offer(given, find(*given))


@kernel("convolution", table=OVERRIDES, when=_takes, above=True)
def convolution(
    gpu: Any, x: Any, weight: Any, bias: Any, *, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Any:
    """One plan with the bias added in it, before the one rounding of 16-bit numbers."""
    given = ("convolution", x, weight, bias, (), stride, padding, dilation, groups)
    arrays = {X: x, WEIGHT: weight} if bias is None else {X: x, WEIGHT: weight, BIAS: bias}
    return _run(_handover.take(given) or find(*given), gpu, Y, arrays)


def _takes_input(
    g: Any, weight: Any, *, sizes: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> bool:
    given = ("convolution_input", g, weight, None, sizes, stride, padding, dilation, groups)
    return _handover.offer(given, find(*given))


@kernel("convolution_input", table=OVERRIDES, when=_takes_input, above=True)
def convolution_input(
    gpu: Any, g: Any, weight: Any, *, sizes: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Any:
    """cuDNN's "data gradient"."""
    given = ("convolution_input", g, weight, None, sizes, stride, padding, dilation, groups)
    return _run(_handover.take(given) or find(*given), gpu, X, {Y: g, WEIGHT: weight})


def _takes_weight(x: Any, g: Any, *, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int) -> bool:
    given = ("convolution_weight", x, g, None, kernel, stride, padding, dilation, groups)
    return _handover.offer(given, find(*given))


@kernel("convolution_weight", table=OVERRIDES, when=_takes_weight, above=True)
def convolution_weight(
    gpu: Any, x: Any, g: Any, *, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Any:
    """cuDNN's "filter gradient"."""
    given = ("convolution_weight", x, g, None, kernel, stride, padding, dilation, groups)
    return _run(_handover.take(given) or find(*given), gpu, WEIGHT, {X: x, Y: g})
