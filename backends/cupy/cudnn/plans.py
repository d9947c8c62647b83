"""Graphs of cuDNN: built once for operation, shapes, strides, dtype and settings, and kept.

A *graph* says what is computed; cuDNN's heuristics give a list of *plans* that compute it, the one they think fastest
first. The first that can be built is taken, or, under ``nnlite.backends.cudnn.benchmark``, the fastest of the first
few, measured on the arrays of the first call. A graph without a plan is remembered too, with the reason.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from operator import is_
from typing import Any, NamedTuple

from ... import cudnn as settings
from ...deterministic import mode

KEPT = 1000
"""Graphs that a thread keeps; beyond that the oldest is forgotten."""

DTYPES = {"float16": "HALF", "bfloat16": "BFLOAT16", "float32": "FLOAT", "float64": "DOUBLE"}

REASONS = 100
"""Refused graphs whose reasons are kept for ``explain()``."""

refused: dict[str, str] = {}
"""What was asked for -> why there is no plan for it."""


class Choice(NamedTuple):
    """The settings that decide which plan is taken."""

    deterministic: bool
    tf32: bool
    rivals: int | None
    """How many plans are measured: 1 without a benchmark, None for all."""


def flags() -> tuple[Any, ...]:
    """The settings at this moment, as they stand in ``nnlite.backends.cudnn``; a part of the key of a plan."""
    return (
        settings.deterministic or mode.on,
        settings.allow_tf32,
        settings.fp32_precision,
        settings.benchmark,
        settings.benchmark_limit,
    )


def choice() -> Choice:
    """What the settings ask for."""
    deterministic, tf32, precision, benchmark, limit = flags()
    return Choice(deterministic, tf32 and precision != "ieee", (limit or None) if benchmark else 1)


def compute_type(frontend: Any, dtype: str) -> Any:
    """The type in which sums are formed."""
    return frontend.data_type.DOUBLE if dtype == "float64" else frontend.data_type.FLOAT


def data_type(frontend: Any, dtype: str) -> Any:
    """cuDNN's name of a dtype."""
    return getattr(frontend.data_type, DTYPES[dtype])


def new_graph(library: Any, dtype: str) -> Any:
    """An empty graph whose inputs and outputs have this dtype."""
    frontend = library.frontend
    compute = compute_type(frontend, dtype)
    return frontend.pygraph(
        io_data_type=data_type(frontend, dtype),
        intermediate_data_type=compute,
        compute_data_type=compute,
        **library.graph_options(),
    )


class Plan:
    """A graph that can be run.

    Args:
        graph: cuDNN's graph with its list of plans.
        rivals: the positions of plans that are built; more than one are measured at the first run.
        label: what it computes, for messages.
    """

    def __init__(self, graph: Any, rivals: list[int], label: str) -> None:
        self._graph = graph
        self._rivals = rivals
        self.label = label
        self._take(rivals[0])

    def _take(self, index: int) -> None:
        self.index = index
        self.workspace: int = self._graph.get_workspace_size_plan_at_index(index)

    @property
    def name(self) -> str:
        """cuDNN's name of the plan that is taken."""
        return self._graph.get_plan_name_at_index(self.index)

    def run(self, library: Any, xp: Any, arrays: dict[int, Any]) -> None:
        """Compute: read and write ``arrays``, given by their numbers in the graph.

        Raises:
            RuntimeError: cuDNN fails.
            MemoryError: there is no memory for any plan's workspace.
        """
        pointers = {number: array.data.ptr for number, array in arrays.items()}
        if len(self._rivals) > 1 and library.can_measure():
            self._take_fastest(library, xp, pointers)
        space = self._space(xp)
        self._execute(library, pointers, space, self.index)

    def _execute(self, library: Any, pointers: dict[int, int], space: Any, index: int) -> None:
        try:
            # The bound function itself: its wrapper in Python looks at every pointer's type first.
            self._graph._execute_plan_at_index(
                pointers, 0 if space is None else space.data.ptr, index, library.handle()
            )
        except RuntimeError as error:
            raise RuntimeError(
                f"cuDNN failed in {self.label}: {_line(error)} "
                "(nnlite.backends.cudnn.enabled = False computes without cuDNN)"
            ) from error

    def _space(self, xp: Any) -> Any:
        """Memory to work in; where there is too little, a plan that needs less takes over."""
        while True:
            try:
                return _memory(xp, self.workspace)
            except MemoryError:
                smaller = (index for index, need in self._needs() if need < self.workspace)
                index = next(smaller, None)
                if index is None:
                    raise
                self._take(index)
                self._rivals = [index]

    def _needs(self) -> Iterator[tuple[int, int]]:
        """The plans that can be built, and the workspace that they need."""
        for index in range(self._graph.get_execution_plan_count()):
            if _build(self._graph, index) is None:
                yield index, self._graph.get_workspace_size_plan_at_index(index)

    def _take_fastest(self, library: Any, xp: Any, pointers: dict[int, int]) -> None:
        """Measure the rivals; those that fail, or for which there is no memory, are left out."""
        times = {}
        for index in self._rivals:
            try:
                space = _memory(xp, self._graph.get_workspace_size_plan_at_index(index))
                times[index] = library.measure(lambda i=index, s=space: self._execute(library, pointers, s, i))
            except (MemoryError, RuntimeError):
                continue
        if times:
            self._take(min(times, key=lambda index: times[index]))
        self._rivals = [self.index]


