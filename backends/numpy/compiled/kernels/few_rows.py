"""Products of a few rows with one matrix, again and again: the matrix is laid out once, in panels of columns that are
read in order.

BLAS lays out its operands at each call, which for a few rows takes longer than the product.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import compiled
from .lanes import LANES, peek, poke

_LONG = binding.get_host_cpu_features().get("avx512f", False)
VECTORS = 2 if _LONG else 1
WIDTH = VECTORS * LANES
"""Columns of a panel."""

_MANY, _SOME = (8, 4) if _LONG else (4, 2)
"""Rows at once: their sums, and a line of the panel, fit the processor's registers."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)


def _tile(rows: int) -> Any:
    """``f(a, at, step, panel, from, depth, out, to, pitch)``: so many rows of ``a`` times a panel, into ``out``."""

    @intrinsic
    def function(context: Any, a: Any, at: Any, step: Any, panel: Any, start: Any, depth: Any, out: Any, to: Any,
                 pitch: Any) -> Any:  # fmt: skip
        integer = types.int64
        signature = types.void(a, integer, integer, panel, integer, integer, out, integer, integer)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def data(position: int) -> Any:
                return context.make_array(signature.args[position])(context, builder, args[position]).data

            def vector(base: Any, place: Any) -> Any:
                return builder.bitcast(builder.gep(base, [place]), _VECTOR.as_pointer())

            source, lines, target = data(0), data(3), data(6)
            whole = args[1].type
            zero = ir.Constant(_VECTOR, [ir.Constant(ir.FloatType(), 0.0)] * LANES)
            sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(VECTORS)] for _ in range(rows)]
            for each in sums:
                for total in each:
                    builder.store(zero, total)
            with cgutils.for_range(builder, args[5]) as loop:
                line = builder.add(args[4], builder.mul(loop.index, whole(WIDTH)))
                columns = [
                    builder.load(vector(lines, builder.add(line, whole(v * LANES))), align=4) for v in range(VECTORS)
                ]
                for r in range(rows):
                    place = builder.add(builder.add(args[1], builder.mul(args[2], whole(r))), loop.index)
                    number = builder.load(builder.gep(source, [place]))
                    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.IntType(32)(0))
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
                    spread = builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), mask)
                    for total, column in zip(sums[r], columns, strict=True):
                        product = builder.fmul(spread, column, flags=("contract",))
                        builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
            for r in range(rows):
                row = builder.add(args[7], builder.mul(args[8], whole(r)))
                for v in range(VECTORS):
                    builder.store(builder.load(sums[r][v]), vector(target, builder.add(row, whole(v * LANES))), align=4)
            return cgutils.get_null_value(ir.IntType(8).as_pointer())

        return signature, generate

    return function


_many, _some, _one = _tile(_MANY), _tile(_SOME), _tile(1)


@compiled
def lay_out(matrix, depth, step, columns, across, panels):
    """The panels of a matrix whose number (k, j) is at ``k step + j across``: (depth, WIDTH) for each WIDTH columns,
    with zeros beyond the last."""
    for first in range(0, columns, WIDTH):
        at = first * depth
        width = min(WIDTH, columns - first)
        if across == 1:
            for k in range(depth):
                for j in range(width):
                    poke(panels, at + k * WIDTH + j, peek(matrix, k * step + first + j))
        else:
            for j in range(width):
                for k in range(depth):
                    poke(panels, at + k * WIDTH + j, peek(matrix, k * step + (first + j) * across))
        for k in range(depth):
            for j in range(width, WIDTH):
                poke(panels, at + k * WIDTH + j, 0.0)


@compiled
def times(a, at, step, rows, panels, depth, columns, out, pitch):
    """Rows of ``a``, from ``at`` on at distances ``step``, times a matrix in panels, into the rows of ``out``.

    Each sum goes along the depth in order, whatever the number of rows."""
    for first in range(0, columns, WIDTH):
        i = 0
        while i + _MANY <= rows:
            _many(a, at + i * step, step, panels, first * depth, depth, out, i * pitch + first, pitch)
            i += _MANY
        while i + _SOME <= rows:
            _some(a, at + i * step, step, panels, first * depth, depth, out, i * pitch + first, pitch)
            i += _SOME
        while i < rows:
            _one(a, at + i * step, step, panels, first * depth, depth, out, i * pitch + first, pitch)
            i += 1
