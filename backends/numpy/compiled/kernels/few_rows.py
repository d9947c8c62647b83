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

from .jit import alone, compiled
from .lanes import LANES, data_of, peek, poke

_LONG = binding.get_host_cpu_features().get("avx512f", False)
VECTORS = 2 if _LONG else 1
WIDTH = VECTORS * LANES
"""Columns of a panel."""

_MOST = 14 if _LONG else 6
"""Rows at once: their sums, and a line of the panel, fit the processor's registers."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_ZERO = ir.Constant(_VECTOR, [ir.Constant(ir.FloatType(), 0.0)] * LANES)


def _tile(builder: Any, rows: int, depth: Any, source: Any, lines: Any, target: Any) -> None:
    """So many rows times a panel.

    Args:
        source: ``(row, k)`` gives the number there, ``lines(k, v)`` the place of a vector of the panel, and
            ``target(row, v)`` that of a vector of the result.
    """
    sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(VECTORS)] for _ in range(rows)]
    for each in sums:
        for total in each:
            builder.store(_ZERO, total)
    with cgutils.for_range(builder, depth) as loop:
        columns = [builder.load(lines(loop.index, v), align=4) for v in range(VECTORS)]
        for r in range(rows):
            first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), source(r, loop.index), ir.IntType(32)(0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
            spread = builder.shuffle_vector(first, ir.Constant(_VECTOR, ir.Undefined), mask)
            for total, column in zip(sums[r], columns, strict=True):
                product = builder.fmul(spread, column, flags=("contract",))
                builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
    for r in range(rows):
        for v in range(VECTORS):
            builder.store(builder.load(sums[r][v]), target(r, v), align=4)


@intrinsic
def _rows(context: Any, rows: Any, a: Any, at: Any, step: Any, panel: Any, start: Any, depth: Any, out: Any, to: Any,
          pitch: Any) -> Any:  # fmt: skip
    """``rows`` (at most ``_MOST``) rows of ``a`` times a panel, into ``out``: a piece of code for each number of rows,
    since 14 rows take as long as twice 4 that wait for their sums."""
    integer = types.int64
    signature = types.void(integer, a, integer, integer, panel, integer, integer, out, integer, integer)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def data(position: int) -> Any:
            return data_of(context, builder, signature.args[position], args[position])

        def vector(base: Any, place: Any) -> Any:
            return builder.bitcast(builder.gep(base, [place]), _VECTOR.as_pointer())

        def row(first: Any, distance: Any, r: int) -> Any:
            return builder.add(first, builder.mul(distance, whole(r)))

        count, a, at, step, panel, start, depth, out, to, pitch = args
        whole = at.type
        a, panel, out = data(1), data(4), data(7)
        done = builder.append_basic_block("done")
        choice = builder.switch(count, done)
        for rows in range(1, _MOST + 1):
            block = builder.append_basic_block(f"rows{rows}")
            choice.add_case(whole(rows), block)
            builder.position_at_end(block)
            _tile(
                builder,
                rows,
                depth,
                lambda r, k: builder.load(builder.gep(a, [builder.add(row(at, step, r), k)])),
                lambda k, v: vector(
                    panel, builder.add(builder.add(start, builder.mul(k, whole(WIDTH))), whole(v * LANES))
                ),
                lambda r, v: vector(out, builder.add(row(to, pitch, r), whole(v * LANES))),
            )
            builder.branch(done)
        builder.position_at_end(done)
        return cgutils.get_null_value(ir.IntType(8).as_pointer())

    return signature, generate


@intrinsic
def _turn(context: Any, matrix: Any, at: Any, across: Any, panels: Any, to: Any) -> Any:
    """LANES x LANES numbers whose rows are ``across`` apart, transposed, into the lines of a panel."""
    integer = types.int64
    signature = types.void(matrix, integer, integer, panels, integer)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source, target = (data_of(context, builder, signature.args[i], args[i]) for i in (0, 3))

        def place(base: Any, first: Any, distance: Any) -> Any:
            return builder.bitcast(builder.gep(base, [builder.add(first, distance)]), _VECTOR.as_pointer())

        whole = args[1].type
        rows = [builder.load(place(source, args[1], builder.mul(args[2], whole(i))), align=4) for i in range(LANES)]
        words = ir.VectorType(ir.IntType(32), LANES)
        d = 1
        while d < LANES:  # rows i and i + d exchange the blocks of d numbers that lie crosswise
            low = ir.Constant(words, [j if not j & d else LANES + j - d for j in range(LANES)])
            high = ir.Constant(words, [j + d if not j & d else LANES + j for j in range(LANES)])
            for i in range(LANES):
                if not i & d:
                    pair = rows[i], rows[i + d]
                    rows[i], rows[i + d] = (builder.shuffle_vector(*pair, mask) for mask in (low, high))
            d *= 2
        for i, row in enumerate(rows):
            builder.store(row, place(target, args[4], whole(i * WIDTH)), align=4)
        return cgutils.get_null_value(ir.IntType(8).as_pointer())

    return signature, generate


@compiled
def lay_out(matrix, depth, step, columns, across, panels):
    """The panels of a matrix whose number (k, j) is at ``k step + j across``: (depth, WIDTH) for each WIDTH columns,
    with zeros beyond the last."""
    for first in range(0, columns, WIDTH):
        at = first * depth
        width = min(WIDTH, columns - first)
        done = 0
        if step == 1 and width == WIDTH:
            done = depth // LANES * LANES
            for j in range(0, WIDTH, LANES):
                for k in range(0, done, LANES):
                    _turn(matrix, k + (first + j) * across, across, panels, at + k * WIDTH + j)
        for k in range(done, depth):
            for j in range(width):
                poke(panels, at + k * WIDTH + j, peek(matrix, k * step + (first + j) * across))
            for j in range(width, WIDTH):
                poke(panels, at + k * WIDTH + j, 0.0)


@alone
def times(a, at, step, rows, panels, depth, columns, out, pitch):
    """Rows of ``a``, from ``at`` on at distances ``step``, times a matrix in panels, into the rows of ``out``.

    Each sum goes along the depth in order, whatever the number of rows."""
    parts = (rows + _MOST - 1) // _MOST
    for first in range(0, columns, WIDTH):
        for part in range(parts):
            i = rows * part // parts
            some = rows * (part + 1) // parts - i
            _rows(some, a, at + i * step, step, panels, first * depth, depth, out, i * pitch + first, pitch)
