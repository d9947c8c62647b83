"""Results that come later: Python's futures under the names of PyTorch's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent import futures as _futures
from typing import Any

__all__ = ["Future", "collect_all", "wait_all"]


class Future(_futures.Future[Any]):
    """A result that comes later.

    Example:
        >>> from nnlite.futures import Future
        >>> f = Future()
        >>> later = f.then(lambda done: done.wait() + 1)
        >>> f.set_result(1)
        >>> later.wait()
        2
    """

    def __init__(self, *, devices: Any = None) -> None:
        super().__init__()

    def wait(self) -> Any:
        """Wait for the result, or raise the exception that took its place."""
        return self.result()

    def value(self) -> Any:
        """The result, which has to be there.

        Raises:
            RuntimeError: it is not.
        """
        if not self.done():
            raise RuntimeError("the future has no value yet; use wait()")
        return self.result()

    def then(self, callback: Callable[[Future], Any]) -> Future:
        """A future of what ``callback`` makes of this one when it is done."""
        made = Future()

        def follow(done: Any) -> None:
            try:
                made.set_result(callback(done))
            except Exception as error:
                made.set_exception(error)

        self.add_done_callback(follow)
        return made


def collect_all(futures: Iterable[Future]) -> Future:
    """A future of the list of futures, which is done when all are."""
    made, waiting = Future(), list(futures)
    left = [len(waiting)]

    def one_less(done: Any) -> None:
        left[0] -= 1
        if not left[0]:
            made.set_result(waiting)

    if not waiting:
        made.set_result([])
    for future in waiting:
        future.add_done_callback(one_less)
    return made


def wait_all(futures: Iterable[Future]) -> list[Any]:
    """The results of all."""
    return [future.wait() for future in futures]
