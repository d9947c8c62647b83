"""Fixtures of the tests of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
