"""Optimizer steps of many parameters in one launch, and their gradients' norms, on emulated CUDA kernels."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from on_emulator import kernels, needs_compiler

import nnlite.optim  # noqa: F401 - its update rules stand in the kernel table
from nnlite.backends.cupy import launch
from nnlite.backends.cupy.tensors import MOST, launches
from nnlite.backends.kernels import GENERIC
from nnlite.backends.strict.array import from_host

pytestmark = needs_compiler

DTYPES = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
}

TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 1e-12}

AVERAGES = {"t": 3.0, "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.1}

RULES = {
    "sgd": ("sgd_update", 0, {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.1, "nesterov": False}),
    "momentum": (
        "sgd_update",
        1,
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.1, "nesterov": False},
    ),
    "nesterov": (
        "sgd_update",
        1,
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": True},
    ),
    "adam": ("adam_update", 2, {**AVERAGES, "decoupled": False}),
    "adamw": ("adam_update", 2, {**AVERAGES, "decoupled": True}),
    "amsgrad": ("adam_update", 3, {**AVERAGES, "decoupled": False}),
    "nadam": ("nadam_update", 2, {**AVERAGES, "mu": 0.7, "mu_next": 0.75, "mu_product": 0.4, "decoupled": True}),
    "radam": ("radam_update", 2, {**AVERAGES, "t": 9.0, "decoupled": True}),
    "radam's first steps": ("radam_update", 2, {**AVERAGES, "decoupled": False}),
    "adamax": ("adamax_update", 2, AVERAGES),
    "rmsprop": (
        "rmsprop_update",
        1,
        {"lr": 0.1, "momentum": 0.0, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1},
    ),
    "centered rmsprop": (
        "rmsprop_update",
        3,
        {"lr": 0.1, "momentum": 0.9, "alpha": 0.9, "eps": 1.0, "weight_decay": 0.1},
    ),
    "adagrad": ("adagrad_update", 1, {"t": 3.0, "lr": 0.1, "lr_decay": 0.1, "eps": 1e-3, "weight_decay": 0.1}),
    "adadelta": ("adadelta_update", 2, {"lr": 1.0, "rho": 0.9, "eps": 1e-2, "weight_decay": 0.1}),
    "rprop": ("rprop_update", 2, {"shrink": 0.5, "grow": 1.2, "smallest": 0.3, "largest": 0.9}),
    "asgd": ("asgd_update", 1, {"eta": 0.1, "mu": 0.25, "lambd": 0.1, "weight_decay": 0.1}),
    "asgd's first step": ("asgd_update", 1, {"eta": 0.1, "mu": 1.0, "lambd": 0.1, "weight_decay": 0.0}),
}

every = pytest.mark.parametrize("name", RULES)


def call(name, *args, backwards=False, **attributes):
    return kernels(backwards)[name].function(*args, **attributes)


both = pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])


def host(a):
    return None if a is None else a.get().astype(np.float64)


def states_of(rule, count):
    """How many places for states a rule has; those behind ``count`` are None."""
    return {"sgd_update": 1, "adam_update": 3, "rmsprop_update": 3}.get(rule, count)


def rows(rule, count, shapes, dtype, state=None):
    """Parameter, states and gradient for each shape; the states are positive where a rule takes roots of them."""
    rng = np.random.default_rng(0)
    kind, held = DTYPES[dtype], DTYPES[state or dtype]
    found = []
    for shape in shapes:
        p, g = (from_host(rng.standard_normal(shape).astype(kind)) for _ in range(2))
        some = [from_host(rng.uniform(0.2, 1.0, shape).astype(held)) for _ in range(count)]
        if rule == "rmsprop_update" and count == 3:
            some[2] = from_host((0.1 * rng.standard_normal(shape)).astype(held))
        found.append((p, *some, *[None] * (states_of(rule, count) - count), g))
    return found


def copied(found):
    return [tuple(None if a is None else from_host(a.get().copy()) for a in row) for row in found]


def expected(rule, found, numbers, scale=1.0):
    """The rule as the optimizer has it, in double precision."""
    results = []
    for row in found:
        *written, g = (None if a is None else np.array(host(a)) for a in row)
        GENERIC[rule](np, *written, g / scale, **numbers)
        results.append(written)
    return results


def check(found, wanted, dtype, state=None):
    for row, want in zip(found, wanted, strict=True):
        for place, (a, w) in enumerate(zip(row[:-1], want, strict=True)):
            assert (a is None) == (w is None)
            if a is not None:
                loose = TOLERANCE[state or dtype if place else dtype]
                np.testing.assert_allclose(host(a), w, rtol=loose, atol=loose)


SHAPES = [(1,), (3, 5), (), (0, 4), (4096,), (8195,), (7, 11, 13), (2, 2)]


@every
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("maximize", [False, True])
def test_many_parameters(name, dtype, maximize):
    rule, count, numbers = RULES[name]
    found = rows(rule, count, [*SHAPES, *[(3,)] * 3], dtype)
    numbers = {**numbers, "maximize": maximize}
    wanted = expected(rule, found, numbers)
    gradients_before = [host(row[-1]) for row in found]
    assert call("multi_update", rule, found, numbers=numbers)
    check(found, wanted, dtype)
    for row, before in zip(found, gradients_before, strict=True):
        np.testing.assert_array_equal(host(row[-1]), before)


@both
def test_more_parameters_than_a_launch_takes(backwards):
    rule, count, numbers = RULES["amsgrad"]
    found = rows(rule, count, [(n,) for n in range(1, 2 * MOST + 7)], "float32")
    numbers = {**numbers, "maximize": False}
    wanted = expected(rule, found, numbers)
    assert call("multi_update", rule, found, numbers=numbers, backwards=backwards)
    check(found, wanted, "float32")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["momentum", "adam", "centered rmsprop"])
def test_state_in_float32(name, dtype):
    rule, count, numbers = RULES[name]
    found = rows(rule, count, SHAPES, dtype, "float32")
    numbers = {**numbers, "maximize": False}
    wanted = expected(rule, found, numbers)
    assert call("multi_update", rule, found, numbers=numbers)
    check(found, wanted, dtype, "float32")


@pytest.mark.parametrize("start", [1, 2, 3])
def test_arrays_that_do_not_begin_at_16_bytes(start):
    rule, count, numbers = RULES["adam"]
    whole = rows(rule, count, [(100,)] * 2, "float32")
    found = [tuple(None if a is None else a[start : start + 90] for a in row) for row in whole]
    numbers = {**numbers, "maximize": False}
    wanted = expected(rule, found, numbers)
    outside = [host(row[0])[:start] for row in whole]
    assert call("multi_update", rule, found, numbers=numbers)
    check(found, wanted, "float32")
    for row, before in zip(whole, outside, strict=True):
        np.testing.assert_array_equal(host(row[0])[:start], before)


def test_parameters_in_another_order_of_memory():
    rule, count, numbers = RULES["adam"]
    found = [
        tuple(None if a is None else a.transpose(2, 0, 1) for a in row)
        for row in rows(rule, count, [(3, 4, 5)], "float32")
    ]
    plain = found[0][:-1]
    g = from_host(np.ascontiguousarray(found[0][-1].get()))  # the gradient has its own order
    found = [(*plain, g)]
    numbers = {**numbers, "maximize": False}
    wanted = expected(rule, found, numbers)
    assert call("multi_update", rule, found, numbers=numbers)
    check(found, wanted, "float32")


@every
def test_numbers_of_the_device(name):
    """The bits are those that the same numbers of the host give."""
    rule, count, numbers = RULES[name]
    found = rows(rule, count, SHAPES, "float32")
    other = copied(found)
    numbers = {**numbers, "maximize": False}
    there = {k: from_host(np.array(v, np.float64)) if type(v) is float else v for k, v in numbers.items()}
    assert call("multi_update", rule, found, numbers=numbers)
    assert call("multi_update", rule, other, numbers=there)
    for row, again in zip(found, other, strict=True):
        for a, b in zip(row, again, strict=True):
            np.testing.assert_array_equal(host(a), host(b))


@every
def test_a_step_is_left_out_where_gradients_were_not_finite(name):
    rule, count, numbers = RULES[name]
    found = rows(rule, count, SHAPES, "float32")
    before = copied(found)
    numbers = {**numbers, "maximize": False}
    inf = from_host(np.array(1, np.float32))
    assert call("multi_update", rule, found, numbers=numbers, found_inf=inf)
    for row, old in zip(found, before, strict=True):
        for a, b in zip(row, old, strict=True):
            np.testing.assert_array_equal(host(a), host(b))
    wanted = expected(rule, found, numbers, scale=8.0)
    scale, none = (from_host(np.array(v, np.float32)) for v in (8, 0))
    assert call("multi_update", rule, found, numbers=numbers, grad_scale=scale, found_inf=none)
    check(found, wanted, "float32")


def test_what_a_kernel_does_not_take():
    numbers = {**RULES["sgd"][2], "maximize": False}
    plain = rows("sgd_update", 0, [(4, 4)], "float32")
    p, _, g = plain[0]
    gaps = from_host(np.zeros((4, 8), np.float32))[:, ::2]
    whole = from_host(np.zeros((4, 4), np.int64))
    for row in ((gaps, None, g), (whole, None, whole), (p, None, g.astype("float64")), (p, g.astype("float64"), g)):
        assert not call("multi_update", "sgd_update", [row, *plain], numbers=numbers)
    assert not call("multi_update", "another_update", plain, numbers=numbers)


def test_the_layout_is_that_of_the_source():
    source = (launch.KERNELS / "tensors.cuh").read_text()
    assert f"#define MOST_TENSORS {MOST}\n" in source
    row = [from_host(np.zeros(20000, np.float32))]
    (tensors,) = launches([row] * 3)
    assert tensors.blocks == 15  # 4,096 elements a block
    assert tensors.packed(lambda a: 7).nbytes + 12 * 16 + 16 <= 4096


def test_structs_are_checked():
    gpu, row = kernels(False)["multi_update"].function.args[0], [from_host(np.zeros(8, np.float32))]
    (tensors,) = launches([row])
    limit = np.float64(1)
    gpu.launch("gradients", "limit_values", 1, 256, tensors, limit, T="float32")
    with pytest.raises(TypeError, match="a struct is passed to a parameter that is none, or the other way round"):
        gpu.launch("gradients", "limit_values", 1, 256, row[0], limit, T="float32")
    with pytest.raises(TypeError, match="a struct is passed"):
        gpu.launch("gradients", "limit_values", 1, 256, tensors, tensors, T="float32")
    (gaps,) = launches([[from_host(np.zeros(8, np.float32))[::2]]])
    with pytest.raises(ValueError, match="without gaps"):
        gpu.launch("gradients", "limit_values", 1, 256, gaps, limit, T="float32")


# Gradients


def some_gradients(dtype, count=8, spread=1.0, shapes=SHAPES):
    rng = np.random.default_rng(1)
    return [from_host((spread * rng.standard_normal(s)).astype(DTYPES[dtype])) for s in [*shapes, *[(5,)] * 70][:count]]


def flat(arrays):
    return np.concatenate([host(a).ravel() for a in arrays])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", [1.0, 2.0, float("inf")])
@pytest.mark.parametrize("count", [1, len(SHAPES), 75])
@both
def test_norm(dtype, order, count, backwards):
    given = some_gradients(dtype, count, shapes=[s for s in SHAPES if 0 not in s])
    norm = call("multi_norm", given, order=order, backwards=backwards)
    assert norm.shape == () and norm.dtype == DTYPES[dtype]
    tolerance = TOLERANCE[dtype] if dtype != "float32" else 1e-5
    np.testing.assert_allclose(host(norm), np.linalg.norm(flat(given), order), rtol=tolerance)


def test_a_norm_is_the_same_bits_every_time():
    given = some_gradients("float32", 75)
    first, second = (call("multi_norm", given, order=2.0, backwards=b).get() for b in (False, True))
    assert first == second


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("order", [1.0, 2.0, float("inf")])
def test_a_norm_of_what_is_not_finite(bad, order):
    given = some_gradients("float32", shapes=[s for s in SHAPES if 0 not in s])
    given[3][1234] = bad
    norm = host(call("multi_norm", given, order=order))
    assert np.isnan(norm) if np.isnan(bad) else np.isposinf(norm)


def test_other_norms_are_left_to_the_caller():
    given = some_gradients("float32")
    assert call("multi_norm", given, order=3.0) is None
    assert call("multi_norm", given, order=float("inf")) is None  # one has no elements
    assert call("multi_norm", [*given, given[0].astype("float64")], order=2.0) is None
    assert call("multi_norm", [given[4][::2]], order=2.0) is None
    assert call("multi_norm", [from_host(np.zeros(3, np.complex64))], order=2.0) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("most", [1.0, 1e9])
@both
def test_limit_of_the_norm(dtype, most, backwards):
    given = some_gradients(dtype)
    before = flat(given)
    norm = call("multi_norm", given, order=2.0, backwards=backwards)
    assert call("multi_limit_norm", given, norm, most=most, backwards=backwards)
    factor = min(1.0, most / (float(host(norm)) + 1e-6))
    np.testing.assert_allclose(flat(given), before * factor, rtol=2 * TOLERANCE[dtype], atol=1e-7)
    if most > 1:
        np.testing.assert_array_equal(flat(given), before)


@pytest.mark.parametrize("dtype", DTYPES)
@both
def test_limit_of_values(dtype, backwards):
    given = some_gradients(dtype, spread=2.0)
    given[4][:3] = from_host(np.array([np.inf, -np.inf, np.nan]).astype(DTYPES[dtype]))
    before = flat(given)
    assert call("multi_limit_values", given, limit=0.5, backwards=backwards)
    np.testing.assert_array_equal(flat(given), np.clip(before, -0.5, 0.5))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [None, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("inverse", [1.0, 0.25])
@both
def test_unscale(dtype, bad, inverse, backwards):
    given = some_gradients(dtype)
    if bad is not None:
        given[5][8194] = bad
    before = flat(given)
    found = call("multi_unscale", given, from_host(np.array(inverse, np.float32)), backwards=backwards)
    assert found.shape == () and found.dtype == np.float32
    assert host(found) == (bad is not None)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(flat(given), before * inverse, rtol=TOLERANCE[dtype])


def test_one_array_twice_is_left_to_the_caller():
    given = some_gradients("float32", 2)
    norm = call("multi_norm", given, order=2.0)
    twice = [given[1], given[1][:]]
    assert not call("multi_limit_norm", twice, norm, most=1.0)
    assert not call("multi_limit_values", twice, limit=1.0)
    assert call("multi_unscale", twice, norm) is None
