"""Streams and events of nnlite.cuda over a stand-in for CuPy, whose streams run only when somebody waits for them."""

from __future__ import annotations

import ctypes

import fake_cupy
import pytest

import nnlite


@pytest.fixture
def cuda(monkeypatch):
    return fake_cupy.installed(monkeypatch)


def later(stream, log, what):
    """Queue something."""
    stream._raw.queue.append(("work", lambda: log.append(what)))


def test_streams_run_side_by_side_until_one_waits(cuda):
    a, b, ran = nnlite.cuda.Stream(), nnlite.cuda.Stream(), []
    later(a, ran, "a")
    later(b, ran, "b")
    assert not a.query()
    b.synchronize()
    assert ran == ["b"]
    b.wait_stream(a)
    later(b, ran, "b after a")
    later(a, ran, "a later")
    b.synchronize()
    assert ran == ["b", "a", "b after a"]
    assert not a.query()
    assert b.query()
    a.synchronize()
    assert ran[-1] == "a later"


def test_events(cuda):
    stream, ran = nnlite.cuda.Stream(), []
    event = nnlite.cuda.Event()
    assert event.query()  # never recorded
    event.synchronize()
    event.wait(stream)
    assert (event.device, event.cuda_event) == (None, 0)
    later(stream, ran, 1)
    event.record(stream)
    later(stream, ran, 2)
    assert not event.query()
    event.synchronize()
    assert ran == [1]
    assert event.query()
    assert event.device == nnlite.device("cuda:0")
    assert event._as_parameter_.value == event.cuda_event == event._raw.ptr
    with pytest.raises(RuntimeError, match="Event device 0 does not match recording stream's device 1"):
        event.record(nnlite.cuda.Stream(1))


def test_an_event_waits_on_the_current_stream(cuda):
    a, b, ran = nnlite.cuda.Stream(), nnlite.cuda.Stream(), []
    later(a, ran, "a")
    event = a.record_event()
    with nnlite.cuda.stream(b):
        event.wait()
        later(nnlite.cuda.current_stream(), ran, "b")
    b.synchronize()
    assert ran == ["a", "b"]
    with a:
        assert nnlite.cuda.current_stream() == a
        recorded = nnlite.cuda.Event()
        recorded.record()
    assert recorded._raw.stream is a._raw
    assert nnlite.cuda.current_stream() == nnlite.cuda.default_stream()


def test_times(cuda):
    start, end = (nnlite.cuda.Event(enable_timing=True) for _ in range(2))
    plain = nnlite.cuda.Event()
    with pytest.raises(ValueError, match="must be recorded"):
        start.elapsed_time(end)
    start.record()
    end.record()
    with pytest.raises(RuntimeError, match="must be completed before calculating elapsed time"):
        start.elapsed_time(end)
    nnlite.cuda.synchronize()
    assert start.elapsed_time(end) > 0
    assert start._raw.timed
    plain.record()
    assert not plain._raw.timed
    with pytest.raises(ValueError, match="enable_timing=True"):
        start.elapsed_time(plain)


def test_streams_of_the_second_device(cuda):
    side = nnlite.cuda.Stream("cuda:1", priority=-1)
    assert (side.device, side.priority, side._raw.priority) == (nnlite.device("cuda:1"), -1, -1)
    assert side._raw.non_blocking
    with nnlite.cuda.stream(side):
        assert nnlite.cuda.current_device() == 1
        assert nnlite.cuda.current_stream() == side
        assert nnlite.cuda.current_stream(0) != side
    assert nnlite.cuda.current_device() == 0
    with nnlite.cuda.stream(None) as nothing:
        assert nothing is None
        assert nnlite.cuda.current_device() == 0
    nnlite.cuda.set_stream(None)
    nnlite.cuda.set_stream(side)
    assert (nnlite.cuda.current_device(), nnlite.cuda.current_stream()) == (1, side)
    cuda.set_stream(cuda.default_stream(), 1)
    cuda.set_current(0)


def test_a_context_of_a_stream_ends_after_an_error(cuda):
    side = nnlite.cuda.Stream()
    with pytest.raises(KeyError), nnlite.cuda.stream(side):
        raise KeyError
    assert nnlite.cuda.current_stream() == nnlite.cuda.default_stream()


def test_streams_of_other_libraries(cuda):
    theirs = nnlite.cuda.get_stream_from_external(0x1234, 1)
    assert isinstance(theirs, nnlite.cuda.ExternalStream)
    assert (theirs.cuda_stream, theirs.device.index) == (0x1234, 1)
    assert theirs.__cuda_stream__() == (0, 0x1234)
    assert isinstance(theirs._as_parameter_, ctypes.c_void_p)
    assert theirs._as_parameter_.value == 0x1234
    assert theirs == nnlite.cuda.ExternalStream(0x1234, 1)
    assert len({theirs, nnlite.cuda.ExternalStream(0x1234, 1), nnlite.cuda.Stream(1)}) == 2


def test_handles(cuda):
    assert (nnlite.cuda.current_blas_handle(), nnlite.cuda.current_solver_handle()) == (1000, 2000)
    with nnlite.cuda.device(1):
        assert nnlite.cuda.current_blas_handle() == 1001


def test_record_stream_of_a_tensor(cuda):
    x = nnlite.ones(4).cuda()
    nnlite.cuda.synchronize()
    side, read = nnlite.cuda.Stream(), []
    block = x._a.data.mem.values
    side._raw.queue.append(("work", lambda: read.append(block[:4].view("f4").item())))
    x.record_stream(side)
    del x
    y = (nnlite.ones(4) * 2).cuda()
    assert y.cpu().tolist() == [2] * 4
    side.synchronize()
    assert read == [1]
    nnlite.ones(2).record_stream(side)  # nothing to do on the CPU


def test_an_error_of_the_device_is_raised_where_it_shows(cuda):
    stream = nnlite.cuda.Stream()
    event = stream.record_event()
    cuda.module.state.sick = 700
    for ask in (stream.query, event.query, stream.synchronize, event.synchronize):
        cuda._count, cuda._lost = 2, None
        with pytest.raises(nnlite.AcceleratorError, match="illegal memory access"):
            ask()
