"""Training steps beside PyTorch's: ``python benchmarks/training.py``.

Every workload of ``workloads.py`` runs in fresh processes, one for each library. They take turns of a tenth of a second
(A B A B ...) while the others sleep, since a shared machine runs at another speed every few seconds. Printed are the
median time of a step, the median of the turns' ratios to PyTorch with the ratios of the fastest and the slowest round,
and the peak memory of the process beside PyTorch's.

    python benchmarks/training.py                         all workloads, with compiled kernels and on NumPy alone
    python benchmarks/training.py MLP LSTM --rounds 5     of those whose names contain one of the words
    python benchmarks/training.py --threads 1
    python benchmarks/training.py --json out.json --plot out.png --markdown docs/performance.md
    python benchmarks/training.py --growth                time against batch, width, depth and length
    python benchmarks/training.py --start                 time of import, size on disk
    python benchmarks/training.py --check                 fail where a ratio is 1.5 times that of limits.json
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMPILED, ALONE, TORCH = "nnlite, fast", "nnlite, NumPy alone", "PyTorch"
VARIANTS = {COMPILED: "nnlite", ALONE: "nnlite", TORCH: "torch"}
"""What runs, and the library it imports."""

ROOT = Path(__file__).resolve().parent.parent
LIMITS = Path(__file__).with_name("limits.json")
SLACK, TRIES = 1.5, 4
TURN = 0.1
"""Seconds of a turn, or one step."""

GROWTH: dict[str, tuple[str, str, list[int]]] = {
    "batch": ("MLP 784-256-256-10, batch 256, SGD", "batch", [64, 256, 1024]),
    "width": ("MLP 784-256-256-10, batch 256, SGD", "width", [128, 256, 512]),
    "depth": ("MLP 784-256-256-10, batch 256, SGD", "depth", [2, 8, 32]),
    "images": ("MNIST convnet, batch 64, SGD", "batch", [16, 64, 256]),
    "time steps": ("LSTM language model 35x20, 256, 1,000 words", "steps", [10, 35, 140]),
    "tokens": ("GPT 4x128, 8x128 tokens, AdamW", "length", [32, 128, 512]),
    "operations": ("chain of 200 small operations", "length", [50, 200, 800]),
}
"""What grows: the workload, the argument of its maker, and its sizes."""


def work(library: str, name: str, threads: int, seconds: float, sizes: dict[str, int]) -> None:
    """What a process does: make a workload ready, and for each line that comes run it for a while, print the median
    seconds of a step and the peak memory so far, the library itself included."""
    torch = importlib.import_module(library)
    from workloads import WORKLOADS

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    step = WORKLOADS[name](torch, **sizes)
    brief = statistics.median(_timed(step, seconds, 3)) < TURN / 2
    gc.collect()
    for _ in sys.stdin:
        if brief:
            step()  # what lay in the caches was another process's
        times = _timed(step, TURN, 1)
        print(json.dumps({"seconds": statistics.median(times), "memory": _peak()}), flush=True)


def _timed(step: Any, seconds: float, least: int) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def _peak() -> int:
    """The most bytes of memory that the process has held: what Linux says of it, which begins anew with a program."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024


