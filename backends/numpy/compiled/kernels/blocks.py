"""Products of matrices, and matrices turned over, in registers: what convolutions are made of.

A block of a product is kept in registers while it is summed up. Each step of the sum takes one number a row from the
left matrix and some vectors from the right one. Where the numbers of the left matrix are is said by two tables,
``places`` of the rows and ``steps`` of the sum: number (r, k) is at ``places[r] + steps[k]``. So the columns of a
convolution need not be written: its tables say where an image has them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import alone
from .lanes import LANES, data_of, peek, poke

PANEL = 4 * LANES
"""Columns of the right matrix that lie together."""

_I64, _I32, _F32 = ir.IntType(64), ir.IntType(32), ir.FloatType()
_VECTOR = ir.VectorType(_F32, LANES)
_FUSED = ("contract",)


def _data(context: Any, builder: Any, signature: Any, args: Any, position: int) -> Any:
    return data_of(context, builder, signature.args[position], args[position])


def _vector_at(builder: Any, pointer: Any, place: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [place]), _VECTOR.as_pointer())


def _spread(builder: Any, number: Any) -> Any:
    """A vector of the same number."""
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _I32(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES))


def _block(rows: int, vectors: int) -> Any:
    """A function for compiled code: a block of so many rows and vectors of a product.

    ``f(a, a_at, places, first, steps, step, count, b, b_at, b_row, c, c_at, targets, add)``: rows ``places[first]``,
    ... of a, steps ``steps[step]``, ..., rows of b at ``b_at + k b_row``; row r of the result goes to
    ``c_at + targets[first + r]``, in addition to what is there where ``add``.
    """

    @intrinsic
    def function(context: Any, a: Any, a_at: Any, places: Any, first: Any, steps: Any, step: Any, count: Any, b: Any,
                 b_at: Any, b_row: Any, c: Any, c_at: Any, targets: Any, add: Any) -> Any:  # fmt: skip
        i = types.int64
        signature = types.void(a, i, places, i, steps, i, i, b, i, i, c, i, targets, types.boolean)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def data(position: int) -> Any:
                return _data(context, builder, signature, args, position)

            def of_rows(position: int, start: Any) -> list[Any]:
                table = builder.gep(data(position), [args[3]])
                return [builder.gep(start, [builder.load(builder.gep(table, [_I64(r)]))]) for r in range(rows)]

            starts = of_rows(2, builder.gep(data(0), [args[1]]))
            steps, right = builder.gep(data(4), [args[5]]), builder.gep(data(7), [args[8]])
            onto = [
                _vector_at(builder, pointer, _I64(v * LANES))
                for pointer in of_rows(12, builder.gep(data(10), [args[11]]))
                for v in range(vectors)
            ]
            before, count = builder.block, args[6]
            load, loop, end = (builder.append_basic_block(name) for name in ("load", "loop", "end"))
            builder.cbranch(args[13], load, loop)
            builder.position_at_end(load)
            found = [builder.load(place, align=4) for place in onto]
            builder.branch(loop)

            builder.position_at_end(loop)
            k, at, sums = builder.phi(_I64), builder.phi(_I64), [builder.phi(_VECTOR) for _ in onto]
            for block in (before, load):
                k.add_incoming(_I64(0), block)
                at.add_incoming(_I64(0), block)
            for total, value in zip(sums, found, strict=True):
                total.add_incoming(ir.Constant(_VECTOR, [0.0] * LANES), before)
                total.add_incoming(value, load)
            place = builder.load(builder.gep(steps, [k]))
            row = [
                builder.load(_vector_at(builder, right, builder.add(at, _I64(v * LANES))), align=4)
                for v in range(vectors)
            ]
            results = []
            for r, start in enumerate(starts):
                number = _spread(builder, builder.load(builder.gep(start, [place]), align=4))
                for v, vector in enumerate(row):
                    product = builder.fmul(number, vector, flags=_FUSED)
                    results.append(builder.fadd(sums[r * vectors + v], product, flags=_FUSED))
            following = builder.add(k, _I64(1))
            k.add_incoming(following, loop)
            at.add_incoming(builder.add(at, args[9]), loop)
            for total, value in zip(sums, results, strict=True):
                total.add_incoming(value, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, end)

            builder.position_at_end(end)
            for pointer, value in zip(onto, results, strict=True):
                builder.store(value, pointer, align=4)
            return cgutils.get_null_value(ir.IntType(8).as_pointer())

        return signature, generate

    return function


_6x4, _2x4, _8x2, _2x2, _8x1, _2x1 = (_block(r, v) for r, v in ((6, 4), (2, 4), (8, 2), (2, 2), (8, 1), (2, 1)))


@alone
def multiply(a, a_at, places, first, rows, steps, step, count, b, b_at, vectors, c, c_at, targets, add):
    """The product of so many rows, an even number, with one panel of b, of 1 to 4 vectors; ``count`` is not 0."""
    b_row, stop = vectors * 16, first + rows
    if vectors == 4:
        r = first
        while r + 6 <= stop:
            _6x4(a, a_at, places, r, steps, step, count, b, b_at, b_row, c, c_at, targets, add)
            r += 6
        while r < stop:
            _2x4(a, a_at, places, r, steps, step, count, b, b_at, b_row, c, c_at, targets, add)
            r += 2
        return
    v = 0
    if vectors >= 2:
        r, v = first, 2
        while r + 8 <= stop:
            _8x2(a, a_at, places, r, steps, step, count, b, b_at, b_row, c, c_at, targets, add)
            r += 8
        while r < stop:
            _2x2(a, a_at, places, r, steps, step, count, b, b_at, b_row, c, c_at, targets, add)
            r += 2
    if v < vectors:
        r, b_at, c_at = first, b_at + v * 16, c_at + v * 16
        while r + 8 <= stop:
            _8x1(a, a_at, places, r, steps, step, count, b, b_at, b_row, c, c_at, targets, add)
            r += 8
        while r < stop:
            _2x1(a, a_at, places, r, steps, step, count, b, b_at, b_row, c, c_at, targets, add)
            r += 2


def _turned(shifted: bool) -> Any:
    """A function for compiled code that turns a square of 16 by 16 numbers over.

    ``f(source, at, pitch, target, to, targets, first, shift, shift_at)``: the rows of the square are at
    ``at + i pitch``; its column j becomes a row at ``to + targets[first + j]``, plus ``shift[shift_at + j]`` where
    ``shifted``.
    """

    @intrinsic
    def function(context: Any, source: Any, at: Any, pitch: Any, target: Any, to: Any, targets: Any, first: Any,
                 shift: Any, shift_at: Any) -> Any:  # fmt: skip
        i = types.int64
        signature = types.void(source, i, i, target, i, targets, i, shift, i)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start, onto, table, shifts = (
                builder.gep(_data(context, builder, signature, args, array), [args[place]])
                for array, place in ((0, 1), (3, 4), (5, 6), (7, 8))
            )
            v = [builder.load(_vector_at(builder, start, builder.mul(args[2], _I64(r))), align=4) for r in range(LANES)]
            distance = LANES // 2
            while distance:
                lanes = range(LANES)
                low = [lane if not lane & distance else LANES + lane - distance for lane in lanes]
                high = [lane + distance if not lane & distance else LANES + lane for lane in lanes]
                masks = [ir.Constant(ir.VectorType(_I32, LANES), mask) for mask in (low, high)]
                for r in lanes:
                    if not r & distance:
                        pair = v[r], v[r + distance]
                        v[r], v[r + distance] = (builder.shuffle_vector(*pair, mask) for mask in masks)
                distance //= 2
            for j in range(LANES):
                place = builder.load(builder.gep(table, [_I64(j)]))
                if shifted:
                    number = _spread(builder, builder.load(builder.gep(shifts, [_I64(j)]), align=4))
                    v[j] = builder.fadd(v[j], number)
                builder.store(v[j], _vector_at(builder, onto, place), align=4)
            return cgutils.get_null_value(ir.IntType(8).as_pointer())

        return signature, generate

    return function


_turn, _turn_and_shift = _turned(False), _turned(True)


@alone
def turn(source, at, pitch, rows, columns, target, to, targets, first):
    """A matrix of so many rows turned over: column j becomes a row at ``to + targets[first + j]``."""
    whole, across = rows // 16 * 16, columns // 16 * 16
    for r in range(0, whole, 16):
        for j in range(0, across, 16):
            _turn(source, at + r * pitch + j, pitch, target, to + r, targets, first + j, source, 0)
    for j in range(columns):
        place = to + targets[first + j]
        for r in range(whole if j < across else 0, rows):
            poke(target, place + r, peek(source, at + r * pitch + j))


@alone
def turn_and_shift(source, at, pitch, rows, columns, target, to, targets, first, shift, shift_at):
    """The same plus ``shift[shift_at + j]`` for column j."""
    whole, across = rows // 16 * 16, columns // 16 * 16
    for r in range(0, whole, 16):
        for j in range(0, across, 16):
            _turn_and_shift(source, at + r * pitch + j, pitch, target, to + r, targets, first + j, shift, shift_at + j)
    for j in range(columns):
        place, more = to + targets[first + j], shift[shift_at + j]
        for r in range(whole if j < across else 0, rows):
            poke(target, place + r, peek(source, at + r * pitch + j) + more)
