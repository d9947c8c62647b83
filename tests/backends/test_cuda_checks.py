"""Checks of indices by a kernel, read when the host next waits for the device."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from on_emulator import needs_compiler

from nnlite.backends.capture import capturing
from nnlite.backends.cupy.checks import Record
from nnlite.backends.cupy.launch import Gpu
from nnlite.backends.strict import StrictBackend, forbid_synchronize, sync_count, xp
from nnlite.backends.strict.array import from_host
from nnlite.backends.strict.emulator.build import Module

pytestmark = needs_compiler

BOTH = pytest.mark.parametrize("backwards", [False, True])


def backend(backwards=False):
    made = StrictBackend()
    made.record = Record(Gpu(xp, lambda text, label: Module(text, label, backwards)), made)
    return made


def plain():
    """The strict device's own way."""
    made = StrictBackend()
    assert made.record is None
    return made


def array(*values, dtype=np.int64):
    return from_host(np.array(values, dtype))


@BOTH
@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "uint8"])
@pytest.mark.parametrize("size", [1, 5, 3000])
def test_nothing_is_raised_for_indices_in_range(dtype, size, backwards):
    on = backend(backwards)
    highest = min(size, np.iinfo(dtype).max) - 1
    on.check_index(array(0, highest, dtype=dtype), size, "take")
    if dtype != "uint8":
        on.check_index(array(-1, dtype=dtype), size, "take")
    on.synchronize()
    on.check_index(from_host(np.zeros(0, dtype)), 0, "take")
    on.synchronize()


@BOTH
@pytest.mark.parametrize(
    "values, low", [((0, 7, 9, 8), None), ((0, -6, -9, 2), None), ((-1, 4), 0), ((-9, 12, 30, -10), None), ((5,), 0)]
)
def test_errors_are_those_of_the_other_way(values, low, backwards):
    texts = []
    for on in (backend(backwards), plain()):
        on.check_index(array(*values), 5, "index", IndexError, low)
        with pytest.raises(IndexError) as caught:
            on.synchronize()
        texts.append(str(caught.value))
        on.synchronize()  # once only
    assert texts[0] == texts[1]


@BOTH
def test_the_first_check_that_failed_is_the_one_raised(backwards):
    on = backend(backwards)
    on.check_index(array(1, 2), 5, "gather", RuntimeError)
    on.check_index(array(1, 20), 5, "embedding", IndexError)
    on.check_index(array(1, 200), 500, "index")
    on.check_index(array(1, 200), 5, "gather", RuntimeError)
    with pytest.raises(IndexError, match=r"embedding\(\): index 20 is out of bounds for dimension with size 5"):
        on.to_host(array(1))
    assert on.to_scalar(array(3)) == 3
    on.check_index(array(9), 5, "gather", RuntimeError)  # and the next one is found
    with pytest.raises(RuntimeError, match="gather"):
        on.to_scalar(array(3))


@BOTH
def test_a_value_that_is_passed_over(backwards):
    for on in (backend(backwards), plain()):
        on.check_index(array(0, -100, 4), 5, "nll_loss", IndexError, 0, passed=-100)
        on.synchronize()
        on.check_index(array(0, -100, -1), 5, "nll_loss", IndexError, 0, passed=-100)
        with pytest.raises(IndexError, match="index -1 is out of bounds"):
            on.synchronize()
        on.check_index(array(0, 7), 5, "nll_loss", IndexError, 0, passed=7)
        on.synchronize()


@BOTH
def test_many_indices(backwards):
    """More than the threads of a block, and every one is looked at."""
    on = backend(backwards)
    for place in (0, 255, 256, 700, 999):
        values = np.arange(1000)
        values[place] = 5000 + place
        on.check_index(from_host(values), 1000, "index")
        with pytest.raises(IndexError, match=f"index {5000 + place} is"):
            on.synchronize()


def test_layouts():
    on = backend()
    values = from_host(np.arange(20).reshape(4, 5))
    on.check_index(values.T[1:3], 18, "index")
    on.synchronize()
    on.check_index(values.T[1:4], 18, "index")
    with pytest.raises(IndexError, match="index 18 is"):
        on.synchronize()


def test_nothing_waits_and_nothing_grows():
    on = backend()
    on.check_index(array(1), 5, "index")
    with forbid_synchronize():
        for i in range(3000):
            on.check_index(array(1), 5 + i, "index")
    assert len(on.record._known) == 1
    assert not on.pending
    before = sync_count.count
    on.to_scalar(array(1))
    assert sync_count.count - before == 2  # what was found, and the number itself
    before = sync_count.count
    on.to_scalar(array(1))
    assert sync_count.count - before == 1


def test_synchronize_finds_what_came_after_the_last_look():
    """As another stream may have done it."""
    on = backend()
    on.check_index(array(9), 5, "index")
    on.record.due = False
    assert on.to_scalar(array(1)) == 1
    with pytest.raises(IndexError, match="index 9"):
        on.synchronize()


def test_checks_in_a_captured_graph():
    on, where = backend(), array(1, 2)
    on.check_index(where, 5, "index")
    on.synchronize()
    graph = on.make_capture()
    with capturing(graph):
        on.check_index(where, 5, "index")
    graph.replay()
    on.synchronize()
    for bad in (7, 9):
        on.write(where, np.array([1, bad]))
        graph.replay()
        with pytest.raises(IndexError, match=f"index {bad} is out"):
            on.synchronize()
    on.write(where, np.array([1, 4]))
    graph.replay()
    on.synchronize()


def test_a_graph_that_is_captured_first_keeps_extremes():
    """It cannot make the record, which would be zeroed at each replay."""
    on, where = backend(), array(1, 2)
    graph = on.make_capture()
    with capturing(graph):
        on.check_index(where, 5, "index")
    on.write(where, np.array([1, 6]))
    graph.replay()
    with pytest.raises(IndexError, match="index 6 is out"):
        on.synchronize()


PROGRAM = """
import nnlite
from nnlite.backends import backend_for
on = backend_for("strict")
print(on.record is not None)
x = nnlite.arange(6.0, device="strict")
y = x[nnlite.tensor([0, 9], device="strict")]
try:
    y.sum().item()
except IndexError as error:
    print(error)
"""


@pytest.mark.parametrize("emulated", ["0", "1"])
def test_the_strict_device_has_kernels_only_where_asked(emulated):
    environment = {**os.environ, "NNLITE_EMULATE_CUDA": emulated}
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
    kernels, message = done.stdout.splitlines()
    assert kernels == str(emulated == "1")
    assert message.startswith("index(): index 9 is out of bounds for dimension with size 6")