def _memory(xp: Any, size: int) -> Any:
    return xp.empty(size, dtype="uint8") if size else None


def _build(graph: Any, index: int) -> str | None:
    """Build the plan at a position; the reason where there is none (it is ruled out, or the device has no kernel)."""
    try:
        graph.build_plan_at_index(index)
    except Exception as error:  # the frontend raises a class of its own, or RuntimeError
        return _line(error)
    return None


def _line(error: Exception) -> str:
    """What an error says, on a line: cuDNN's texts go on about each engine that was asked."""
    text = " ".join(str(error).replace("_", " ").split())
    return text if len(text) <= 300 else text[:300] + " ..."


def build(
    library: Any, describe: Callable[[Any], None], dtype: str, chosen: Choice, label: str, compiled: bool = False
) -> Plan:
    """The plan for a graph.

    Args:
        describe: puts tensors and operations into an empty graph.
        compiled: whether kernels that are compiled at run time (for about a second) are as good as others; otherwise
            they are taken only where there are no others.

    Raises:
        Unsupported: there is none.
    """
    reason = ""
    for every in (True,) if compiled else (False, True):
        graph = new_graph(library, dtype)
        try:
            describe(graph)
            found = _plans(library.frontend, graph, dtype, chosen, every)
        except (library.frontend.cudnnGraphNotSupportedError, RuntimeError, ValueError) as error:
            raise Unsupported(_line(error)) from error
        if isinstance(found, list):
            return Plan(graph, found, label)
        reason = found
    raise Unsupported(reason)


class Unsupported(Exception):
    """cuDNN has no plan for a graph."""


def _plans(frontend: Any, graph: Any, dtype: str, chosen: Choice, every: bool) -> list[int] | str:
    """The positions of the first plans that can be built, as many as are to be measured; a reason if there is none."""
    modes, notes = frontend.heur_mode, frontend.numerical_note
    graph.validate()
    graph.build_operation_graph()
    graph.create_execution_plans([modes.A, modes.FALLBACK])
    ruled_out = [notes.NONDETERMINISTIC] if chosen.deterministic else []
    if dtype == "float32":
        ruled_out += [notes.DOWN_CONVERT_INPUTS] if chosen.tf32 else [notes.DOWN_CONVERT_INPUTS, notes.TENSOR_CORE]
    if ruled_out:
        graph.deselect_numeric_notes(ruled_out)
    if not every:
        graph.deselect_behavior_notes([frontend.behavior_note.RUNTIME_COMPILATION])
    rivals, reason = [], "cuDNN has no plan for it"
    for index in range(graph.get_execution_plan_count()):
        wrong = _build(graph, index)
        if wrong is not None:
            reason = wrong
            continue
        rivals.append(index)
        if len(rivals) == chosen.rivals:
            break
    return rivals or reason


class Entry:
    """What is kept for a key: a plan and what it was built for. The plan is None where there is none."""

    __slots__ = ("plan", "problem")

    def __init__(self, plan: Plan | None, problem: Any) -> None:
        self.plan = plan
        self.problem = problem


class _Kept(threading.local):
    """A thread's entries, since plans are not made for several threads at once."""

    def __init__(self) -> None:
        self.entries: dict[Any, Entry] = {}


_kept = _Kept()


def look(key: Any) -> Entry | None:
    """What is kept under a key."""
    return _kept.entries.get(key)


def keep(key: Any, problem: Any, make: Callable[[Choice], Plan]) -> Entry:
    """Build a plan and keep it. Where there is none that is kept, and the reason for ``explain()``."""
    plan: Plan | None = None
    try:
        plan = make(choice())
    except Unsupported as error:
        if len(refused) < REASONS:
            refused[problem.label()] = str(error)
    entries = _kept.entries
    if len(entries) >= KEPT:
        del entries[next(iter(entries))]
    entries[key] = found = Entry(plan, problem)
    return found


def kept() -> list[Plan]:
    """This thread's plans."""
    return [entry.plan for entry in _kept.entries.values() if entry.plan is not None]


def forget() -> None:
    """Drop this thread's plans, and the reasons of refusals."""
    _kept.entries.clear()
    refused.clear()


class Handover(threading.local):
    """What a condition found, for the kernel that is called next with the same arguments."""

    arguments: tuple[Any, ...] = ()
    found: Any = None

    def offer(self, arguments: tuple[Any, ...], found: Any) -> bool:
        """Keep what was found for these arguments; whether there is anything."""
        if found is None:
            return False
        self.arguments, self.found = arguments, found
        return True

    def take(self, arguments: tuple[Any, ...]) -> Any:
        """What was offered for the very same arguments; None otherwise. It is kept no longer."""
        given, found = self.arguments, self.found
        self.arguments, self.found = (), None
        if len(given) == len(arguments) and all(map(is_, given, arguments)):
            return found
        return None
