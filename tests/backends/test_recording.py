"""What the strict device records in a capture, and what replays do with it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from nnlite._core.rng import Generator
from nnlite.backends import backend_for
from nnlite.backends.capture import CaptureError, Place, capturing, current
from nnlite.backends.constants import Constants, constant
from nnlite.backends.strict import StrictArray

strict = backend_for("strict")
xp = strict.xp


def array(*values, dtype="float32"):
    return strict.from_host(np.array(values, dtype))


def captured(work):
    """A capture of ``work()``, and what it gave."""
    capture = strict.make_capture()
    with capturing(capture):
        result = work()
    return capture, result


CALLS = {
    "operators": lambda x: (x + 1) * x - 2 / (x + 3) ** 2,
    "comparison": lambda x: (x > 1) & ~(x == 2),
    "unary": lambda x: abs(-x),
    "in place": lambda x: _change(x, "__iadd__", 1),
    "fill": lambda x: _change(x, "fill", 3),
    "assignment": lambda x: _change(x, "__setitem__", slice(0, 1), 5),
    "assignment of an array": lambda x: _change(x, "__setitem__", slice(0, 2), x[1:] * 2),
    "sort": lambda x: _change(x, "sort"),
    "ufunc": lambda x: xp.exp(x),
    "ufunc with out": lambda x: xp.multiply(x, 2, out=x),
    "two results": lambda x: xp.divmod(x, 2),
    "function": lambda x: xp.concatenate([x, x[::-1]]),
    "function with out": lambda x: xp.concatenate([x[:1], x[1:]], out=x),
    "copyto": lambda x: xp.copyto(x, x * 2),
    "reduction": lambda x: x.sum(keepdims=True),
    "reduction by a ufunc": lambda x: xp.add.reduce(x),
    "view": lambda x: x[1:].reshape(2, 1).T,
    "view that is written": lambda x: _change(x[1:], "__imul__", 2),
    "view of a new array": lambda x: (x * 2)[1:],
    "copy of a view": lambda x: x[::-1].reshape(3, 1).copy(),
    "cast": lambda x: x.astype("float64"),
    "no cast": lambda x: x.astype("float32", copy=False) + 1,
    "matmul": lambda x: xp.matmul(x, x),
    "matmul operator": lambda x: x @ x,
    "where": lambda x: xp.where(x > 1, x, 0),
    "clip with out": lambda x: xp.clip(x, 1, 2, out=x),
    "take": lambda x: xp.take(x, xp.argsort(-x)),
    "put": lambda x: xp.put(x, xp.arange(2), x[1:]),
    "scatter_add": lambda x: xp.scatter_add(x, xp.zeros(3, "int64"), x * 1),
    "ufunc.at": lambda x: xp.add.at(x, xp.zeros(3, "int64"), 1),
    "index": lambda x: x[xp.argsort(-x)],
    "erf": lambda x: xp.erf(x),
    "as_strided": lambda x: xp.as_strided(x, (2, 2), (4, 4)) * 2,
    "contiguous": lambda x: xp.ascontiguousarray(x) * 2,
    "made anew": lambda x: _summed(xp.zeros(3, "float32"), x),
    "made empty": lambda x: _filled(xp.empty(3, "float32"), x),
    "a number": lambda x: xp.asarray(2.5) * x,
    "linear algebra": lambda x: xp.linalg.norm(x),
    "fft": lambda x: xp.fft.rfft(x).real,
    "0-d": lambda x: x[0] + x.max(),
}


def _change(x, method, *arguments):
    getattr(x, method)(*arguments)
    return x


def _summed(total, x):
    for _ in range(3):
        total += x
    return total


def _filled(out, x):
    out[...] = x
    return out


@pytest.mark.parametrize("name", list(CALLS))
def test_replays_do_what_calls_would(name):
    """The call on the array as the replays find it, twice, with other values in between."""
    work = CALLS[name]
    x, y = array(3, 1, 2), array(3, 1, 2)
    capture, result = captured(lambda: work(x))
    assert x.get().tolist() == [3, 1, 2]  # nothing was done
    for values in ([3, 1, 2], [0, 5, 4]):
        for a in (x, y):
            a.set(np.array(values, "float32"))
        expected = work(y)
        capture.replay()
        np.testing.assert_array_equal(x.get(), y.get())
        for made, wanted in zip(_flat(result), _flat(expected), strict=True):
            np.testing.assert_array_equal(made.get(), wanted.get())


def _flat(value):
    return [] if value is None else list(value) if isinstance(value, tuple) else [value]


def test_what_was_captured_is_not_there_before_a_replay():
    x = array(1, 2)
    capture, (y, n) = captured(lambda: (x * 2, x.astype("int64")))
    assert np.isnan(y.get()).all()
    assert (n.get() > 1e9).all()
    capture.replay()
    assert (y.get().tolist(), n.get().tolist()) == ([2, 4], [1, 2])


def test_numbers_of_the_host_are_those_of_the_capture():
    x, rate = array(0), 0.5
    capture, _ = captured(lambda: x.__iadd__(rate))
    rate = 2.0
    capture.replay()
    capture.replay()
    assert x.get().tolist() == [1.0]


@pytest.mark.parametrize(
    "work, words",
    [
        (lambda x: x.get(), "get makes the host wait"),
        (lambda x: x.item(), "item makes the host wait"),
        (lambda x: bool(x), r"bool\(\) makes the host wait"),
        (lambda x: repr(x), r"repr\(\) makes the host wait"),
        (lambda x: xp.unique(x), "unique makes the host wait"),
        (lambda x: x.nonzero(), "nonzero makes the host wait"),
        (lambda x: x[x > 0], "boolean mask makes the host wait"),
        (lambda x: strict.to_host(x), "a copy to the CPU makes the host wait"),
        (lambda x: strict.to_scalar(x), r"item\(\) makes the host wait"),
        (lambda x: strict.synchronize(), r"synchronize\(\) makes the host wait"),
        (lambda x: x.set(np.zeros(1, "float32")), r"set\(\) copies data of the host"),
        (lambda x: x[[0]], "an index that is a list copies data of the host"),
        (lambda x: x[np.array([0])], "an index that is a NumPy array copies data of the host"),
        (lambda x: xp.asarray([1, 2]), r"array\(\) copies data of the host"),
        (lambda x: strict.from_host(np.zeros(2)), "a copy of a tensor of the CPU copies data of the host"),
        (lambda x: xp.linalg.inv(x.reshape(1, 1)), "linalg.inv cannot be captured"),
    ],
)
def test_waiting_and_data_of_the_host_are_refused(work, words):
    x = array(1)
    with pytest.raises(CaptureError, match=words) as caught:
        captured(lambda: (x.__iadd__(1), work(x)))
    assert f"at {__file__}:" in str(caught.value)
    assert current.capture is None
    assert x.get().tolist() == [1]
    assert (x + 1).get().tolist() == [2]  # and nothing is recorded any more


def test_another_thread_goes_on_as_it_did():
    x, seen = array(1), []
    capture = strict.make_capture()
    with capturing(capture):
        thread = threading.Thread(target=lambda: seen.append((array(5) + 1).get().tolist()))
        thread.start()
        thread.join()
        x += 1
    assert seen == [[6]]
    assert len(capture) == 1


def test_methods_are_plain_again_after_a_capture():
    plain = StrictArray.__add__
    with pytest.raises(ValueError, match="mine"), capturing(strict.make_capture()):
        assert StrictArray.__add__ is not plain
        raise ValueError("mine")
    assert StrictArray.__add__ is plain


def test_random_numbers_go_on_from_replay_to_replay():
    generator, other = Generator("strict").manual_seed(7), Generator("strict").manual_seed(7)
    generator.bits(5)
    other.bits(5)
    capture, (first, second) = captured(lambda: (generator.bits(20), generator.bits(3)))
    assert generator.get_offset() == 1
    for _ in range(3):
        capture.replay()
        assert first.get().tolist() == other.bits(20).get().tolist()
        assert second.get().tolist() == other.bits(3).get().tolist()
        assert generator.get_offset() == other.get_offset()
    generator.manual_seed(8)
    capture.replay()
    assert first.get().tolist() == other.manual_seed(8).bits(20).get().tolist()


def test_random_numbers_are_drawn_again_from_their_place():
    """As backward does, even in another graph."""
    generator = Generator("strict").manual_seed(7)

    def forward():
        place = generator.reserve(4)
        return place, generator.bits_at(place + 2, 8)

    capture, (place, bits) = captured(forward)
    again, repeated = captured(lambda: generator.bits_at(place + 2, 8))
    drawn = []
    for _ in range(2):
        capture.replay()
        again.replay()
        assert bits.get().tolist() == repeated.get().tolist()
        drawn.append(bits.get().tolist())
    assert drawn[0] != drawn[1]
    assert type(3 + place) is Place
    assert int(3 + place) == 3


def test_a_generator_that_is_set_back_in_the_capture():
    """As checkpoints do: the same numbers once more."""
    generator = Generator("strict").manual_seed(7)

    def work():
        state = generator.get_state()
        first = generator.bits(8)
        generator.set_state(state)
        return first, generator.bits(8), generator.bits(8)

    capture, (first, same, third) = captured(work)
    capture.replay()
    expected = [generator.manual_seed(7).bits(8).get().tolist(), generator.bits(8).get().tolist()]
    assert [first.get().tolist(), same.get().tolist(), third.get().tolist()] == [expected[0], *expected]


def test_a_generator_that_is_taken_elsewhere_is_refused():
    generator = Generator("strict").manual_seed(7)
    generator.bits(80)
    with pytest.raises(CaptureError, match="is seeded while a graph is captured"):
        captured(lambda: generator.manual_seed(1))
    with pytest.raises(CaptureError, match="was taken to another place"):
        captured(lambda: (generator.bits(8), generator.set_offset(0), generator.bits(8)))


def test_indices_are_checked_in_replays():
    index = array(0, 1, dtype="int64")
    capture, _ = captured(lambda: strict.check_index(index, 3, "take"))
    capture.replay()
    strict.synchronize()
    index.set(np.array([0, 7]))
    capture.replay()
    index.set(np.array([0, 1]))
    capture.replay()
    with pytest.raises(IndexError, match="index 7 is out of bounds"):
        strict.synchronize()
    strict.synchronize()
    capture.replay()
    strict.synchronize()
    index.set(np.array([-9, 0]))
    capture.replay()
    with pytest.raises(IndexError, match="index -9 is out of bounds"):
        strict.synchronize()


def test_tables_are_copied_once_and_then_found_in_a_capture():
    table = np.arange(5, dtype="int64")
    kept = constant(xp, table)
    assert constant(xp, table.copy()) is kept
    x = array(1, 2, 3, 4, 5)
    capture, result = captured(lambda: xp.take(x, constant(xp, table)))
    capture.replay()
    assert result.get().tolist() == x.get().tolist()
    with pytest.raises(CaptureError, match="copies data of the host"):
        captured(lambda: constant(xp, np.arange(12345, 12349)))
    assert constant(np, table) is table  # a namespace without tables of its own


def test_tables_that_were_not_used_for_longest_go():
    made = []
    tables = Constants(lambda host: made.append(host.tolist()) or host)
    for i in range(600):
        tables(np.array([i]))
    tables(np.array([599]))
    assert len(made) == 600
    tables(np.array([0]))
    assert len(made) == 601
    large = np.zeros(1 << 14)
    tables(large), tables(large)
    assert len(made) == 603
