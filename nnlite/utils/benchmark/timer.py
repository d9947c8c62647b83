"""``Timer``: how long a statement takes."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Sequence
from typing import Any

from ..._threads import get_num_threads, set_num_threads
from ...backends.registry import loaded_backends

_UNITS = ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"))


def timer() -> float:
    """The time in seconds, after all devices in use have done their work."""
    for backend in loaded_backends():
        if backend.name != "cpu" and backend.unavailable_reason() is None:
            backend.synchronize()
    return time.perf_counter()


def unit_of(seconds: float) -> tuple[str, float]:
    """The unit to print a time in, and its length in seconds."""
    length, name = _UNITS[0]
    for length_, name_ in _UNITS:
        if seconds >= length_:
            length, name = length_, name_
    return name, length


class Measurement:
    """What was measured: the times of several runs of a statement.

    Args:
        number_per_run: how often a run executes the statement.
        raw_times: seconds of each run.
    """

    def __init__(
        self,
        number_per_run: int,
        raw_times: Sequence[float],
        stmt: str = "",
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
    ) -> None:
        self.number_per_run, self.raw_times = number_per_run, list(raw_times)
        self.stmt, self.label, self.sub_label, self.description = stmt, label, sub_label, description
        self.env, self.num_threads = env, num_threads

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, for each run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self.times)

    @property
    def iqr(self) -> float:
        """The distance from the first to the third quartile of the times."""
        if len(self.times) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.times, n=4, method="inclusive")
        return third - first

    @property
    def title(self) -> str:
        """What was measured, in words."""
        named = self.label if self.label is not None else self.stmt
        return f"{named}: {self.sub_label}" if self.sub_label else named

    @property
    def as_row_name(self) -> str:
        """The name of its row in a table."""
        return self.sub_label or self.stmt

    def __repr__(self) -> str:
        name, length = unit_of(self.median)
        runs = len(self.times)
        lines = [f"<{type(self).__module__}.Measurement object>", self.title]
        if self.description:
            lines.append(self.description)
        if runs > 1:
            lines.append(f"  Median: {self.median / length:.2f} {name}")
            lines.append(f"  IQR:    {self.iqr / length:.2f} {name}")
        else:
            lines.append(f"  {self.median / length:.2f} {name}")
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        lines.append(
            f"  {runs} measurement{'s' if runs > 1 else ''}, {self.number_per_run} runs per measurement, {threads}"
        )
        return "\n".join(lines)

    @staticmethod
    def merge(measurements: Sequence[Measurement]) -> list[Measurement]:
        """One measurement for each statement with the same labels and threads."""
        groups: dict[Any, list[Measurement]] = {}
        for m in measurements:
            key = (m.stmt, m.label, m.sub_label, m.description, m.env, m.num_threads)
            groups.setdefault(key, []).append(m)
        return [Measurement(1, [t for m in group for t in m.times], *key) for key, group in groups.items()]


class Timer:
    """Measures a Python statement, waiting for the devices and with a fixed number of threads.

    Args:
        stmt: the statement. setup: what runs before each measurement. globals: the names that both see.
        label, sub_label, description: names for tables.
        num_threads: how many threads products of matrices use meanwhile.

    Raises:
        NotImplementedError: ``language`` is not Python.

    Example:
        >>> import nnlite
        >>> from nnlite.utils.benchmark import Timer
        >>> m = Timer("x + x", globals={"x": nnlite.ones(8)}).timeit(10)
        >>> m.number_per_run, m.median > 0
        (10, True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if str(getattr(language, "value", language)).lower() not in ("python", "py", "0"):
            raise NotImplementedError(f"benchmark.Timer: language {language!r}; Python statements alone are measured")
        if global_setup:
            raise ValueError("benchmark.Timer: global_setup is for C++; use setup")
        self._names = (stmt, label, sub_label, description, env, num_threads)
        self._threads = num_threads
        self._timer = timeit.Timer(stmt, setup, timer=timer, globals=dict(globals or {}))

    def _run(self, number: int) -> float:
        before = get_num_threads()
        if before != self._threads:
            set_num_threads(self._threads)
        try:
            return self._timer.timeit(number)
        finally:
            if before != self._threads:
                set_num_threads(before)

    def _made(self, number: int, times: Sequence[float]) -> Measurement:
        return Measurement(number, times, *self._names)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Execute the statement ``number`` times, after a hundredth as many (at least two) that do not count."""
        self._run(max(number // 100, 2))
        return self._made(number, [self._run(number)])

    def repeat(self, repeat: int = -1, number: int = -1) -> None:
        """Not offered.

        Raises:
            NotImplementedError: always; ``blocked_autorange`` repeats as often as it takes.
        """
        raise NotImplementedError("benchmark.Timer.repeat: use blocked_autorange()")

    def _block_size(self, min_run_time: float) -> int:
        """How many executions take long enough for the clock not to count."""
        number = 1
        while True:
            taken = self._run(number)
            if taken >= min(min_run_time / 1000, 1e-3) or taken >= min_run_time:
                return number
            number *= 10

    def blocked_autorange(
        self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2
    ) -> Measurement:
        """Measure blocks of executions until ``min_run_time`` seconds have passed."""
        number, times, total = self._block_size(min_run_time), [], 0.0
        while total < min_run_time:
            times.append(self._run(number))
            total += times[-1]
            if callback is not None:
                callback(number, times[-1])
        return self._made(number, times)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Measure blocks until the quartiles lie within ``threshold`` of the median, or ``max_run_time`` has passed."""
        number, times, total = self._block_size(min_run_time), [], 0.0
        while total < max_run_time:
            times.append(self._run(number))
            total += times[-1]
            if callback is not None:
                callback(number, times[-1])
            made = self._made(number, times)
            if total >= min_run_time and len(times) > 3 and made.iqr / made.median < threshold:
                break
        return self._made(number, times)
