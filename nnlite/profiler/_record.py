"""What the profiler records: the kernels of all operations and the rules of their derivatives, timed.

While a profiler runs, the entries of the kernel tables and the derivatives are replaced by timed ones; without one
nothing is in the way of an operation.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

from .._core.node import caller, location
from .._core.op import OPS
from .._lazy import load_all
from ..autograd.function import _FunctionOp
from ..backends.kernels import GENERIC
from ..backends.registry import tables


class Event:
    """One timed span.

    Attributes:
        name: such as ``aten::mul``, ``MulBackward0``, or the name of a ``record_function`` range.
        start, end: nanoseconds.
        inner: nanoseconds that spans inside this one took.
        memory: bytes of the results; ``inner_memory`` those of the spans inside.
    """

    __slots__ = (
        "depth",
        "end",
        "inner",
        "inner_memory",
        "kind",
        "memory",
        "name",
        "shapes",
        "stack",
        "start",
        "thread",
    )

    def __init__(self, name: str, kind: str, depth: int) -> None:
        self.name = name
        self.kind = kind
        self.depth = depth
        self.thread = threading.get_ident()
        self.inner = self.memory = self.inner_memory = 0
        self.shapes: Any = ()
        self.stack: Any = None
        self.start = self.end = 0

    @property
    def total(self) -> int:
        return self.end - self.start


class _Open(threading.local):
    def __init__(self) -> None:
        self.spans: list[Event] = []


class Recorder:
    """Collects events while it is on."""

    def __init__(self, shapes: bool, memory: bool, stack: bool, wait: bool) -> None:
        self.events: list[Event] = []
        self.with_shapes = shapes
        self.with_memory = memory
        self.with_stack = stack
        self.wait = wait
        self.open = _Open()
        self.undo: list[Callable[[], None]] = []

    # -- spans ----------------------------------------------------------------------------------------------------

    def enter(self, name: str, kind: str) -> Event:
        spans = self.open.spans
        event = Event(name, kind, len(spans))
        spans.append(event)
        event.start = time.perf_counter_ns()
        return event

    def leave(self, event: Event) -> None:
        event.end = time.perf_counter_ns()
        spans = self.open.spans
        while spans and spans.pop() is not event:
            pass
        if spans:
            spans[-1].inner += event.total
            spans[-1].inner_memory += event.memory
            spans[-1].memory += event.memory
        self.events.append(event)

    # -- replacing what operations call -------------------------------------------------------------------------------

    def start(self) -> None:
        load_all()
        for table in list(tables.values()):
            for name in GENERIC:
                self._replace_kernel(table, name)
        for op in OPS.values():
            op.impl.clear()
            if op.differentiable:
                self._replace_rule(op)
        self._replace_custom()

    def stop(self) -> None:
        for undo in reversed(self.undo):
            undo()
        self.undo.clear()
        for op in OPS.values():
            op.impl.clear()

    def _replace_kernel(self, table: Any, name: str) -> None:
        kernel = getattr(table, name)
        wait = table.backend_.synchronize if self.wait and table.backend_.name != "cpu" else None
        setattr(table, name, self._timed_kernel(f"aten::{name}", kernel, wait))
        self.undo.append(lambda: setattr(table, name, kernel))

    def _timed_kernel(self, title: str, kernel: Any, wait: Any) -> Any:
        def timed(*args: Any, **kwargs: Any) -> Any:
            event = self.enter(title, "operation")
            try:
                out = kernel(*args, **kwargs)
                if wait is not None:
                    wait()
            except BaseException:
                self.leave(event)
                raise
            self._describe(event, args, out)
            self.leave(event)
            return out

        return timed

    def _describe(self, event: Event, args: Any, out: Any) -> None:
        if self.with_shapes:
            event.shapes = tuple(tuple(a.shape) for a in args if hasattr(a, "shape"))
        if self.with_stack:
            event.stack = location(caller(4))
        if self.with_memory:
            results = out if isinstance(out, tuple | list) else (out,)
            event.memory += sum(
                a.nbytes for a in results if getattr(a, "base", 0) is None
            ) - event.inner_memory  # fmt: skip

    def _replace_rule(self, op: Any) -> None:
        rule = op.backward
        op.backward = self._timed_rule(rule)
        self.undo.append(lambda: setattr(op, "backward", rule))

    def _timed_rule(self, rule: Any) -> Any:
        def timed(f: Any, g: Any, node: Any, saved: Any) -> Any:
            event = self.enter(node.name(), "backward")
            if self.with_shapes:
                event.shapes = tuple(tuple(a.shape) for a in (g if isinstance(g, list) else [g]) if a is not None)
            if self.with_stack:
                event.stack = node.location
            try:
                return rule(f, g, node, saved)
            finally:
                self.leave(event)

        return timed

    def _replace_custom(self) -> None:
        rule = _FunctionOp.backward

        def timed(op: Any, f: Any, g: Any, node: Any, saved: Any) -> Any:
            event = self.enter(node.name(), "backward")
            try:
                return rule(op, f, g, node, saved)
            finally:
                self.leave(event)

        _FunctionOp.backward = timed  # type: ignore[method-assign, assignment]
        self.undo.append(lambda: setattr(_FunctionOp, "backward", rule))


class _Active:
    recorder: Recorder | None = None


active = _Active()
"""The recorder that is on."""


class record_function:
    """A named range of the profile; a context and a decorator.

    Example:
        >>> import nnlite
        >>> with nnlite.profiler.profile() as p:
        ...     with nnlite.profiler.record_function("forward"):
        ...         y = nnlite.ones(3) * 2
        >>> "forward" in [row.key for row in p.key_averages()]
        True
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.open: list[tuple[Recorder, Event] | None] = []

    def __enter__(self) -> record_function:
        recorder = active.recorder
        self.open.append(None if recorder is None else (recorder, recorder.enter(self.name, "user")))
        return self

    def __exit__(self, *exc: Any) -> None:
        found = self.open.pop()
        if found is not None:
            found[0].leave(found[1])

    def __call__(self, function: Any) -> Any:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with record_function(self.name):
                return function(*args, **kwargs)

        return inside
