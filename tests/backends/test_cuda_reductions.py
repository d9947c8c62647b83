"""Kernels that reduce arrays over some of their axes."""

from __future__ import annotations

import numpy as np
import pytest
from on_emulator import ANY_KIND, KINDS, check, needs_compiler, numbers, run, taken

from nnlite.backends.cupy.reductions import plan

pytestmark = needs_compiler

NAMES = ("sum", "mean", "amax", "amin", "norm2")

NAMED = pytest.mark.parametrize("name", NAMES)


@ANY_KIND
@NAMED
@pytest.mark.parametrize("n", [1, 31, 33, 257, 1023, 1025, 4097, 20001])
def test_rows_columns_and_all(name, n, kind):
    x = numbers(kind, 3, n)
    for axis in ((1,), (0,), (0, 1), None):
        check(name, x, axis=axis, keepdims=axis != (0,), kind=kind)
    check(name, x.reshape(n, 3), axis=(0,), keepdims=False, kind=kind)


@NAMED
@pytest.mark.parametrize("axis", [(0, 2, 3), (1, 2), (0, 2), (1,), (3,), (0, 1, 2), (2, 3), (1, 2, 3), (0, 3), (-1,)])
def test_several_axes(name, axis):
    for shape in ((2, 3, 4, 8), (3, 2, 5, 3), (1, 3, 1, 7), (2, 1, 33, 1), (1, 1, 1, 1)):
        if axis == (0, 2) and shape[3] > 1:
            continue  # reduced, kept, reduced, kept: left to the generic body
        for keepdims in (False, True):
            check(name, numbers("float32", *shape), axis=axis, keepdims=keepdims, kind="float32")


@pytest.mark.parametrize("name", ["sum", "amax"])
def test_shared_out_to_parts(name):
    for shape, axis in (((2, 40000), (1,)), ((1000, 33), (0,)), ((3, 700, 5), (1,)), ((6, 2, 9000), (0, 2))):
        for kind in ("float32", "bfloat16"):
            check(name, numbers(kind, *shape), axis=axis, keepdims=False, kind=kind, loose=2)
    check(name, numbers("float32", 300000), axis=None, keepdims=False, kind="float32", loose=2)


@NAMED
def test_many_short_rows(name):
    check(name, numbers("float32", 5000, 7), axis=(1,), keepdims=False, kind="float32")
    check(name, numbers("float16", 100, 50, 1), axis=(1, 2), keepdims=True, kind="float16")


@NAMED
def test_layouts(name):
    x = numbers("float32", 4, 5, 6)
    for a in (x.transpose(2, 0, 1), x.transpose(1, 2, 0), x.transpose(0, 2, 1)):
        for axis in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 2), None):
            if taken(name, a, axis=axis, keepdims=False):
                check(name, a, axis=axis, keepdims=False, kind="float32")
                check(name, a, axis=axis, keepdims=True, kind="float32")
    for a in (x[::2], x[:, :, ::-1], np.broadcast_to(x[:, :1], x.shape)):
        assert not taken(name, a, axis=(0,), keepdims=False)
    check(name, x.ravel()[1:38], axis=(0,), keepdims=False, kind="float32")  # not at a multiple of 16 bytes


@NAMED
def test_what_is_not_finite(name):
    x = numbers("float32", 6, 40)
    x[0, 3], x[1, 5], x[2, 7], x[3, 1], x[3, 9] = np.inf, -np.inf, np.nan, np.inf, -np.inf
    x[4] = -np.inf
    for axis in ((0,), (1,), None):
        check(name, x, axis=axis, keepdims=False, kind="float32")


def test_half_precision_is_summed_in_float32():
    for kind in ("float16", "bfloat16"):
        ones = np.ones((5000, 2), KINDS[kind])
        for axis, count in (((0,), 5000), (None, 10000)):
            (total,) = run("sum", ones, axis=axis, keepdims=False)
            assert (total == np.full(total.shape, count).astype(KINDS[kind])).all()


def test_plans():
    assert plan((8, 3), (12, 4), 4, (0,)).sizes == (1, 8, 3, 1)
    assert plan((8, 3), (12, 4), 4, (1,)).sizes == (8, 1, 1, 3)
    assert plan((8, 3), (12, 4), 4, None).sizes == (1, 1, 1, 24)
    assert plan((2, 3, 4, 5), (240, 80, 20, 4), 4, (0, 2, 3)).sizes == (1, 2, 3, 20)
    assert plan((2, 3, 4), (48, 16, 4), 4, (1,)).sizes == (2, 3, 4, 1)
    assert plan((2, 3, 4, 5, 6), (1440, 480, 120, 24, 4), 4, (0, 2, 4)) is None
    assert plan((8, 3), (4, 32), 4, (0,)).sizes == (3, 1, 1, 8)  # columns first in memory


def test_what_is_left_to_the_generic_body():
    assert not taken("sum", np.zeros((0, 3), np.float32), axis=(0,), keepdims=False)
    assert not taken("sum", np.zeros((2, 3), np.int64), axis=(0,), keepdims=False)
    assert not taken("sum", np.zeros((), np.float32), axis=None, keepdims=False)
    assert not taken("sum", np.zeros((2, 3), np.float32), axis=(), keepdims=False)
