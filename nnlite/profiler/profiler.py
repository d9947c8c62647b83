"""The profiler, its schedule and its files."""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ._record import Event, Recorder, active, record_function
from ._table import EventList, averages


class ProfilerActivity(enum.Enum):
    """What is timed: the host, or the device as well (each operation then waits for it)."""

    CPU = 0
    XPU = 1
    CUDA = 2


class ProfilerAction(enum.Enum):
    """What a profiler does during a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Which steps are recorded: after ``skip_first`` steps cycles of ``wait``, ``warmup`` and ``active`` steps.

    Args:
        repeat: the number of cycles; 0 for no end.

    Example:
        >>> from nnlite.profiler import schedule
        >>> plan = schedule(wait=1, warmup=0, active=2)
        >>> [plan(step).name for step in range(4)]
        ['NONE', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, active - 1, repeat, skip_first) < 0:
        raise AssertionError("Invalid profiler schedule arguments")
    cycle = wait + warmup + active

    def plan(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        if repeat and step // cycle >= repeat:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return plan


def _always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """An ``on_trace_ready`` that writes a Chrome trace file into a folder."""

    def write(profiler: Any) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = f"{worker_name or f'worker_{os.getpid()}'}.{time.time_ns()}.pt.trace.json"
        profiler.export_chrome_trace(os.path.join(dir_name, name + (".gz" if use_gzip else "")))

    return write


class profile:
    """Record every operation, its derivative and the ranges of ``record_function``.

    Args:
        activities: with ``ProfilerActivity.CUDA`` among them every operation waits for its device, so that its time is
            the device's.
        schedule: which steps are recorded, see :func:`schedule`; :meth:`step` ends a step.
        on_trace_ready: called with the profiler when a cycle of the schedule, or the context, ends.
        record_shapes: keep the shapes of the inputs, for ``key_averages(group_by_input_shape=True)``.
        profile_memory: count the bytes of results.
        with_stack: keep the user's line of each operation.
        with_flops, with_modules: accepted.

    The times are those of the array library's work, without what nnlite does around it (1 to 2 us an operation).

    Raises:
        RuntimeError: another profiler is on.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(100, 100, requires_grad=True)
        >>> with nnlite.profiler.profile(record_shapes=True) as p:
        ...     (x @ x).sum().backward()
        >>> sorted(row.key for row in p.key_averages() if "Backward" in row.key)
        ['MmBackward0', 'SumBackward0']
        >>> text = p.key_averages().table(sort_by="self_cpu_time_total", row_limit=5)
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Any = None,
    ) -> None:
        chosen = set(activities) if activities is not None else {ProfilerActivity.CPU}
        if use_cuda:
            chosen.add(ProfilerActivity.CUDA)
        if activities is not None and not chosen:
            raise AssertionError("No valid profiler activities found")
        self.activities = chosen
        self.schedule = schedule or _always
        self.scheduled = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.step_num = 0
        self.current_action = self.schedule(0)
        self._recorder: Recorder | None = None
        self._events: list[Event] = []
        self._range: record_function | None = None

    # -- on and off ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Begin the first step."""
        if active.recorder is not None:
            raise RuntimeError("Can't start a profiler while another one is running; stop it first")
        self._begin()

    def stop(self) -> None:
        """End the last step; ``on_trace_ready`` is called if something was recorded."""
        recorded = self._recorder is not None
        self._end()
        if recorded and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _begin(self) -> None:
        if self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            if self._recorder is None:
                self._recorder = Recorder(
                    self.record_shapes, self.profile_memory, self.with_stack, ProfilerActivity.CUDA in self.activities
                )
                self._events = self._recorder.events
                self._recorder.start()
                active.recorder = self._recorder
            if self.scheduled:
                self._range = record_function(f"ProfilerStep#{self.step_num}")
                self._range.__enter__()

    def _end_range(self) -> None:
        if self._range is not None:
            self._range.__exit__()
            self._range = None

    def _end(self) -> None:
        self._end_range()
        if self._recorder is not None:
            self._recorder.stop()
            active.recorder = self._recorder = None

    def step(self) -> None:
        """Say that a step of the program ended."""
        self._end_range()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE or (
            before is ProfilerAction.RECORD and self.current_action in (ProfilerAction.NONE, ProfilerAction.WARMUP)
        ):
            self._end()
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        self._begin()

    # -- results ------------------------------------------------------------------------------------------------------

    def events(self) -> list[Event]:
        """All events in order of their beginning."""
        return sorted(self._events, key=lambda event: event.start)

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventList:
        """The events by name, and by shapes and source lines where asked for; ``.table()`` prints them."""
        if group_by_input_shape and not self.record_shapes:
            raise RuntimeError("key_averages(group_by_input_shape=True) needs profile(record_shapes=True)")
        rows = averages(self._events, group_by_input_shape, group_by_stack_n > 0)
        rows.with_memory = self.profile_memory
        rows.with_shapes = group_by_input_shape
        rows.with_stack = group_by_stack_n > 0
        return rows

    def export_chrome_trace(self, path: str) -> None:
        """Write a file for ``chrome://tracing`` or https://ui.perfetto.dev; compressed if it ends in ``.gz``."""
        trace = {
            "schemaVersion": 1,
            "displayTimeUnit": "ms",
            "traceEvents": [_chrome(event) for event in self.events()],
        }
        text = json.dumps(trace)
        if str(path).endswith(".gz"):
            import gzip

            with gzip.open(path, "wt", encoding="utf-8") as file:
                file.write(text)
        else:
            Path(path).write_text(text, encoding="utf-8")

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write the user's lines with their times, one each, as flame-graph programs read them.

        Raises:
            RuntimeError: the profile was made without ``with_stack=True``.
        """
        if not self.with_stack:
            raise RuntimeError("export_stacks() requires with_stack=True")
        totals: dict[str, float] = {}
        for event in self._events:
            if event.stack:
                line = f"{event.stack};{event.name}"
                spent = event.total - event.inner if metric.startswith("self") else event.total
                totals[line] = totals.get(line, 0) + spent / 1e3
        Path(path).write_text("".join(f"{line} {round(us)}\n" for line, us in totals.items()), encoding="utf-8")

    def add_metadata(self, key: str, value: str) -> None:
        """Accepted for PyTorch's sake."""


_CATEGORIES = {"operation": "cpu_op", "backward": "cpu_op", "user": "user_annotation"}


def _chrome(event: Event) -> dict[str, Any]:
    args: dict[str, Any] = {}
    if event.shapes:
        args["Input Dims"] = [list(shape) for shape in event.shapes]
    if event.stack:
        args["Call stack"] = event.stack
    if event.memory:
        args["Bytes"] = event.memory
    return {
        "ph": "X", "cat": _CATEGORIES[event.kind], "name": event.name, "pid": os.getpid(), "tid": event.thread,
        "ts": event.start / 1e3, "dur": event.total / 1e3, "args": args,
    }  # fmt: skip
