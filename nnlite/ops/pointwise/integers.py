"""Elementwise functions of integers: common divisors and multiples, shifts of bits."""

from __future__ import annotations

from ..._core.op import binary
from .._documented import taking, two

gcd = binary("gcd", taking("iu", "gcd", "gcd"))
lcm = binary("lcm", taking("iu", "lcm", "lcm"))
bitwise_left_shift = binary("bitwise_left_shift", taking("iu", "lshift", "left_shift"))
bitwise_right_shift = binary("bitwise_right_shift", taking("iu", "rshift", "right_shift"))

_RAISES = "NotImplementedError: the operands are no integers."

two(gcd, "The greatest common divisor of x and y, not negative; 0 for two zeros.",
    ("gcd(nnlite.tensor([12, 7]), nnlite.tensor([18, 21]))", "tensor([6, 7])"), function_in_place=True,
    raises=_RAISES)  # fmt: skip
two(lcm, "The least common multiple of x and y, not negative; 0 where one of them is 0.",
    ("lcm(nnlite.tensor([4, 7]), nnlite.tensor([6, 21]))", "tensor([12, 21])"), function_in_place=True,
    raises=_RAISES)  # fmt: skip
two(bitwise_left_shift, "The bits of x moved up by y places, x 2^y; 0 where y is not below the number of bits.",
    ("bitwise_left_shift(nnlite.tensor([1, 3]), 2)", "tensor([ 4, 12])"), numbers="both", dunder="lshift",
    raises=_RAISES)  # fmt: skip
two(bitwise_right_shift, "The bits of x moved down by y places, x / 2^y rounded down.",
    ("bitwise_right_shift(nnlite.tensor([8, -3]), 1)", "tensor([ 4, -2])"), numbers="both", dunder="rshift",
    raises=_RAISES)  # fmt: skip
