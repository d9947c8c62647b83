"""``Compare``: a table of measurements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .timer import Measurement, unit_of


class Compare:
    """Measurements as a table: a row for each sub-label, a column for each description.

    Example:
        >>> from nnlite.utils.benchmark import Compare, Measurement
        >>> times = [Measurement(1, [2e-3], sub_label="n=8", description=name) for name in ("a", "b")]
        >>> print(Compare(times))
                 |  a   |  b
        ----------------------
        1 thread |
          n=8    | 2.0  | 2.0
        Times are in ms.
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results = list(results)
        self._trimmed = False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add measurements."""
        self._results.extend(results)

    def trim_significant_figures(self) -> None:
        """Print fewer digits."""
        self._trimmed = True

    def colorize(self, rowwise: bool = False) -> None:
        """Nothing: the table is printed without colours."""

    def highlight_warnings(self) -> None:
        """Nothing: there are no warnings."""

    def print(self) -> None:
        """Print the table."""
        print(self)

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        if not merged:
            return ""
        unit, length = unit_of(min(m.median for m in merged))
        columns = list(dict.fromkeys(m.description or m.label or "" for m in merged))
        digits = 0 if self._trimmed else 1
        rows: list[list[Any]] = [["", *(f" {c}" for c in columns)]]
        for threads in dict.fromkeys(m.num_threads for m in merged):
            rows.append([f"{threads} thread{'s' if threads > 1 else ''}"])
            for name in dict.fromkeys(m.as_row_name for m in merged if m.num_threads == threads):
                cells = {
                    m.description or m.label or "": f"{m.median / length:.{digits}f}"
                    for m in merged
                    if m.num_threads == threads and m.as_row_name == name
                }
                rows.append([f"  {name}", *(cells.get(c, "") for c in columns)])
        return _aligned(rows, len(columns)) + f"\nTimes are in {unit}."


def _aligned(rows: list[list[Any]], columns: int) -> str:
    first = max(len(row[0]) for row in rows)
    widths = [max((len(row[i + 1]) for row in rows if len(row) > i + 1), default=0) + 1 for i in range(columns)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[1:], widths, strict=False)]
        lines.append(f"{row[0].ljust(first)} | {' | '.join(cells)}".rstrip())
    lines.insert(1, "-" * (first + sum(widths) + 3 * columns))
    return "\n".join(lines)
