"""Random numbers and dropout of emulated CUDA kernels: the numbers of the CPU."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from on_emulator import ANY_KIND, KINDS, check, kernels, needs_compiler, numbers, taken

import nnlite
from nnlite._core import rng
from nnlite.backends.capture import Place
from nnlite.backends.cupy import random
from nnlite.backends.numpy.namespace import xp
from nnlite.backends.strict.array import from_host

pytestmark = needs_compiler

SIZES = pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 96, 97, 1001, 5000])
BOTH = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


def drawn(name, *args, backwards=False, **attributes):
    return kernels(backwards)[name].function(*args, **attributes).get()


def gpu(backwards=False):
    """What the wrappers start kernels with."""
    return kernels(backwards)["random_uniform"].function.args[0]


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 96, 97, 1001])
@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**64 - 1, 2**100 + 3])
@pytest.mark.parametrize("counter", [0, 1, 2**32 - 1, 2**64 - 2, 2**64 - 1, 2**128 - 2, 2**128 - 1])
def test_bits_are_numpys(n, seed, counter):
    expected = np.random.Philox(key=seed, counter=counter).random_raw((n + 1) // 2).view(np.uint32)[:n]
    np.testing.assert_array_equal(random.bits(gpu(), seed, counter, n).get(), expected)


@BOTH
def test_more_words_than_there_are_threads(backwards, monkeypatch):
    monkeypatch.setattr(random, "blocks_for", lambda items: 2)
    expected = np.random.Philox(key=3, counter=9).random_raw(4501).view(np.uint32)[:9001]
    np.testing.assert_array_equal(random.bits(gpu(backwards), 3, 9, 9001).get(), expected)


def behind(seed, first, blocks):
    """A place that the device works out: ``blocks`` behind one that lies in an array."""
    return Place.behind(from_host(np.array([seed, first], np.uint64)), blocks)


def test_bits_of_a_captured_place():
    expected = np.random.Philox(key=2**63 + 1, counter=40).random_raw(50).view(np.uint32)
    np.testing.assert_array_equal(random.bits(gpu(), 123, behind(2**63 + 1, 33, 7), 100).get(), expected)


@SIZES
@ANY_KIND
@BOTH
def test_uniform_numbers_are_the_bits_of_the_cpu(n, kind, backwards):
    dtype = np.dtype(KINDS[kind])
    got = drawn("random_uniform", 5, 3, n, kind=dtype, backwards=backwards)
    want = rng.random_uniform(xp, 5, 3, n, kind=dtype)
    assert got.dtype == want.dtype == dtype
    assert got.tobytes() == want.tobytes()
    there = drawn("random_uniform", 0, behind(5, 1, 2), n, kind=dtype, backwards=backwards)
    assert there.tobytes() == want.tobytes()


@SIZES
@ANY_KIND
@BOTH
def test_normal_numbers_are_those_of_the_cpu(n, kind, backwards):
    """To a few units in the last place: log, cos and sin are another library's. 16-bit numbers differ seldom."""
    dtype = np.dtype(KINDS[kind])
    got = drawn("random_normal", 5, 3, n, kind=dtype, backwards=backwards)
    want = rng.random_normal(xp, 5, 3, n, kind=dtype)
    assert got.dtype == want.dtype == dtype
    loose = {"float64": 4e-16, "float32": 5e-7, "float16": 1e-3, "bfloat16": 8e-3}[kind]
    np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=loose, atol=4 * loose)
    if kind in ("float16", "bfloat16"):
        assert (got != want).sum() <= 1 + n // 500


@SIZES
@ANY_KIND
@BOTH
def test_exponential_numbers_are_those_of_the_cpu(n, kind, backwards):
    dtype = np.dtype(KINDS[kind])
    got = drawn("random_exponential", 5, 3, n, scale=1.5, kind=dtype, backwards=backwards)
    want = rng.random_exponential(xp, 5, 3, n, scale=1.5, kind=dtype)
    assert got.dtype == want.dtype == dtype
    loose = {"float64": 4e-16, "float32": 5e-7, "float16": 1e-3, "bfloat16": 8e-3}[kind]
    np.testing.assert_allclose(got.astype(np.float64), want.astype(np.float64), rtol=loose, atol=loose)


@pytest.mark.parametrize("chance", [0, 1, 0.5, 0.3, 1e-9, 2.0**-24, 3 * 2.0**-25, 1 - 2.0**-24, 1 - 1e-9])
def test_below_is_a_comparison_of_uniform_numbers(chance, device):
    nnlite.manual_seed(3)
    u = nnlite.rand(100_000, device=device)
    nnlite.manual_seed(3)
    below = nnlite.bernoulli(nnlite.zeros(100_000, device=device), chance)
    np.testing.assert_array_equal(below.cpu().numpy(), u.cpu().numpy() < np.float32(chance))


