"""What the parts of the self-test found, as JSON and as Markdown."""

from __future__ import annotations

import dataclasses
import datetime
import json
import platform
import re
from pathlib import Path
from typing import Any

import numpy as np

import nnlite


@dataclasses.dataclass
class Row:
    """One thing that was looked at.

    Args:
        name: what.
        passed: whether it holds; None where there is nothing to hold it against.
        figure: what was found.
        note: the limit, or why it failed.
    """

    name: str
    passed: bool | None
    figure: str
    note: str = ""


@dataclasses.dataclass
class Part:
    """One part of the self-test: rows, or a text of its own, and its seconds."""

    title: str
    rows: list[Row]
    seconds: float = 0.0
    text: str = ""

    @property
    def failed(self) -> list[Row]:
        """The rows that do not hold."""
        return [row for row in self.rows if row.passed is False]


def versions(backend: Any) -> dict[str, str]:
    """Device, driver and the versions of all that takes part."""
    found = {
        "device": backend.device_name(), "nnlite": nnlite.__version__, "Python": platform.python_version(),
        "NumPy": np.__version__, "date": datetime.date.today().isoformat(),
    }  # fmt: skip
    if backend.name == "cuda":
        import cupy

        runtime = cupy.cuda.runtime
        properties = backend.device_properties()
        found |= {
            "CuPy": cupy.__version__, "driver": _version(runtime.driverGetVersion()),
            "runtime": _version(runtime.runtimeGetVersion()), "cuDNN": str(nnlite.backends.cudnn.version()),
            "compute capability": f"{properties['major']}.{properties['minor']}",
            "memory": f"{properties['totalGlobalMem'] / 2**30:.1f} GiB",
        }  # fmt: skip
    for name in ("torch", "cudnn"):
        try:
            found[name] = str(__import__(name).__version__)
        except ImportError:
            found[name] = "not installed"
    return found


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def markdown(about: dict[str, str], parts: list[Part]) -> str:
    """The report."""
    failed = sum(len(part.failed) for part in parts)
    lines = [f"# Self-test on {about['device']}, {about['date']}", ""]
    lines += [", ".join(f"{key} {value}" for key, value in about.items() if key not in ("device", "date")), ""]
    lines += [f"{'All that was looked at holds' if not failed else f'{failed} do not hold'}; "
              f"{sum(part.seconds for part in parts):.0f} s.", ""]  # fmt: skip
    for part in parts:
        lines += [f"## {part.title} ({part.seconds:.0f} s)", ""]
        if part.rows:
            lines += ["| what | | found | |", "|---|---|---|---|"]
            marks = {True: "holds", False: "**fails**", None: ""}
            lines += [
                f"| {_cell(row.name)} | {marks[row.passed]} | {_cell(row.figure)} | {_cell(row.note)} |"
                for row in part.rows
            ]
            lines.append("")
        if part.text:
            lines += [part.text, ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def write(folder: Path, about: dict[str, str], parts: list[Part]) -> tuple[Path, Path]:
    """Write both files; their names are made of device and date."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^a-z0-9]+", "-", f"{about['device']} {about['date']}".lower()).strip("-")
    text, data = folder / f"{stem}.md", folder / f"{stem}.json"
    text.write_text(markdown(about, parts), "utf-8")
    data.write_text(json.dumps({"about": about, "parts": [dataclasses.asdict(p) for p in parts]}, indent=1), "utf-8")
    return text, data
