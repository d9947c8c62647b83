"""The text of tensors against PyTorch's, on random arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlite
from nnlite._printing import set_printoptions

torch = pytest.importorskip("torch")

DTYPES = [
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
]


@pytest.fixture(autouse=True)
def _default_options():
    yield
    set_both(profile="default")


def set_both(**options):
    set_printoptions(**options)
    torch.set_printoptions(**options)


def both(values, dtype):
    """The same values as a tensor of nnlite and one of PyTorch."""
    theirs = torch.from_numpy(np.ascontiguousarray(values).reshape(values.shape)).to(getattr(torch, dtype))
    return nnlite.tensor(values).to(getattr(nnlite, dtype)), theirs


def random_floats(rng, shape):
    x = rng.standard_normal(shape)
    x = [
        lambda: x,
        lambda: np.round(x * 10),
        lambda: np.round(x * 1000),
        lambda: x * 10.0 ** rng.integers(-8, 9, shape),
        lambda: x * 10.0 ** rng.integers(-8, 9),
        lambda: np.where(rng.random(shape) < 0.3, 0.0, x),
        lambda: np.round(x, int(rng.integers(0, 4))),
        lambda: np.exp(5 * x),
        lambda: np.zeros(shape),
    ][rng.integers(9)]()
    if rng.random() < 0.3:
        special = rng.choice([math.nan, math.inf, -math.inf, 0.0, -0.0])
        x = np.where(rng.random(shape) < 0.2, special, x)
    return np.asarray(x)


def random_values(rng, shape, dtype):
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype == "int64":
        return np.asarray(rng.integers(-100, 100, shape) * 10 ** int(rng.integers(0, 15)))
    if "int" in dtype:
        top = int(rng.choice([2, 11, 101, 127]))
        return np.asarray(rng.integers(0 if dtype == "uint8" else -top, top, shape))
    if dtype.startswith("complex"):
        both_parts = np.empty(shape, complex)
        both_parts.real, both_parts.imag = random_floats(rng, shape), random_floats(rng, shape)
        return both_parts
    return random_floats(rng, shape)


def random_shape(rng):
    dims = int(rng.integers(0, 5))
    if rng.random() < 0.05:  # over the threshold
        return tuple(int(n) for n in rng.integers(1, {0: 2, 1: 4000, 2: 100, 3: 25, 4: 11}[dims], dims))
    return tuple(int(n) for n in rng.integers(0 if rng.random() < 0.1 else 1, [2, 40, 12, 8, 6][dims], dims))


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_tensors(dtype):
    rng = np.random.default_rng(DTYPES.index(dtype))
    for _ in range(300):
        options = {"profile": "default"}
        if rng.random() < 0.3:
            options = {
                "precision": int(rng.integers(0, 8)),
                "threshold": int(rng.choice([0, 10, 1000])),
                "edgeitems": int(rng.integers(0, 5)),
                "linewidth": int(rng.integers(10, 120)),
                "sci_mode": [None, True, False][rng.integers(3)],
            }
        set_both(**options)
        values = random_values(rng, random_shape(rng), dtype)
        ours, theirs = both(values, dtype)
        if values.ndim > 1 and rng.random() < 0.3:
            ours, theirs = ours.transpose(0, 1), theirs.transpose(0, 1)
        if (theirs.is_floating_point() or theirs.is_complex()) and rng.random() < 0.3:
            ours.requires_grad_()
            theirs.requires_grad_()
            if rng.random() < 0.5:
                ours, theirs = ours.clone(), theirs.clone()
        assert repr(ours) == repr(theirs), f"{values!r} {options}"


@settings(max_examples=500)
@given(
    st.lists(st.floats(width=32), min_size=1, max_size=12),
    st.integers(1, 7),
    st.sampled_from([None, True, False]),
)
def test_any_floats(values, precision, sci_mode):
    set_both(profile="default", precision=precision, sci_mode=sci_mode)
    ours, theirs = both(np.array(values, np.float32), "float32")
    assert repr(ours) == repr(theirs)


@settings(max_examples=200)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=12))
def test_any_integers(values):
    ours, theirs = both(np.array(values, np.int64), "int64")
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("default", ["float16", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (2,), (0,), (0, 2)])
def test_dtype_is_told_by_the_default(default, dtype, shape):
    nnlite.set_default_dtype(getattr(nnlite, default))
    torch.set_default_dtype(getattr(torch, default))
    try:
        ours, theirs = both(np.ones(shape, np.float32), dtype)
        assert repr(ours) == repr(theirs)
    finally:
        nnlite.set_default_dtype(nnlite.float32)
        torch.set_default_dtype(torch.float32)


def test_sizes():
    for sizes in [(), (1,), (2, 0, 3)]:
        ours, theirs = nnlite.Size(sizes), torch.Size(sizes)
        assert repr(ours) == repr(theirs)
        assert repr(ours[1:] + (4,) * 2) == repr(theirs[1:] + (4,) * 2)
        assert ours.numel() == theirs.numel()