@SIZES
@pytest.mark.parametrize(
    ("low", "span"),
    [
        (0, 1),
        (0, 10),
        (-5, 7),
        (3, 1 << 32),
        (-(1 << 62), (1 << 32) + 1),
        (-(1 << 63), 1 << 64),
        (-(1 << 63), (1 << 64) - 1),
    ],
)
def test_integers_are_those_of_the_cpu(n, low, span):
    got = drawn("random_integers", 5, 3, n, low=low, span=span)
    want = rng.random_integers(xp, 5, 3, n, low=low, span=span)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, want)


@SIZES
@pytest.mark.parametrize("limit", [0, 1, 1 << 31, (1 << 32) - 1, 1 << 32])
def test_masks_are_those_of_the_cpu(n, limit):
    got = drawn("random_mask", 5, 3, n, limit=limit)
    want = rng.random_mask(xp, 5, 3, n, limit=limit)
    assert got.dtype == np.bool_
    np.testing.assert_array_equal(got, want)


@ANY_KIND
@pytest.mark.parametrize("shape", [(1,), (), (7, 9), (8,), (4097,), (3, 5, 64)])
def test_dropout(kind, shape):
    check("drawn_dropout", numbers(kind, *shape), kind=kind, scale=1 / 0.7, limit=int(0.7 * 2**32), seed=9, counter=4)


@ANY_KIND
@pytest.mark.parametrize("start", [1, 4, 5])
def test_dropout_of_arrays_that_do_not_begin_at_16_bytes(kind, start):
    x = from_host(numbers(kind, 203))[start:]
    given = {"scale": 2.0, "limit": 1 << 31, "seed": 9, "counter": 4}
    got = kernels(False)["drawn_dropout"].function(x, **given).get()
    want = check("drawn_dropout", x.get().copy(), kind=kind, **given)[0]
    np.testing.assert_array_equal(got, want)


def test_dropout_of_a_captured_place():
    x, given = numbers("float32", 1000), {"scale": 2.0, "limit": 1 << 31}
    here = drawn("drawn_dropout", from_host(x), **given, seed=9, counter=40)
    there = drawn("drawn_dropout", from_host(x), **given, seed=0, counter=behind(9, 33, 7))
    np.testing.assert_array_equal(here, there)


@ANY_KIND
@pytest.mark.parametrize(
    ("shape", "marks"), [((3, 4), (3, 4)), ((2, 3, 4, 5), (2, 3, 1, 1)), ((4, 1), (4, 1)), ((3, 4), (1, 1))]
)
def test_dropout_with_marks(kind, shape, marks):
    keep = np.random.default_rng(2).random(marks) < 0.6
    check("dropout", numbers(kind, *shape), keep, kind=kind, scale=1 / 0.6)


def test_what_dropout_leaves_to_the_generic_body():
    x, keep = numbers("float32", 3, 4), np.ones((1, 4), np.bool_)
    assert not taken("dropout", x, keep, scale=2.0)
    assert not taken("dropout", x.astype(np.complex64), np.ones((3, 4), np.bool_), scale=2.0)
    assert not taken("drawn_dropout", x.astype(np.complex64), scale=2.0, limit=5, seed=1, counter=1)


def test_dropout_draws_again_in_backward():
    """A device that draws again keeps no marks; the CPU does; the numbers are the same, and so is the next draw."""
    results = []
    for device in ("cpu", "strict"):
        nnlite.manual_seed(11)
        x, kept = nnlite.ones(50, 3, device=device, requires_grad=True), []
        with nnlite.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t) or t, lambda t: t):
            y = nnlite.nn.functional.dropout(x, 0.4)
        assert [t.dtype for t in kept] == ([nnlite.bool] if device == "cpu" else [])
        (y * y).sum().backward()
        results.append((y.detach().cpu().numpy(), x.grad.cpu().numpy(), nnlite.rand(3, device=device).cpu().numpy()))
    for here, there in zip(*results, strict=True):
        np.testing.assert_array_equal(here, there)


def test_halves_are_rounded_as_the_cpu_rounds_them():
    x = np.linspace(-3, 3, 333).astype(ml_dtypes.bfloat16)
    given = {"scale": 1 / 0.9, "limit": 1 << 32, "seed": 1, "counter": 0}
    got = drawn("drawn_dropout", from_host(x), **given).astype(np.float32)
    np.testing.assert_array_equal(got, (x.astype(np.float32) * np.float32(1 / 0.9)).astype(ml_dtypes.bfloat16))
