"""The command: each part in turn, then the report."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nnlite

from . import __doc__ as about_this
from . import device as checks
from . import numbers
from .report import Part, Row, versions, write

ROOT = Path(__file__).resolve().parents[3]
"""The checkout, if this is one."""


def suite(device: str, seconds: float, selection: list[str]) -> Iterator[Row]:
    """The test suite on the device, in a process of its own."""
    if not (ROOT / "tests" / "conftest.py").exists():
        yield Row("suite", None, "left out", "needs a checkout")
        return
    command = [sys.executable, "-m", "pytest", "-q", "-x" if seconds < 0 else "--maxfail=50", "--device", device]
    command += ["-p", "no:cacheprovider", *(selection or ["tests/ops", "tests/nn", "tests/optim"])]
    try:
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
        text = run.stdout
    except subprocess.TimeoutExpired as error:
        yield Row("suite", False, f"not done after {seconds:.0f} s", _last(_text(error.stdout)))
        return
    yield Row("suite", run.returncode == 0, _last(text), " ".join(command[3:]))
    for line in re.findall(r"^(?:FAILED|ERROR) (.*)$", text, re.MULTILINE)[:30]:
        yield Row("suite", False, line)


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _last(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no output"


def speed(device: str, seconds: float, words: list[str]) -> Iterator[Row]:
    """benchmarks/cuda.py: its rows, and what took longer than it may."""
    script = ROOT / "benchmarks" / "cuda.py"
    if not script.exists():
        yield Row("benchmarks", None, "left out", "needs a checkout")
        return
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "rows.json")
        command = [sys.executable, str(script), *words, "--device", device, "--rounds", "1", "--json", str(data)]
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            yield Row("benchmarks", False, f"not done after {seconds:.0f} s")
            return
        rows = json.loads(data.read_text("utf-8")) if data.exists() else []
    for row in rows:
        for variant, found in row.items():
            if variant == "case":
                continue
            other = row.get("PyTorch", {}).get("seconds")
            figure = found.get("error") or f"{1e3 * found['seconds']:.3f} ms"
            note = f"{found['seconds'] / other:.2f} of PyTorch's time" if other and "seconds" in found else ""
            failed = "error" in found and variant != "PyTorch"
            yield Row(f"{row['case']}, {variant}", False if failed else None, figure, note)
    if not rows:
        yield Row("benchmarks", False, "no result")


def timed(title: str, rows: Callable[[], Iterator[Row]]) -> Part:
    """A part, run."""
    begin = time.perf_counter()
    part = Part(title, [])
    try:
        for row in rows():
            part.rows.append(row)
    except Exception as error:
        part.rows.append(Row(title, False, "", f"{type(error).__name__}: {error}"))
    part.seconds = time.perf_counter() - begin
    failed = len(part.failed)
    print(f"{title}: {len(part.rows)} rows, {failed} fail, {part.seconds:.1f} s", flush=True)
    for row in part.failed:
        print(f"  {row.name}: {row.figure} {row.note}", flush=True)
    return part


def main(arguments: list[str] | None = None) -> int:
    """Run the self-test; 0 where all holds."""
    parser = argparse.ArgumentParser(
        prog="python -m nnlite.cuda.selftest", description=about_this,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "gpu", help="the folder for both files")
    parser.add_argument("--suite-seconds", type=float, default=210, help="the most for the suite; 0 leaves it out")
    parser.add_argument("--speed-seconds", type=float, default=200, help="the most for the benchmarks; 0: left out")
    parser.add_argument("--tests", nargs="*", default=[], help="tests in place of tests/ops tests/nn tests/optim")
    parser.add_argument("--cases", nargs="*", default=[], help="words in the names of the benchmarks to run")
    options = parser.parse_args(arguments)
    device = options.device
    nnlite.zeros(1, device=device)  # what is missing is said at once
    backend = nnlite.backends.backend_for(device.partition(":")[0])
    about = versions(backend)
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    parts = [
        timed("Training beside the CPU", lambda: numbers.compare(device)),
        timed("Graphs", lambda: checks.graphs(device)),
        timed("Loss scaling", lambda: checks.scaling(device)),
        timed("Memory and errors", lambda: checks.memory(device)),
        timed("Cost of a call", lambda: checks.costs(device)),
    ]
    if options.speed_seconds:
        parts.append(timed("Benchmarks", lambda: speed(device, options.speed_seconds, options.cases)))
    if options.suite_seconds:
        parts.append(timed("Suite", lambda: suite(device, options.suite_seconds, options.tests)))
    files = write(options.report, about, parts)
    print("\n".join(str(file) for file in files))
    return 1 if any(part.failed for part in parts) else 0


if __name__ == "__main__":
    raise SystemExit(main())
