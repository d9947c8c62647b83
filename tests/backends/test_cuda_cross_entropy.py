"""Kernels of cross entropy and its gradient."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from on_emulator import ANY_KIND, KINDS, close, generic, needs_compiler, numbers, run, taken

pytestmark = needs_compiler


def results(function, x, target, weight, attributes, kind):
    """The loss, and the gradient of its sum or, with reduction "none", of differently weighted losses."""
    out, exps, sums, labels, share, even = function("cross_entropy", x, target, weight, **attributes)
    g = numbers(kind, *out.shape, seed=9)
    places = labels.shape
    share, even = (None if a is None else np.broadcast_to(np.asarray(a, sums.dtype), places) for a in (share, even))
    (gx,) = function("cross_entropy_backward", g, share, even, weight, exps, sums, labels)
    return out, sums, labels, np.array(share), gx


def check(kind, shape, reduction="mean", smoothing=0.0, weighted=False, masked=False, scale=1, loose=4):
    x = numbers(kind, *shape) * KINDS[kind](scale)
    places, n = (shape[0], *shape[2:]) if len(shape) > 1 else (), shape[1 if len(shape) > 1 else 0]
    target = np.asarray(np.random.default_rng(1).integers(0, n, places))
    weight = np.random.default_rng(2).uniform(0.5, 2, n).astype(KINDS[kind]) if weighted else None
    attributes = {"reduction": reduction, "ignore_index": 1, "masked": masked, "smoothing": smoothing}
    given = (x, target, weight, attributes, kind)
    wanted = results(generic, *given)
    one = results(run, *given)
    for a, b in zip(one, results(lambda *p, **k: run(*p, backwards=True, **k), *given), strict=True):
        assert a.tobytes() == b.tobytes()
    close(one, wanted, kind, loose)


FORMS = list(itertools.product(["mean", "sum", "none"], [0.0, 0.2], [False, True], [False, True]))


@pytest.mark.parametrize(("reduction", "smoothing", "weighted", "masked"), FORMS)
@pytest.mark.parametrize("shape", [(9, 10), (5, 7, 3, 2), (4, 33), (6,)])
def test_forms(shape, reduction, smoothing, weighted, masked):
    masked = masked and shape != (6,)  # a single ignored position has no mean
    check("float32", shape, reduction, smoothing, weighted, masked)


@ANY_KIND
@pytest.mark.parametrize("n", [1, 31, 33, 256, 1023, 1025, 4097])
def test_sizes(n, kind):
    check(kind, (3, n))
    check(kind, (3, n), "none", 0.1, True)


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_more_classes_than_registers(kind):
    check(kind, (2, 20001), scale=4, loose=8)
    check(kind, (2, 16384), "sum", 0.1, True, scale=4, loose=8)


@ANY_KIND
@pytest.mark.parametrize("shape", [(2, 3, 4), (1, 21, 65), (2, 5, 300), (1, 2100, 3)])
def test_several_positions(shape, kind):
    check(kind, shape, masked=True)
    check(kind, shape, "sum", 0.1, True)


def test_many_positions():
    """More than the blocks that leave a sum of their own, as rows and as columns."""
    check("float32", (9001, 3), masked=True, loose=8)
    check("float32", (1500, 300), smoothing=0.1, loose=8)
    check("float32", (1, 3, 300000), loose=8)


def test_where_all_are_ignored():
    x, target = numbers("float32", 4, 3), np.ones(4, np.int64)
    for reduction in ("mean", "sum", "none"):
        attributes = {"reduction": reduction, "ignore_index": 1, "masked": True, "smoothing": 0.1}
        out, *_, gx = results(run, x, target, None, attributes, "float32")
        assert np.isnan(out) if reduction == "mean" else not out.any()
        assert not gx.any()


def test_what_is_not_finite():
    inf = np.inf
    x = np.array([[0, inf, 1], [-inf, 0, 1], [np.nan, 0, 0], [-inf, -inf, -inf], [1, 2, 3]], np.float32)
    target = np.array([0, 0, 1, 2, 2])
    attributes = {"reduction": "none", "ignore_index": -100, "masked": False, "smoothing": 0.0}
    given = (x, target, None, attributes, "float32")
    close(results(run, *given)[:1], results(generic, *given)[:1], "float32")


def test_labels_of_8_bits_and_other_layouts():
    x = numbers("float32", 8, 6)
    target = np.array([0, 5, 2, 1, 1, 3], np.uint8)
    attributes = {"reduction": "none", "ignore_index": -100, "masked": False, "smoothing": 0.0}
    given = (x.T, target, None, attributes, "float32")
    close(results(run, *given), results(generic, *given), "float32", 2)


def test_wrong_labels_read_nothing_outside():
    """The error is found by the check of the labels."""
    attributes = {"reduction": "none", "ignore_index": -100, "masked": False, "smoothing": 0.0}
    out, *_ = run("cross_entropy", numbers("float32", 3, 4), np.array([1 << 40, -1 << 40, 2]), None, **attributes)
    assert np.isfinite(out).all()


def test_what_is_left_to_the_generic_body():
    attributes = {"reduction": "mean", "ignore_index": -100, "masked": False, "smoothing": 0.0}
    x, target = np.ones((3, 4), np.float16), np.zeros(3, np.int64)
    assert not taken("cross_entropy", x[:0], target[:0], None, **attributes)
    assert not taken("cross_entropy", x, target, np.ones(4, np.float32), **attributes)
