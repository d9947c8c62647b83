"""The table of a profile: events of one name together."""

from __future__ import annotations

from typing import Any

from ._record import Event


class FunctionEventAvg:
    """All events of one name. Times are in microseconds, memory in bytes.

    Attributes:
        key: the name.
        count: the number of calls.
        self_cpu_time_total: the time in the operation itself; cpu_time_total with what it called.
        self_cpu_memory_usage: bytes of the results that it made itself; cpu_memory_usage with what it called.
        input_shapes, stack: of the group, where grouped by them.
    """

    def __init__(self, key: str, shapes: Any = (), stack: Any = None) -> None:
        self.key = key
        self.count = 0
        self.input_shapes = [list(s) for s in shapes]
        self.stack = [] if stack is None else [stack]
        self.self_cpu_time_total = self.cpu_time_total = 0.0
        self.self_cpu_memory_usage = self.cpu_memory_usage = 0

    def add(self, event: Event) -> None:
        self.count += 1
        self.self_cpu_time_total += (event.total - event.inner) / 1e3
        self.cpu_time_total += event.total / 1e3
        self.self_cpu_memory_usage += event.memory - event.inner_memory
        self.cpu_memory_usage += event.memory

    @property
    def cpu_time(self) -> float:
        """The mean time of a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={time_text(self.self_cpu_time_total)} "
            f"cpu_time={time_text(self.cpu_time)} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


def time_text(us: float) -> str:
    """Microseconds with the unit that fits."""
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


def memory_text(n: int) -> str:
    """Bytes with the unit that fits."""
    for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if abs(n) >= size:
            return f"{n / size:.2f} {unit}"
    return f"{n} B"


_SORT = (
    "cpu_time", "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage", "self_cpu_memory_usage", "count",
)  # fmt: skip


class EventList(list[FunctionEventAvg]):
    """The rows of a profile."""

    with_memory = False
    with_shapes = False
    with_stack = False

    @property
    def self_cpu_time_total(self) -> float:
        """The sum over the rows, in microseconds."""
        return sum(row.self_cpu_time_total for row in self)

    def total_average(self) -> FunctionEventAvg:
        """All rows as one."""
        total = FunctionEventAvg("Total")
        for row in self:
            total.count += row.count
            total.self_cpu_time_total += row.self_cpu_time_total
            total.cpu_time_total += row.cpu_time_total
            total.self_cpu_memory_usage += row.self_cpu_memory_usage
            total.cpu_memory_usage += row.cpu_memory_usage
        return total

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The rows as text.

        Args:
            sort_by: ``"self_cpu_time_total"``, ``"cpu_time_total"``, ``"cpu_time"``, ``"count"``,
                ``"self_cpu_memory_usage"`` or ``"cpu_memory_usage"``; in order of first call unless given.
            row_limit: how many rows; -1 for all.

        Raises:
            AttributeError: there is no such column.
        """
        rows = list(self)
        if sort_by is not None:
            by = sort_by.replace("cuda", "cpu").replace("device", "cpu").replace("xpu", "cpu")
            if by not in _SORT:
                raise AttributeError(f"there is no column {sort_by!r}; sort_by may be one of {', '.join(_SORT)}")
            rows.sort(key=lambda row: -getattr(row, by))
        if row_limit >= 0:
            rows = rows[:row_limit]
        return self._text(rows, max_name_column_width, max_shapes_column_width, max_src_column_width, header)

    def _text(self, rows: Any, name_width: int, shapes_width: int, source_width: int, header: str | None) -> str:
        whole = self.self_cpu_time_total
        titles = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
        titles += ["CPU Mem", "Self CPU Mem"] if self.with_memory else []
        titles += ["# of Calls"]
        titles += ["Input Shapes"] if self.with_shapes else []
        titles += ["Source Location"] if self.with_stack else []
        lines = []
        for row in rows:
            cells = [
                _short(row.key, name_width), _percent(row.self_cpu_time_total, whole),
                time_text(row.self_cpu_time_total), _percent(row.cpu_time_total, whole), time_text(row.cpu_time_total),
                time_text(row.cpu_time),
            ]  # fmt: skip
            if self.with_memory:
                cells += [memory_text(row.cpu_memory_usage), memory_text(row.self_cpu_memory_usage)]
            cells.append(str(row.count))
            if self.with_shapes:
                cells.append(_short(str(row.input_shapes), shapes_width))
            if self.with_stack:
                cells.append(_short(row.stack[0] if row.stack else "", source_width))
            lines.append(cells)
        widths = [max(len(line[i]) for line in [titles, *lines]) for i in range(len(titles))]
        rule = "  ".join("-" * (w + 2) for w in widths)
        out = [header] if header else []
        out += [rule, "  ".join(t.rjust(w + 2) for t, w in zip(titles, widths, strict=True)), rule]
        out += ["  ".join(c.rjust(w + 2) for c, w in zip(line, widths, strict=True)) for line in lines]
        out += [rule, f"Self CPU time total: {time_text(whole)}", ""]
        return "\n".join(out)

    def __str__(self) -> str:
        return self.table()


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f}%" if whole else "0.00%"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def averages(events: list[Event], by_shape: bool, by_stack: bool) -> EventList:
    """Events grouped by name, and by shapes and source lines where asked for."""
    groups: dict[Any, FunctionEventAvg] = {}
    for event in sorted(events, key=lambda e: e.start):
        key = (event.name, event.shapes if by_shape else (), event.stack if by_stack else None)
        if key not in groups:
            groups[key] = FunctionEventAvg(*key)
        groups[key].add(event)
    return EventList(groups.values())
