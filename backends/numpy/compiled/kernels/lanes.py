"""Vectors in compiled code, where LLVM does not find them by itself.

``peek`` and ``poke`` read and write a flat array at a place that is known to be inside. numba's own brackets test for
places counted from the end, and a loop with such a test has no vectors.

``transform`` makes the same small transform of many neighbouring numbers at once. LLVM does not see that a step which
reads and writes many arrays can be taken for several numbers together, so the vector code is written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
"""Numbers in a vector: 64 bytes of float32, which LLVM divides where the processor has shorter ones."""

_FUSED = ("contract",)
"""A product and a sum may become one instruction."""

_VECTOR = ir.VectorType(ir.FloatType(), LANES)


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Where the numbers of an array begin. numba's own way puts the whole array into memory for it."""
    return builder.extract_value(array, context.data_model_manager[kind].get_field_position("data"))


@intrinsic
def peek(context: Any, array: Any, at: Any) -> Any:
    """``array[at]``."""
    if array.layout != "C":
        return None
    signature = array.dtype(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = data_of(context, builder, signature.args[0], args[0])
        return builder.load(builder.gep(data, [args[1]]))

    return signature, generate


@intrinsic
def poke(context: Any, array: Any, at: Any, value: Any) -> Any:
    """``array[at] = value``."""
    if array.layout != "C":
        return None
    signature = types.void(array, types.int64, array.dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = data_of(context, builder, signature.args[0], args[0])
        builder.store(args[2], builder.gep(data, [args[1]]))
        return cgutils.get_null_value(ir.IntType(8).as_pointer())

    return signature, generate


@intrinsic
def in_line(context: Any, array: Any) -> Any:
    """The numbers of a contiguous array in one line. numba's ``reshape`` takes long to compile."""
    result = types.Array(array.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given, made = context.make_array(array)(context, builder, args[0]), context.make_array(result)(context, builder)
        null = cgutils.get_null_value(given.meminfo.type)
        shape, strides = (cgutils.pack_array(builder, [n]) for n in (given.nitems, given.itemsize))
        made.meminfo, made.parent = null, cgutils.get_null_value(given.parent.type)
        made.nitems, made.itemsize, made.data = given.nitems, given.itemsize, given.data
        made.shape, made.strides = shape, strides
        return made._getvalue()

    if array.layout == "C":
        return result(array), generate
    return None


def numbers_at(kind: Any) -> Any:
    """A function for compiled code: the numbers of this type at an address, for ``peek`` and ``poke``; how many there
    are is not known."""

    @intrinsic
    def function(context: Any, address: Any) -> Any:
        result = types.Array(kind, 1, "C")

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(result)(context, builder)
            array.data = builder.inttoptr(args[0], array.data.type)
            return array._getvalue()

        return result(types.int64), generate

    return function


def _combination(builder: Any, coefficients: Any, vectors: list[Any]) -> Any:
    """The sum of vectors times constants; zeros are left out, ones not multiplied."""
    total = None
    for coefficient, vector in sorted(zip(coefficients, vectors, strict=True), key=lambda pair: abs(pair[0]) != 1):
        if coefficient == 0:
            continue
        if coefficient == 1:
            total = vector if total is None else builder.fadd(total, vector)
        elif coefficient == -1 and total is not None:
            total = builder.fsub(total, vector)
        else:
            factor = ir.Constant(_VECTOR, [ir.Constant(ir.FloatType(), float(np.float32(coefficient)))] * LANES)
            part = builder.fmul(factor, vector, flags=_FUSED)
            total = part if total is None else builder.fadd(total, part, flags=_FUSED)
    return total


def transform(matrix: np.ndarray) -> Any:
    """A function for compiled code: M d M' of a square d of vectors, for the constant matrix M.

    ``f(source, at, row, column, target, to, target_row, target_column)``: the vectors of d begin in the flat array
    ``source`` at ``at + i row + j column``, those of the result in ``target``.
    """
    results, size = matrix.shape

    @intrinsic
    def function(context: Any, source: Any, at: Any, row: Any, column: Any, target: Any, to: Any, target_row: Any,
                 target_column: Any) -> Any:  # fmt: skip
        integer = types.int64
        signature = types.void(source, integer, integer, integer, target, integer, integer, integer)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def pointer(position: int, i: int, j: int) -> Any:
                data = data_of(context, builder, signature.args[position], args[position])
                start, rows, columns = args[position + 1 : position + 4]
                steps = [builder.mul(rows, rows.type(i)), builder.mul(columns, columns.type(j))]
                place = builder.gep(data, [builder.add(start, builder.add(*steps))])
                return builder.bitcast(place, _VECTOR.as_pointer())

            d = [[builder.load(pointer(0, i, j), align=4) for j in range(size)] for i in range(size)]
            half = [
                [_combination(builder, matrix[a], [d[i][j] for i in range(size)]) for j in range(size)]
                for a in range(results)
            ]
            for a in range(results):
                for b in range(results):
                    builder.store(_combination(builder, matrix[b], half[a]), pointer(4, a, b), align=4)
            return cgutils.get_null_value(ir.IntType(8).as_pointer())

        return signature, generate

    return function
