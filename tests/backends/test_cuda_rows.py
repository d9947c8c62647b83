"""Kernels that work line by line: softmax, its logarithm, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, KINDS, check, needs_compiler, numbers, run, taken

pytestmark = needs_compiler

SIZES = (1, 2, 31, 33, 64, 255, 256, 257, 1023, 1025, 4097)

NAMES = pytest.mark.parametrize("name", ["softmax", "log_softmax"])


@ANY_KIND
@NAMES
@pytest.mark.parametrize("n", SIZES)
def test_rows(name, n, kind):
    x, g = numbers(kind, 3, n), numbers(kind, 3, n, seed=1)
    (out,) = check(name, x, axis=1, kind=kind)
    check(f"{name}_backward", g, out, axis=-1, kind=kind, loose=2)


@NAMES
def test_many_short_rows(name):
    """More rows than the warps of a block, and not a multiple of them; so many that they are taken as columns."""
    for shape in ((77, 12), (4099, 10), (5000, 1)):
        x = numbers("float32", *shape)
        (out,) = check(name, x, axis=1, kind="float32")
        check(f"{name}_backward", x, out, axis=1, kind="float32")


@NAMES
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("n", [8192, 8193, 20003])
def test_rows_longer_than_the_registers_of_a_block(name, n, kind):
    x, g = numbers(kind, 2, n) * KINDS[kind](4), numbers(kind, 2, n, seed=1)
    (out,) = check(name, x, axis=1, kind=kind)
    check(f"{name}_backward", g, out, axis=1, kind=kind, loose=4)


@ANY_KIND
@NAMES
@pytest.mark.parametrize(
    "shape", [(2, 3, 1), (2, 1, 5), (2, 21, 33), (1, 10, 4), (3, 2, 300), (1, 2100, 3), (2, 70, 32)]
)
def test_columns(name, shape, kind):
    x, g = numbers(kind, *shape), numbers(kind, *shape, seed=1)
    (out,) = check(name, x, axis=1, kind=kind)
    check(f"{name}_backward", g, out, axis=1, kind=kind, loose=2)


@NAMES
def test_layouts(name):
    x = numbers("float32", 40, 36)
    for a in (x.T, x[::2, 1::2], x[::-1], np.broadcast_to(x[:1], (5, 36))):
        for axis in (0, 1):
            check(name, a, axis=axis, kind="float32")
    check(name, x.ravel()[1:37], axis=0, kind="float32")  # does not begin at a multiple of 16 bytes


@NAMES
@pytest.mark.parametrize("axis", [0, 1])
def test_what_is_not_finite(name, axis):
    inf, nan = np.inf, np.nan
    row = numbers("float32", 40)
    rows = [row.copy() for _ in range(7)]
    rows[0][3] = inf
    rows[1][:] = -inf
    rows[2][5] = nan
    rows[3][7] = -inf
    rows[4][:20] = -inf
    rows[5][1:3] = inf, -inf
    x = np.stack(rows)
    check(name, x if axis else np.ascontiguousarray(x.T), axis=axis, kind="float32")
    long = np.full((2, 9000), -inf, np.float32)
    long[1, 8999] = 1
    check(name, long, axis=1, kind="float32")


def test_large_numbers_do_not_overflow():
    x = np.array([[1e4, 1e4 + 1, -3e4], [300.0, 200.0, 100.0]], np.float32)
    check("softmax", x, axis=1, kind="float32")
    check("log_softmax", x, axis=1, kind="float32")


def test_sums_are_taken_in_float32():
    """2,000 equal numbers: their sum is beyond what float16 and bfloat16 count exactly."""
    for kind in ("float16", "bfloat16"):
        (out,) = run("softmax", np.zeros((1, 2000), KINDS[kind]), axis=1)
        assert (out == KINDS[kind](1 / 2000)).all()


def test_what_is_left_to_the_generic_body():
    assert not taken("softmax", np.zeros((0, 3), np.float32), axis=1)
    assert not taken("softmax", np.zeros((), np.float32), axis=None)
    assert not taken("softmax", np.zeros((2, 3), np.int64), axis=1)
