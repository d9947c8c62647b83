"""Philox 4x64-10, the generator of all random numbers here, as NumPy has it.

Source: J. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import in_order
from .lanes import poke


@intrinsic
def _high(context: Any, x: Any, y: Any) -> Any:
    """The upper 64 of the 128 bits of a product."""
    signature = types.uint64(types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(a, wide) for a in args))
        return builder.trunc(builder.lshr(product, wide(64)), ir.IntType(64))

    return signature, generate


@intrinsic
def _one_by_one(context: Any) -> Any:
    """An empty instruction that must be carried out each time, so that LLVM makes no vectors of a loop: processors have
    the product of 64 bits for single numbers only, and taking vectors apart for it takes three times as long."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True)
        return cgutils.get_null_value(ir.IntType(8).as_pointer())

    return types.void(), generate


_FIRST, _SECOND = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_STEP, _OTHER_STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_0 = np.uint64(0)


@in_order
def philox(seed, counter, out, start, stop):
    """The blocks from ``start`` to ``stop`` of 4 words of 64 bits each, into ``out``; block i is that of the counter
    ``counter + 1 + i``."""
    for block in range(start, stop):
        _one_by_one()
        a, b, c, d = np.uint64(counter + np.uint64(block + 1)), _0, _0, _0
        key, other = seed, _0
        for _ in range(10):
            a, b, c, d = _high(_SECOND, c) ^ b ^ key, _SECOND * c, _high(_FIRST, a) ^ d ^ other, _FIRST * a
            key += _STEP
            other += _OTHER_STEP
        at = 4 * block
        poke(out, at, a)
        poke(out, at + 1, b)
        poke(out, at + 2, c)
        poke(out, at + 3, d)


@in_order
def word(seed, counter, i):
    """Word ``i`` of 32 bits of the stream from the block after ``counter`` on."""
    a, b, c, d = counter + np.uint64(i // 8 + 1), _0, _0, _0
    key, other = seed, _0
    for _ in range(10):
        a, b, c, d = _high(_SECOND, c) ^ b ^ key, _SECOND * c, _high(_FIRST, a) ^ d ^ other, _FIRST * a
        key += _STEP
        other += _OTHER_STEP
    place = i % 8
    both = (a if place < 2 else b) if place < 4 else (c if place < 6 else d)
    return np.uint32(both >> np.uint64(32 * (place % 2)))
