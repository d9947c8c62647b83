"""Fixtures of the tests of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def thread_count() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads that share work; after the test it is what it was."""
    from nnlite.backends.numpy import threads

    before = threads.count()
    yield threads.set_count
    threads.set_count(before)


@pytest.fixture(params=[1, 3], ids=lambda n: f"{n} threads")
def number_of_threads(request: pytest.FixtureRequest, thread_count: Callable[[int], None]) -> int:
    """The test runs with one thread and with three."""
    thread_count(request.param)
    return request.param


@pytest.fixture
def descent() -> Callable[..., None]:
    """``descent(p, start, stop)`` takes 1 from up to 6,144 numbers, compiled."""
    from nnlite.backends.numpy import first_use

    run, ones, (one, nil) = first_use.load("updates").descent, np.ones(6144, np.float32), np.float32([1, 0])
    run(ones[:1].copy(), ones[:1], one, nil, one, 0, 1)
    return lambda p, start, stop: run(p, ones, one, nil, one, start, stop)


@pytest.fixture
def shared(descent: Callable[..., None]) -> Callable[..., None]:
    """``shared(parts)``: what is shared out to threads now is done, once, in so many parts."""
    from nnlite.backends.numpy.compiled import team

    def check(parts: int | None = None) -> None:
        p, ranges = np.zeros(6144, np.float32), []
        team.share(6144, lambda a, b: (ranges.append((a, b)), descent(p, a, b)), 256)
        assert (p == -1).all()
        assert parts in (None, len(ranges))

    return check


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """``noted("rows", "softmax")``: a list to which these functions of a file of kernels add their names when they run,
    or the name of the tuple in which they stand."""
    from nnlite.backends.numpy import first_use

    def note(file: str, *names: str) -> list[str]:
        module, ran = first_use.load(file), []

        def noting(name: str, function: Callable[..., object]) -> Callable[..., object]:
            return lambda *arguments: ran.append(name) or function(*arguments)

        for name in names:
            real = getattr(module, name)
            mine = tuple(noting(name, f) for f in real) if isinstance(real, tuple) else noting(name, real)
            monkeypatch.setattr(module, name, mine)
        return ran

    return note


@pytest.fixture
def stand_in() -> Iterator[Callable[..., Any]]:
    """Puts a stand-in in cuDNN's place: ``stand_in(times=..., candidates=..., ...)`` gives the library."""
    from cudnn_on_host import OnHost
    from fake_cudnn import FakeCudnn

    from nnlite.backends.cupy.cudnn import library, plans

    def install(times: Any = (), **setting: Any) -> Any:
        found = OnHost(FakeCudnn(**setting), times)
        library.use(found)
        plans.forget()
        return found

    yield install
    library.forget()
    plans.forget()
