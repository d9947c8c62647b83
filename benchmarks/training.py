"""Training steps beside PyTorch's: ``python benchmarks/training.py``.

Every workload of ``workloads.py`` runs in fresh processes, one library after the other in turn (A B A B ...), and each
process reports the median time of a step and its peak memory. Printed are medians over the rounds, the ratio to
PyTorch with the smallest and the largest ratio of a round, and the memory.

    python benchmarks/training.py                         all workloads, with and without compiled kernels
    python benchmarks/training.py MLP LSTM --rounds 5     of those whose names contain one of the words
    python benchmarks/training.py --threads 1
    python benchmarks/training.py --json out.json --plot out.png --markdown docs/performance.md
    python benchmarks/training.py --growth                time against batch, width, depth and length
    python benchmarks/training.py --check                 fail where a ratio is 1.5 times worse than in LIMITS
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

VARIANTS = {"nnlite": "nnlite", "nnlite, NumPy alone": "nnlite", "PyTorch": "torch"}
"""What runs, and the library it imports."""

SECONDS = 1.0
"""How long a process measures; it warms up for a third of it."""


def measure(library: str, name: str, threads: int, seconds: float) -> dict[str, float]:
    """Median seconds of a step, and peak memory over what the process held with the library imported."""
    torch = importlib.import_module(library)
    from workloads import WORKLOADS

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    before = _held()
    step = WORKLOADS[name](torch)
    _timed(step, seconds / 3)
    gc.collect()
    times = _timed(step, seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": statistics.median(times), "memory": max(peak - before, 0), "steps": len(times)}


def _timed(step: Any, seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return times


def _held() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def in_process(variant: str, name: str, threads: int, seconds: float) -> dict[str, float]:
    """``measure`` in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    environment["NNLITE_COMPILED"] = "0" if "alone" in variant else "1"
    command = [sys.executable, __file__, "--worker", VARIANTS[variant], name, str(threads), str(seconds)]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, float] = json.loads(run.stdout)
    return result


def rounds_of(name: str, variants: list[str], rounds: int, threads: int, seconds: float) -> dict[str, Any]:
    """Medians and ratios of one workload."""
    found: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            found[variant].append(in_process(variant, name, threads, seconds))
    rows: dict[str, Any] = {}
    for variant, results in found.items():
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(results, found["PyTorch"], strict=True)]
        rows[variant] = {
            "milliseconds": 1e3 * statistics.median(r["seconds"] for r in results),
            "megabytes": statistics.median(r["memory"] for r in results) / 1e6,
            "ratio": statistics.median(ratios),
            "spread": [min(ratios), max(ratios)],
        }
    return rows


def line(name: str, rows: dict[str, Any]) -> str:
    """One row of the table, as Markdown."""
    torch = rows["PyTorch"]
    cells = [name, f"{torch['milliseconds']:.2f}"]
    for variant, row in rows.items():
        if variant != "PyTorch":
            low, high = row["spread"]
            memory = row["megabytes"] / max(torch["megabytes"], 1e-9)
            cells += [f"{row['milliseconds']:.2f}", f"**{row['ratio']:.2f}** ({low:.2f}-{high:.2f})", f"{memory:.2f}"]
    return "| " + " | ".join(cells) + " |"


def heading(variants: list[str]) -> str:
    """The head of the table, as Markdown."""
    cells = ["workload", "PyTorch, ms"]
    for variant in variants:
        if variant != "PyTorch":
            cells += [f"{variant}, ms", "ratio", "memory"]
    return "| " + " | ".join(cells) + " |\n|" + "---|" * len(cells)


def geometric_mean(ratios: list[float]) -> float:
    """The mean of the logarithms."""
    return statistics.geometric_mean(ratios)


def versions() -> str:
    """The machine and what runs on it."""
    import numpy

    import nnlite

    names = [f"Python {platform.python_version()}", f"NumPy {numpy.__version__}", f"nnlite {nnlite.__version__}"]
    for package in ("torch", "numba"):
        try:
            names.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            names.append(f"no {package}")
    return f"{_processor()}, {os.cpu_count()} cores; " + ", ".join(names)


def _processor() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only workloads whose names contain one of these")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from workloads import WORKLOADS

    names = [n for n in WORKLOADS if not options.words or any(word.lower() in n.lower() for word in options.words)]
    print(
        f"{versions()}; {options.threads} threads, {options.rounds} rounds\n\n{heading(options.variants)}", flush=True
    )
    results = {}
    for name in names:
        results[name] = rounds_of(name, options.variants, options.rounds, options.threads, options.seconds)
        print(line(name, results[name]), flush=True)
    for variant in options.variants:
        if variant != "PyTorch":
            mean = geometric_mean([rows[variant]["ratio"] for rows in results.values()])
            print(f"\ngeometric mean of the ratios, {variant}: {mean:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"machine": versions(), "threads": options.threads, "rows": results}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        library, name, threads, seconds = sys.argv[2:]
        print(json.dumps(measure(library, name, int(threads), float(seconds))))
    else:
        main()
