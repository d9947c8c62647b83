"""Max pooling of planes: each output position has a start on the plane, each place of the window an offset from it.

Sixteen output positions are one vector, whatever the stride and the width: their numbers are gathered, so that no loop
is as short as a row, and maxima and places are chosen without a branch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import in_order
from .lanes import LANES, peek, poke


@intrinsic
def _largest_of_16(context: Any, x: Any, at: Any, starts: Any, p: Any, offsets: Any, first: Any, values: Any,
                   where: Any, to: Any) -> Any:  # fmt: skip
    """The largest of ``x[at + starts[p] + offsets[k]]`` over k, and its k, for 16 positions from ``p`` on, written to
    ``values`` and ``where`` from ``to`` on. The first of equal numbers counts, and the last NaN."""
    integer = types.int64
    signature = types.void(x, integer, starts, integer, offsets, first, values, where, integer)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def array(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, args[position])

        def vector(kind: Any, position: int, place: Any) -> Any:
            return builder.bitcast(builder.gep(array(position).data, [place]), ir.VectorType(kind, LANES).as_pointer())

        f32, i32, i8, i64 = ir.FloatType(), ir.IntType(32), ir.IntType(8), ir.IntType(64)
        base, source, places = builder.load(vector(i32, 2, args[3]), align=4), array(0).data, array(4)
        lanes = [builder.sext(builder.extract_element(base, i32(lane)), i64) for lane in range(LANES)]

        def gather(k: Any) -> Any:
            offset = builder.sext(builder.load(builder.gep(places.data, [k])), i64)
            begin = builder.gep(source, [builder.add(args[1], offset)])
            numbers = ir.Constant(ir.VectorType(f32, LANES), ir.Undefined)
            for lane, start in enumerate(lanes):
                numbers = builder.insert_element(numbers, builder.load(builder.gep(begin, [start])), i32(lane))
            return numbers

        best, mine = (
            cgutils.alloca_once_value(builder, gather(i64(0))),
            cgutils.alloca_once_value(builder, builder.load(vector(i8, 5, args[3]), align=1)),
        )
        count = builder.extract_value(places.shape, 0)
        with cgutils.for_range_slice(builder, i64(1), count, i64(1)) as (k, _):
            numbers, before = gather(k), builder.load(best)
            larger = builder.or_(
                builder.fcmp_ordered(">", numbers, before), builder.fcmp_unordered("uno", numbers, numbers)
            )
            number = builder.insert_element(
                ir.Constant(ir.VectorType(i8, LANES), ir.Undefined), builder.trunc(k, i8), i32(0)
            )
            spread = builder.shuffle_vector(number, number, ir.Constant(ir.VectorType(i32, LANES), [0] * LANES))
            builder.store(builder.select(larger, numbers, before), best)
            builder.store(builder.select(larger, spread, builder.load(mine)), mine)
        builder.store(builder.load(best), vector(f32, 6, args[8]), align=4)
        builder.store(builder.load(mine), vector(i8, 7, args[8]), align=1)
        return cgutils.get_null_value(i8.as_pointer())

    return signature, generate


@in_order
def _largest_of(x, at, starts, p, offsets, first, values, where, to):
    """The same for one position."""
    best, place = peek(x, at + starts[p] + offsets[0]), first[p]
    for k in range(1, len(offsets)):
        v = peek(x, at + starts[p] + offsets[k])
        if v > best or v != v:
            best, place = v, np.uint8(k)
    poke(values, to, best)
    poke(where, to, place)


@in_order
def _surround(x, at, height, width, around, pitch, top, left):
    """A plane written into the middle of ``around``."""
    for y in range(height):
        to, source = (top + y) * pitch + left, at + y * width
        for i in range(width):
            poke(around, to + i, peek(x, source + i))


@in_order
def largest(x, height, width, around, pitch, top, left, starts, offsets, first, values, where, start, stop):
    """The maxima of the planes from ``start`` to ``stop``, and the number of the place in its window of each: of the
    first of equal ones, and of the last NaN; ``first`` where all are minus infinity.

    All arrays are flat. ``around`` is empty, or has the size of a plane with what is around it, filled with minus
    infinity; its rows are ``pitch`` long.
    """
    positions, size = len(starts), height * width
    for plane in range(start, stop):
        source, at = x, plane * size
        if len(around):
            _surround(x, at, height, width, around, pitch, top, left)
            source, at = around, 0
        to = plane * positions
        if positions < LANES:
            for p in range(positions):
                _largest_of(source, at, starts, p, offsets, first, values, where, to + p)
            continue
        for begin in range(0, positions, LANES):
            p = min(begin, positions - LANES)  # the last vector overlaps the one before
            _largest_of_16(source, at, starts, p, offsets, first, values, where, to + p)


@in_order
def positions_of(where, starts, offsets, out, start, stop):
    """The places of the planes from ``start`` to ``stop`` as positions on the plane."""
    positions = len(starts)
    for plane in range(start, stop):
        to = plane * positions
        for p in range(positions):
            poke(out, to + p, np.int64(peek(starts, p) + peek(offsets, np.int64(peek(where, to + p)))))


@in_order
def scatter(g, where, starts, offsets, size, out, start, stop):
    """Zeros on the planes from ``start`` to ``stop`` of ``out``, and each number of ``g`` added at its place."""
    positions = len(starts)
    for plane in range(start, stop):
        to, at = plane * size, plane * positions
        for i in range(to, to + size):
            poke(out, i, np.float32(0))
        for p in range(positions):
            place = to + peek(starts, p) + peek(offsets, np.int64(peek(where, at + p)))
            poke(out, place, peek(out, place) + peek(g, at + p))
