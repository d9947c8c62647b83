"""Convolution and its two gradients by cuDNN.

Layout: results lie as PyTorch's do, with the channels last if an operand of four or five dimensions lies so, else in
the order of the axes. Operands that lie otherwise (or that do not begin at a multiple of 16 bytes) are copied first.
Strict float32 is fastest in the order of the axes; float16, bfloat16 and TF32 are with the channels last, and where
they do not lie so, cuDNN moves them in its workspace.
"""

from __future__ import annotations

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


def _last(array: Any) -> bool:
    """Whether an array lies with its channels last, and in that way only."""
    if array.ndim < 4 or array.flags.c_contiguous:
        return False
    return array.transpose(0, *range(2, array.ndim), 1).flags.c_contiguous


def find(
    operation: str, a: Any, b: Any, bias: bool, more: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> tuple[plans.Plan, bool] | None:
    """The plan for two operands as they lie, and whether it has the channels last; None where there is none.

    Args:
        more: the sizes that the operands do not tell: of x along its axes for its gradient, of the kernel for the
            gradient of the weight.
    """
    there = library.of(a)
    if there is None or not settings.enabled:
        return None
    channels_last = _last(a) or _last(b)
    chosen = plans.choice()
    where = there.device()
    key = (operation, a.shape, b.shape, a.dtype, b.dtype, channels_last, bias, more, stride, padding, dilation, groups)
    plan = plans.plan_for(
        (*key, chosen, where),
        lambda: build(there, _problem(*key), chosen),
        lambda: _problem(*key).label(),
    )
    return None if plan is None else (plan, channels_last)


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
    laid = array.transpose(0, *range(2, array.ndim), 1) if channels_last else array
    if not laid.flags.c_contiguous:
        return xp.ascontiguousarray(laid)
    return laid.copy() if laid.data.ptr % ALIGNMENT else laid


def _empty(xp: Any, shape: Shape, dtype: Any, channels_last: bool) -> Any:
    if not channels_last:
        return xp.empty(shape, dtype)
    last = len(shape) - 1
    return xp.empty((shape[0], *shape[2:], shape[1]), dtype).transpose(0, last, *range(1, last))


def _run(found: tuple[plans.Plan, bool] | None, gpu: Any, out: tuple[int, Shape], arrays: dict[int, Any]) -> Any:
    """Run a plan on ``arrays``, given by number; ``out`` is the number and the shape of the result."""
    if found is None:
        raise RuntimeError("cuDNN has no plan for this convolution; nnlite.backends.cudnn.explain() says why")
    (plan, channels_last), xp = found, gpu.xp
    first = next(iter(arrays.values()))
    laid = {number: _laid(xp, a, channels_last and a.ndim > 1) for number, a in arrays.items()}
    number, shape = out
    laid[number] = result = _empty(xp, shape, first.dtype, channels_last)
    plan.run(library.of(first), xp, laid)
    return result


# ---------------------------------------------------------------------------------------------------------------------
# The operations


def _takes(x: Any, weight: Any, bias: Any, *, stride: Shape, padding: Pads, dilation: Shape, groups: int) -> bool:
    return find("convolution", x, weight, bias is not None, (), stride, padding, dilation, groups) is not None


@kernel("convolution", table=OVERRIDES, when=_takes, above=True)
def convolution(
    gpu: Any, x: Any, weight: Any, bias: Any, *, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Any:
    """One plan with the bias added in it, before the one rounding of 16-bit numbers."""
    found = find("convolution", x, weight, bias is not None, (), stride, padding, dilation, groups)
    shape = (x.shape[0], weight.shape[0], *out_sizes(x.shape[2:], weight.shape[2:], stride, padding, dilation))
    arrays = {X: x, WEIGHT: weight} if bias is None else {X: x, WEIGHT: weight, BIAS: bias}
    return _run(found, gpu, (Y, shape), arrays)


def _takes_input(
    g: Any, weight: Any, *, sizes: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> bool:
    return find("convolution_input", g, weight, False, sizes, stride, padding, dilation, groups) is not None


@kernel("convolution_input", table=OVERRIDES, when=_takes_input, above=True)
def convolution_input(
    gpu: Any, g: Any, weight: Any, *, sizes: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Any:
    """cuDNN's "data gradient"."""
    found = find("convolution_input", g, weight, False, sizes, stride, padding, dilation, groups)
    return _run(found, gpu, (X, (g.shape[0], weight.shape[1] * groups, *sizes)), {Y: g, WEIGHT: weight})


def _takes_weight(x: Any, g: Any, *, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int) -> bool:
    return find("convolution_weight", x, g, False, kernel, stride, padding, dilation, groups) is not None


@kernel("convolution_weight", table=OVERRIDES, when=_takes_weight, above=True)
def convolution_weight(
    gpu: Any, x: Any, g: Any, *, kernel: Shape, stride: Shape, padding: Pads, dilation: Shape, groups: int
) -> Any:
    """cuDNN's "filter gradient"."""
    found = find("convolution_weight", x, g, False, kernel, stride, padding, dilation, groups)
    return _run(found, gpu, (WEIGHT, (g.shape[1], x.shape[1] // groups, *kernel)), {X: x, Y: g})
