"""no_grad, enable_grad, inference_mode, set_grad_enabled: contexts, decorators, generators, threads."""

from __future__ import annotations

import threading

import pytest

import nnlite


@pytest.fixture
def x(device):
    return nnlite.ones(2, device=device, requires_grad=True)


@pytest.mark.parametrize("mode", [nnlite.no_grad, nnlite.inference_mode])
def test_nothing_is_recorded(mode, x):
    with mode():
        y = x * 2
        assert not nnlite.is_grad_enabled()
    assert not y.requires_grad and y.is_leaf and nnlite.is_grad_enabled()
    assert (x * 2).requires_grad


def test_leaves_can_be_made_and_written_to(x, device):
    with nnlite.no_grad():
        y = nnlite.ones(2, device=device, requires_grad=True)
        z = x.clone().requires_grad_()
        x.add_(1)
        x[0] = 5
    assert y.requires_grad and z.is_leaf and z.requires_grad
    assert x.is_leaf and x.requires_grad and x.tolist() == [5, 2]


def test_nesting(x):
    with nnlite.no_grad():
        with nnlite.enable_grad():
            assert (x * 2).requires_grad
            with nnlite.no_grad():
                assert not (x * 2).requires_grad
        assert not (x * 2).requires_grad


def test_one_object_entered_twice(x):
    off = nnlite.no_grad()
    with off:
        with off:
            pass
        assert not nnlite.is_grad_enabled()
    assert nnlite.is_grad_enabled()


def test_errors_restore(x):
    with pytest.raises(ValueError), nnlite.no_grad():
        raise ValueError
    assert nnlite.is_grad_enabled()


@pytest.mark.parametrize("decorate", [nnlite.no_grad, nnlite.no_grad(), nnlite.inference_mode, nnlite.inference_mode()])
def test_decorators(decorate, x):
    @decorate
    def double(a, *, times=2):
        "doc"
        return a * times

    class Holder:
        @decorate
        def method(self, a):
            return a * 2

    assert not double(x, times=3).requires_grad and double.__name__ == "double" and double.__doc__ == "doc"
    assert not Holder().method(x).requires_grad
    assert nnlite.is_grad_enabled()


def test_generators_run_in_their_mode_and_their_users_in_theirs(x):
    @nnlite.no_grad()
    def numbers():
        received = yield nnlite.is_grad_enabled()
        assert not nnlite.is_grad_enabled()
        try:
            yield received
        except KeyError:
            yield nnlite.is_grad_enabled()
        return "end"

    generator = numbers()
    assert next(generator) is False and nnlite.is_grad_enabled()
    assert generator.send(7) == 7 and nnlite.is_grad_enabled()
    assert generator.throw(KeyError()) is False and nnlite.is_grad_enabled()
    with pytest.raises(StopIteration) as info:
        next(generator)
    assert info.value.value == "end"
    early = numbers()
    next(early)
    early.close()
    assert nnlite.is_grad_enabled()


def test_set_grad_enabled(x):
    with nnlite.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert nnlite.is_grad_enabled()
    nnlite.set_grad_enabled(False)
    try:
        assert not (x * 2).requires_grad
        with nnlite.set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not nnlite.is_grad_enabled()
    finally:
        nnlite.set_grad_enabled(True)

    @nnlite.set_grad_enabled(False)
    def off():
        return nnlite.is_grad_enabled()

    assert nnlite.is_grad_enabled() and off() is False and nnlite.is_grad_enabled()


def test_inference_mode(x):
    with nnlite.inference_mode():
        assert nnlite.is_inference_mode_enabled()
        with nnlite.inference_mode(False):
            assert (x * 2).requires_grad and not nnlite.is_inference_mode_enabled()
    assert not nnlite.is_inference_mode_enabled()


def test_every_thread_has_its_own_mode(x):
    inside, outside, results = threading.Event(), threading.Event(), []

    def work():
        with nnlite.no_grad():
            inside.set()
            outside.wait(10)
            results.append((x * 2).requires_grad)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    results.append((x * 2).requires_grad)
    outside.set()
    thread.join()
    assert results == [True, False]


def test_classes_are_not_decorated():
    with pytest.raises(TypeError, match="decorate the methods"):

        @nnlite.no_grad()
        class Model:
            pass


def test_backward_runs_in_threads(device):
    """Two threads work on graphs of their own at the same time."""
    results = {}

    def work(k):
        x = nnlite.full((3,), float(k), device=device, requires_grad=True)
        for _ in range(20):
            h = x
            for _ in range(10):
                h = h * 1.0
            h.sum().backward()
        results[k] = x.grad.tolist()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {k: [20.0] * 3 for k in range(4)}
