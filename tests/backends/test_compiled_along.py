"""Compiled writing and reducing along an axis (``scatter_``, ``scatter_add_``, ``scatter_reduce_``) beside NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends.numpy import first_use, positions

pytest.importorskip("numba")
indexing = pytest.importorskip("nnlite.backends.numpy.compiled.indexing")

SHAPE = (20, 30, 7)
LAYOUTS = {
    "contiguous": lambda x: x.copy(),
    "transposed": lambda x: x.transpose(2, 1, 0).copy().transpose(2, 1, 0),
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=1), 3, axis=2)[:, ::2, ::3],
    "a part": lambda x: np.pad(x, 3)[3:-3, 3:-3, 3:-3],
}
KINDS = [np.float32, np.float64, np.int64, np.int32, np.float16, np.bool_, np.complex64]


@pytest.fixture
def count(number_of_threads, monkeypatch):
    """Every size, shared out from one value on."""
    monkeypatch.setattr(first_use, "EVERY_SIZE", True)
    monkeypatch.setattr(indexing, "GRAIN", 1)
    return number_of_threads


def sample(axis, kind, seed=0):
    """An array, positions along an axis with repetitions and fewer lines than the array, and values."""
    rng = np.random.default_rng(seed)
    shape = [15, 25, 6]
    shape[axis] = 40
    x, values = (rng.integers(-3, 4, s).astype(kind) for s in (SHAPE, shape))
    return x, rng.integers(0, SHAPE[axis], shape), values


def tensors(*arrays):
    return [nnlite.as_tensor(a) for a in arrays]


@pytest.fixture
def taken(monkeypatch) -> list[bool]:
    """What the compiled code said to each index along an axis."""
    said: list[bool] = []
    monkeypatch.setattr(positions, "offered_along", [lambda *a: said.append(indexing.write_along(*a)) or said[-1]])
    return said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sums_and_writes(axis, layout, kind, count, taken):
    x, where, values = sample(axis, kind)
    target = LAYOUTS[layout](x)
    index = positions.along(where, axis)
    nnlite.as_tensor(target).scatter_add_(axis, *tensors(where, values))
    expected = x.copy()
    np.add.at(expected, index, values)
    np.testing.assert_array_equal(target, expected)
    assert taken == [kind in (np.float32, np.float64, np.int64, np.float16)]  # 16 bits are summed in 32
    expected[index] = 1
    nnlite.as_tensor(target).scatter_(axis, nnlite.as_tensor(where), 1)
    np.testing.assert_array_equal(target, expected)
    assert taken[1] == (np.dtype(kind).itemsize in (4, 8))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_last_value_at_a_position_stays(axis, count):
    x, where, values = sample(axis, np.float32)
    expected = x.copy()
    expected[positions.along(where, axis)] = values
    nnlite.as_tensor(x).scatter_(axis, *tensors(where, values))
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_reductions_are_those_of_the_generic_bodies(kind, reduce, include_self, count, monkeypatch):
    """In place, into a new tensor, and without compiled code."""
    for axis, layout in ((0, "transposed"), (1, "a part"), (2, "contiguous")):
        x, where, values = sample(axis, kind, axis)
        if reduce == "prod":
            x, values = np.sign(x) + (x == 0), np.sign(values) + (values == 0)
        target = LAYOUTS[layout](x)
        where, values = tensors(where, values)
        nnlite.as_tensor(target).scatter_reduce_(axis, where, values, reduce, include_self=include_self)
        new = nnlite.as_tensor(x).scatter_reduce(axis, where, values, reduce, include_self=include_self)
        with monkeypatch.context() as patch:
            patch.setattr(positions, "offered_along", [])
            patch.setattr(positions, "offered", [])
            alone = nnlite.as_tensor(x).scatter_reduce(axis, where, values, reduce, include_self=include_self)
        np.testing.assert_array_equal(target, alone.numpy())
        np.testing.assert_array_equal(new.numpy(), alone.numpy())


@pytest.mark.parametrize("reduce", ["amax", "amin", "sum", "prod"])
def test_not_a_number_and_infinity(reduce, count):
    rng = np.random.default_rng(0)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0], np.float32)
    x, values, where = rng.choice(special, (300, 5)), rng.choice(special, (300, 9)), rng.integers(0, 5, (300, 9))
    expected = x.copy()
    ufunc = {"amax": np.maximum, "amin": np.minimum, "sum": np.add, "prod": np.multiply}[reduce]
    with np.errstate(invalid="ignore"):
        ufunc.at(expected, positions.along(where, 1), values)
    nnlite.as_tensor(x).scatter_reduce_(1, *tensors(where, values), reduce)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("wrong", [-1, 7, 2**62, -(2**62)])
@pytest.mark.parametrize("kind", [np.float32, np.int8])
def test_a_position_that_does_not_exist(wrong, kind, count):
    """RuntimeError with the position; nothing is written outside of the target."""
    _, where, values = sample(2, kind)
    where[7, 8, 9] = wrong
    around = np.zeros((22, 32, 9), kind)
    target, where, values = tensors(around[1:-1, 1:-1, 1:-1], where, values)
    calls = {
        "scatter": lambda: target.scatter_(2, where, values),
        "scatter_add": lambda: target.scatter_add_(2, where, values),
        "scatter_reduce": lambda: target.scatter_reduce_(2, where, values, "amax"),
        "gather": lambda: target.gather(2, where),
    }
    for name, call in calls.items():
        with pytest.raises(RuntimeError, match=rf"{name}\(\): index {wrong} is out of bounds.*size 7 "):
            call()
    assert not around[[0, -1]].any() and not around[:, [0, -1]].any() and not around[..., [0, -1]].any()


def test_an_index_and_values_that_share_memory_with_the_target(count):
    x = np.random.default_rng(0).integers(0, 40, (40, 50))
    expected, old = x.copy(), x.copy()
    np.add.at(expected, positions.along(old, 0), old)
    t = nnlite.as_tensor(x)
    t.scatter_add_(0, t.view(40, 50), t.view(40, 50))
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("call", ["scatter", "scatter_add", "amax", "prod", "gather"])
def test_gradients(call, count):
    """In place on a product, by differences; the index may change between forward and backward where PyTorch keeps
    a copy of it too."""
    rng = np.random.default_rng(0)
    x = nnlite.tensor(rng.standard_normal((6, 4)), requires_grad=True)
    src = nnlite.tensor(rng.standard_normal((6, 4)), requires_grad=True)
    where = nnlite.tensor(np.argsort(rng.random((6, 4)), axis=1))

    def run(x, src):
        y = x * 1
        if call == "gather":
            return y.gather(1, where) * src
        if call in ("amax", "prod"):
            return y.scatter_reduce_(1, where, src, call)
        return getattr(y, call + "_")(1, where, src)

    assert nnlite.autograd.gradcheck(run, (x, src))
    assert nnlite.autograd.gradgradcheck(run, (x, src))


@pytest.mark.parametrize("call", ["scatter_", "scatter_add_"])
def test_the_index_that_backward_uses_is_that_of_the_call(call, count):
    where = nnlite.tensor([[0, 1, 2], [2, 1, 0]])
    x, src = nnlite.zeros(2, 3), nnlite.ones(2, 3, requires_grad=True)
    out = getattr(x * 1, call)(1, where, src)
    where.zero_()
    (g,) = nnlite.autograd.grad(out, src, nnlite.arange(6.0).reshape(2, 3))
    assert g.tolist() == [[0, 1, 2], [5, 4, 3]]


def test_leaves_that_require_gradients_are_refused(count):
    x = nnlite.zeros(3, 4, requires_grad=True)
    where, src = nnlite.zeros(3, 4, dtype=nnlite.int64), nnlite.ones(3, 4)
    for call in (lambda: x.scatter_add_(1, where, src), lambda: x.scatter_reduce_(1, where, src, "amax")):
        with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
            call()


def test_the_same_bits_with_any_number_of_threads(count):
    rng = np.random.default_rng(0)
    for shape, axis in (((300, 40), 1), ((300, 40), 0), ((4, 50, 60), 1)):
        where, values = rng.integers(0, shape[axis], shape), rng.standard_normal(shape, np.float32)
        mine, expected = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        nnlite.as_tensor(mine).scatter_add_(axis, *tensors(where, values))
        np.add.at(expected, positions.along(where, axis), values)
        np.testing.assert_array_equal(mine, expected)


def test_small_arrays_stay_with_numpy(monkeypatch, taken):
    monkeypatch.setattr(first_use, "EVERY_SIZE", False)
    x = nnlite.zeros(5, 4)
    x.scatter_add_(0, nnlite.zeros(5, 4, dtype=nnlite.int64), nnlite.ones(5, 4))
    assert taken == [] and x[0].tolist() == [5.0] * 4
