"""What one operation costs on ten elements, forward and backward, beside PyTorch in the same run.

    python benchmarks/overhead.py [--quick] [--json FILE]

Each line is the median over rounds in which the two libraries take turns, in microseconds for one operation, NumPy's
own time included. The forward time is that of a recorded operation. The backward time is that of a chain of operations
divided by its length, less what a chain of length 0 costs. The limit is 2 us forward and 2 us backward for each
operation, and never more than PyTorch. With ``--check`` the exit status says whether nnlite was slower than PyTorch.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import platform
import statistics
import sys
import time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

CHAIN = 100

OPERATIONS = {
    "add": lambda L, x, w: x + w,
    "mul": lambda L, x, w: x * w,
    "mul by a number": lambda L, x, w: x * 0.999,
    "div": lambda L, x, w: x / w,
    "exp": lambda L, x, w: x.exp(),
    "tanh": lambda L, x, w: x.tanh(),
    "relu": lambda L, x, w: L.relu(x),
    "neg": lambda L, x, w: -x,
    "reshape": lambda L, x, w: x.reshape(5, 2).reshape(10),
    "slice": lambda L, x, w: x[0:10],
    "sum": lambda L, x, w: x.sum(0, keepdim=True),
    "matmul": lambda L, x, w: x @ w,
}
MATRIX = {"matmul"}
ONE = {"sum"}
TWICE = {"reshape"}


def _inputs(L: Any, name: str) -> tuple[Any, Any]:
    shape: tuple[int, ...] = (3, 3) if name in MATRIX else (10,)
    x = L.ones(shape) if name not in ONE else L.ones(10)
    w = (L.eye(3) if name in MATRIX else L.ones(shape)).requires_grad_()
    return x.requires_grad_(), w


def _chain(L: Any, name: str) -> tuple[float, float]:
    """Seconds for one operation, forward and backward."""
    operation, length = OPERATIONS[name], CHAIN
    x, w = _inputs(L, name)
    if name == "exp":
        x = (x.detach() * 0 - 1).requires_grad_()
    gc.disable()
    try:
        start = time.perf_counter()
        h = x
        for _ in range(length):
            h = operation(L, h, w)
        middle = time.perf_counter()
        h.backward(L.ones_like(h))
        end = time.perf_counter()
        short = x * 1.0
        g = L.ones_like(short)
        before = time.perf_counter()
        short.backward(g)
        base = time.perf_counter() - before
    finally:
        gc.enable()
    count = length * (2 if name in TWICE else 1)
    return (middle - start) / count, max(end - middle - base, 0.0) / count


def measure(libraries: dict[str, Any], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Median microseconds, by operation and library: [forward, backward]."""
    table: dict[str, dict[str, list[float]]] = {}
    for name in OPERATIONS:
        times: dict[str, list[tuple[float, float]]] = {label: [] for label in libraries}
        for i in range(rounds + 3):
            for label, library in libraries.items():
                pair = _chain(library, name)
                if i >= 3:
                    times[label].append(pair)
        table[name] = {
            label: [statistics.median(t[k] for t in rows) * 1e6 for k in (0, 1)] for label, rows in times.items()
        }
    return table


def report(table: dict[str, dict[str, list[float]]]) -> None:
    """Print the table and the medians over operations."""
    labels = list(next(iter(table.values())))
    print(f"{'us for one operation':24}" + "".join(f"{label + ' fw':>12}{label + ' bw':>12}" for label in labels)
          + ("   ratio fw   ratio bw" if len(labels) == 2 else ""))  # fmt: skip
    for name, row in table.items():
        line = f"{name:24}" + "".join(f"{row[label][0]:12.2f}{row[label][1]:12.2f}" for label in labels)
        if len(labels) == 2:
            a, b = (row[label] for label in labels)
            line += f"{a[0] / b[0]:11.2f}{a[1] / b[1]:11.2f}"
        print(line)
    for label in labels:
        for k, kind in enumerate(("forward", "backward")):
            values = [row[label][k] for row in table.values()]
            print(f"{label} {kind}: median {statistics.median(values):.2f} us, largest {max(values):.2f} us")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", help="write the table to this file")
    parser.add_argument("--check", action="store_true", help="fail if nnlite is slower than PyTorch in total")
    options = parser.parse_args()
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    libraries = {"nnlite": importlib.import_module("nnlite")}
    try:
        libraries["torch"] = importlib.import_module("torch")
        libraries["torch"].set_num_threads(1)
    except ModuleNotFoundError:
        print("PyTorch is not installed: nnlite alone is measured")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, one thread, "
          + ", ".join(f"{k} {v.__version__}" for k, v in libraries.items()))  # fmt: skip
    table = measure(libraries, 20 if options.quick else 100)
    report(table)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(table, file, indent=1)
    if options.check and "torch" in libraries:
        ours, theirs = (sum(sum(row[label]) for row in table.values()) for label in ("nnlite", "torch"))
        return int(ours > theirs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
