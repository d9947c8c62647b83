"""Single precision products of matrices from compiled code: NumPy's own BLAS, called through its address."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .lanes import data_of

NORMAL, TRANSPOSED = 111, 112
"""How a matrix is taken, as CBLAS numbers it."""

_ROWS = 101


@intrinsic
def sgemm(context: Any, address: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any, a: Any, a_at: Any, lda: Any, b: Any,
          b_at: Any, ldb: Any, beta: Any, c: Any, c_at: Any, ldc: Any) -> Any:  # fmt: skip
    """c = a b + beta c for matrices by rows: a is (m, k), b (k, n) and c (m, n); each begins at an element of a flat
    array, and ``ld`` is the distance of its rows. The address is an argument so that compiled code can be kept."""
    integer = types.int64
    signature = types.void(
        integer, integer, integer, integer, integer, integer, a, integer, integer, b, integer, integer,
        types.float32, c, integer, integer,
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32, i64, f32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
        pointer = f32.as_pointer()

        def at(position: int) -> Any:
            data = data_of(context, builder, signature.args[position], args[position])
            return builder.gep(data, [args[position + 1]])

        kinds = [i32, i32, i32, i64, i64, i64, f32, pointer, i64, pointer, i64, f32, pointer, i64]
        function = builder.inttoptr(args[0], ir.FunctionType(ir.VoidType(), kinds).as_pointer())
        ta, tb = (builder.trunc(args[i], i32) for i in (1, 2))
        builder.call(
            function,
            [ir.Constant(i32, _ROWS), ta, tb, args[3], args[4], args[5], ir.Constant(f32, 1.0), at(6), args[8], at(9),
             args[11], args[12], at(13), args[15]],
        )  # fmt: skip
        return cgutils.get_null_value(ir.IntType(8).as_pointer())

    return signature, generate