class Worker:
    """A process that runs a workload when it is told."""

    def __init__(self, variant: str, name: str, threads: int, seconds: float, sizes: dict[str, int]) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment["NNLITE_COMPILED"] = "0" if variant == ALONE else "1"
        task = json.dumps([VARIANTS[variant], name, threads, seconds, sizes])
        command = [sys.executable, __file__, "--worker", task]
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.turn()  # when it is ready

    def turn(self) -> dict[str, float]:
        """Seconds of a step, and the peak memory so far."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("go\n")
        text = self.process.stdout.readline()
        if not text:
            raise RuntimeError(f"a worker ended with status {self.process.wait()}: {self.process.args}")
        result: dict[str, float] = json.loads(text)
        return result

    def end(self) -> None:
        self.process.communicate()


def in_turn(
    name: str, variants: list[str], threads: int, seconds: float, sizes: dict[str, int] | None = None
) -> dict[str, list[dict[str, float]]]:
    """What each variant measured in each of its turns."""
    workers = {variant: Worker(variant, name, threads, seconds, sizes or {}) for variant in variants}
    count = max(3, round(seconds / TURN))
    turns = [{variant: worker.turn() for variant, worker in workers.items()} for _ in range(count)]
    for worker in workers.values():
        worker.end()
    return {variant: [turn[variant] for turn in turns] for variant in variants}


def rounds_of(name: str, variants: list[str], rounds: int, threads: int, seconds: float) -> dict[str, Any]:
    """Medians and ratios of one workload."""
    found = [in_turn(name, variants, threads, seconds) for _ in range(rounds)]
    rows: dict[str, Any] = {}
    for variant in variants:
        turns = [turn for each in found for turn in each[variant]]
        ratios = [[a["seconds"] / b["seconds"] for a, b in zip(e[variant], e[TORCH], strict=True)] for e in found]
        each = [statistics.median(r) for r in ratios]
        rows[variant] = {
            "milliseconds": 1e3 * statistics.median(turn["seconds"] for turn in turns),
            "megabytes": max(turn["memory"] for turn in turns) / 1e6,
            "ratio": statistics.median(itertools.chain(*ratios)),
            "spread": [min(each), max(each)],
        }
    return rows


# -- what is printed --------------------------------------------------------------------------------------------------


def heading(variants: list[str]) -> str:
    """The head of the table, as Markdown."""
    cells = ["workload", f"{TORCH}, ms, MB"]
    for variant in variants:
        if variant != TORCH:
            cells += [f"{variant}, ms", "ratio", "memory"]
    return "| " + " | ".join(cells) + " |\n|" + "---|" * len(cells)


def line(name: str, rows: dict[str, Any]) -> str:
    """One row of the table, as Markdown."""
    torch = rows[TORCH]
    cells = [name, f"{torch['milliseconds']:.2f}, {torch['megabytes']:.0f}"]
    for variant, row in rows.items():
        if variant != TORCH:
            low, high = row["spread"]
            memory = row["megabytes"] / max(torch["megabytes"], 1e-9)
            cells += [f"{row['milliseconds']:.2f}", f"**{row['ratio']:.2f}** ({low:.2f}-{high:.2f})", f"{memory:.2f}"]
    return "| " + " | ".join(cells) + " |"


def means(results: dict[str, Any], variants: list[str]) -> list[str]:
    """The geometric means of the ratios, as sentences."""
    lines = []
    for variant in variants:
        if variant != TORCH:
            mean = statistics.geometric_mean([rows[variant]["ratio"] for rows in results.values()])
            lines.append(f"Geometric mean of the ratios, {variant}: {mean:.2f}.")
    return lines


def versions() -> str:
    """The machine and what runs on it."""
    names = [f"Python {platform.python_version()}"]
    for package in ("numpy", "numba", "torch"):
        try:
            names.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            names.append(f"no {package}")
    return f"{_processor()}, {os.cpu_count()} cores, {', '.join(names)}"


def _processor() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor()


def write_section(path: Path, title: str, text: str) -> None:
    """Put ``text`` under a heading of a Markdown file, in place of what stood there."""
    document = path.read_text("utf-8")
    start = document.find(f"## {title}\n")
    if start < 0:
        document, start = document.rstrip() + "\n\n", len(document.rstrip()) + 2
    end = document.find("\n## ", start + 1)
    rest = document[end + 1 :] if end >= 0 else ""
    path.write_text(document[:start] + f"## {title}\n\n{text.rstrip()}\n" + (f"\n{rest}" if rest else ""), "utf-8")


def plot(results: dict[str, Any], path: Path) -> None:
    """A bar for each workload and variant: its time beside PyTorch's."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(results)
    variants = [variant for variant in next(iter(results.values())) if variant != TORCH]
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(names) + 1.5), layout="constrained")
    for i, variant in enumerate(variants):
        places = [j + (i - (len(variants) - 1) / 2) * 0.38 for j in range(len(names))]
        axes.barh(places, [results[name][variant]["ratio"] for name in names], 0.36, label=variant)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("time of a step, PyTorch = 1")
    axes.legend()
    figure.savefig(path, dpi=120)


# -- further figures --------------------------------------------------------------------------------------------------


def growth(threads: int, seconds: float, variants: list[str]) -> str:
    """How the time of a step grows with one size, as a table of exponents: time ~ size^k between the ends."""
    import math

    lines = ["| grows | sizes | " + " | ".join(f"{v}, ms (exponent)" for v in variants) + " |"]
    lines.append("|" + "---|" * (2 + len(variants)))
    for what, (name, argument, sizes) in GROWTH.items():
        cells = [what, ", ".join(map(str, sizes))]
        measured = [in_turn(name, variants, threads, seconds, {argument: n}) for n in sizes]
        for variant in variants:
            times = [1e3 * statistics.median(turn["seconds"] for turn in each[variant]) for each in measured]
            exponent = math.log(times[-1] / times[0]) / math.log(sizes[-1] / sizes[0])
            cells.append(", ".join(f"{t:.2f}" for t in times) + f" ({exponent:.2f})")
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def start(rounds: int) -> str:
    """Seconds to import, beside NumPy, and megabytes on disk."""
    lines = ["| imported | seconds |", "|---|---|"]
    for module in ("numpy", "nnlite", "torch"):
        times = []
        for _ in range(2 * rounds + 1):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
            times.append(time.perf_counter() - begin)
        lines.append(f"| {module} | {statistics.median(times):.2f} |")
    lines += ["", "| on disk | MB |", "|---|---|"]
    for module, package in (
        ("numpy", "numpy"),
        ("nnlite", None),
        ("numba", "numba"),
        ("llvmlite", "llvmlite"),
        ("torch", "torch"),
    ):
        lines.append(f"| {module} | {_size(module, package) / 1e6:.0f} |")
    return "\n".join(lines)


