"""Additions in a fixed order: the sums of NumPy's, for every dtype and kind of index; and the setting."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite.backends import deterministic
from nnlite.backends.registry import tables

INDICES = {
    "repeated": ([3, 0, 3, 3, 1, 0, 3],),
    "negative": ([-1, 2, -1, 2],),
    "rows": (slice(None), [1, 1, 0]),
    "pairs": ([0, 0, 4, 0], [2, 2, 1, 2]),
    "none": ([],),
    "one": ([2],),
}


def made(index, device):
    return tuple(i if isinstance(i, slice) else nnlite.tensor(i, dtype=nnlite.int64, device=device)._a for i in index)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_sums(device, dtype, index):
    x = nnlite.randn(5, 3, device=device).to(getattr(nnlite, dtype))
    array = x.clone()._a
    given = made(index, device)
    values = nnlite.randn(*array[given].shape, device=device).to(x.dtype)
    deterministic.add_in_order(tables[type(array)].backend_.xp, array, given, values._a)
    exact = np.complex128 if dtype == "complex64" else np.float64
    expected = x.to(nnlite.complex128 if dtype == "complex64" else nnlite.float64).cpu().numpy().astype(exact)
    host = tuple(np.asarray(i, np.int64) if isinstance(i, list) else i for i in index)
    np.add.at(expected, host, values.to(nnlite.complex128 if dtype == "complex64" else nnlite.float64).cpu().numpy())
    result = nnlite.zeros_like(x)
    result._a[...] = array
    tolerance = 0.03 if x.dtype.itemsize == 2 else 1e-5
    np.testing.assert_allclose(result.to(nnlite.complex128 if dtype == "complex64" else nnlite.float64).cpu().numpy(),
                               expected, rtol=tolerance, atol=tolerance)  # fmt: skip


def test_numbers_and_infinities(device):
    x = nnlite.zeros(3, device=device)
    xp = tables[type(x._a)].backend_.xp
    deterministic.add_in_order(xp, x._a, made(([0, 0, 1],), device), 2.0)
    assert x.tolist() == [4.0, 2.0, 0.0]
    values = nnlite.tensor([float("inf"), 1.0, 1.0], device=device)._a
    deterministic.add_in_order(xp, x._a, made(([0, 1, 2],), device), values)
    assert x.tolist() == [float("inf"), 3.0, 1.0]


def test_the_order_of_arrival_does_not_matter_for_other_positions(device):
    """The bits of a position depend on its own values alone, not on what else is added."""
    values = nnlite.randn(257, device=device) * 1e4
    alone, among = nnlite.zeros(2, device=device), nnlite.zeros(2, device=device)
    xp = tables[type(alone._a)].backend_.xp
    deterministic.add_in_order(xp, alone._a, made(([1] * 257,), device), values._a)
    both = nnlite.stack([values, nnlite.randn(257, device=device)], 1).reshape(-1)
    deterministic.add_in_order(xp, among._a, made(([1, 0] * 257,), device), both._a)
    assert alone[1].item() == among[1].item()


def test_the_setting_reaches_the_kernels():
    assert not deterministic.mode.on
    try:
        for turn_on in (
            lambda: nnlite.use_deterministic_algorithms(True),
            lambda: nnlite.use_deterministic_algorithms(True, warn_only=True),
            lambda: nnlite.set_deterministic_debug_mode("warn"),
            lambda: nnlite.set_deterministic_debug_mode(2),
        ):
            turn_on()
            assert deterministic.mode.on
            nnlite.use_deterministic_algorithms(False)
            assert not deterministic.mode.on
    finally:
        nnlite.use_deterministic_algorithms(False)
