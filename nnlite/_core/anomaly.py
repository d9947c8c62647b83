"""Anomaly detection: which forward line made the derivative that failed or returned NaN."""

from __future__ import annotations

import linecache
import warnings
from typing import Any

from ..backends.registry import backend_of, tables
from .node import Node


class _Anomaly:
    """Attributes:
    on: whether the engine looks.
    check_nan: whether it looks for NaN, or names the line of errors only.
    """

    on = False
    check_nan = True


anomaly = _Anomaly()


def tell_of(node: Node) -> None:
    """Warn with the forward line of a node."""
    file, _, line = node.location.rpartition(":")
    text = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    where = f'  File "{file}", line {line}\n    {text}\n' if line.isdigit() else f"  {node.location}\n"
    warnings.warn(
        f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{where}",
        UserWarning,
        stacklevel=6,
    )


def look_for_nan(node: Node, results: tuple[Any, ...]) -> None:
    """Raise if a gradient that a node computed holds NaN. Waits for the device."""
    for i, r in enumerate(results):
        a = getattr(r, "_a", r)
        while hasattr(a, "level"):
            a = a.raw
        if type(a) not in tables or a.dtype.kind not in "fcV" or node.edges[i] is None:
            continue
        xp = backend_of(a).xp
        if bool(xp.any(xp.isnan(a))):
            tell_of(node)
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")