def _size(module: str, package: str | None) -> int:
    if package is None:
        folder = Path(importlib.import_module(module).__file__ or "").parent
        files = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
        return sum(p.stat().st_size for p in {p.resolve() for p in files})
    listed = importlib.metadata.files(package) or []
    return sum(
        size for file in listed if (size := Path(str(file.locate())).stat().st_size if file.locate().exists() else 0)
    )


def check(results: dict[str, Any], measure_again: Callable[[str], dict[str, Any]]) -> list[str]:
    """What is slower than `SLACK` times the ratios of limits.json, in the best of all rounds.

    What seems to be is measured again, up to `TRIES` times: another program may have had the processor.
    """
    limits = json.loads(LIMITS.read_text())
    for _ in range(TRIES):
        slow = too_slow(results, limits)
        if not slow:
            break
        for name in dict.fromkeys(name for name, _, _ in slow):
            for variant, row in measure_again(name).items():
                spread = results[name][variant]["spread"]
                spread[0] = min(spread[0], row["spread"][0])
    return [
        f"{name}, {variant}: {ratio:.2f} of PyTorch's time, {limits[name][variant]:.2f} when limits.json was written"
        for name, variant, ratio in too_slow(results, limits)
    ]


def too_slow(results: dict[str, Any], limits: dict[str, Any]) -> list[tuple[str, str, float]]:
    """Workload, variant and best ratio."""
    best = {(name, v): row["spread"][0] for name, rows in results.items() for v, row in rows.items() if v != TORCH}
    return [
        (name, variant, ratio)
        for (name, variant), ratio in best.items()
        if ratio > SLACK * limits.get(name, {}).get(variant, math.inf)
    ]


def main() -> int:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only workloads whose names contain one of these")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=1.0, help="of measuring in a process, in turns of a tenth")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--check", action="store_true")
    for name in ("json", "plot", "markdown", "limits"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")
    options = parser.parse_args()
    about = f"{versions()}; {options.threads} threads, medians of {options.rounds} rounds."
    print(about + "\n")
    if options.growth or options.start:
        text = growth(options.threads, options.seconds, options.variants) if options.growth else start(options.rounds)
        print("" if options.growth else text)
        if options.markdown:
            title, how = ("Growth", "--growth") if options.growth else ("Start and size", "--start")
            write_section(options.markdown, title, f"`python benchmarks/training.py {how}`: {about}\n\n{text}")
        return 0
    from workloads import WORKLOADS

    def again(name: str) -> dict[str, Any]:
        return rounds_of(name, options.variants, 1, options.threads, options.seconds)

    names = [n for n in WORKLOADS if not options.words or any(word.lower() in n.lower() for word in options.words)]
    print(heading(options.variants), flush=True)
    results = {}
    for name in names:
        results[name] = rounds_of(name, options.variants, options.rounds, options.threads, options.seconds)
        print(line(name, results[name]), flush=True)
    summary = means(results, options.variants)
    print("\n" + "\n".join(summary))
    if options.json:
        options.json.write_text(json.dumps({"about": about, "rows": results}, indent=1))
    if options.limits:
        ratios = {
            n: {v: round(row["ratio"], 2) for v, row in rows.items() if v != TORCH} for n, rows in results.items()
        }
        options.limits.write_text(json.dumps(ratios, indent=1) + "\n")
    if options.plot:
        plot(results, options.plot)
    if options.markdown:
        rows = [heading(options.variants), *(line(name, rows) for name, rows in results.items())]
        text = f"`python benchmarks/training.py`: {about}\n\n" + "\n".join(rows) + "\n\n" + "\n".join(summary)
        write_section(options.markdown, f"Training steps, threads: {options.threads}", text)
    slow = check(results, again) if options.check else []
    print("\n".join(slow), file=sys.stderr)
    return bool(slow)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*json.loads(sys.argv[2]))
    else:
        raise SystemExit(main())
