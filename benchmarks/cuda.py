"""Training steps on a GPU beside PyTorch's: eager, and captured into one graph, each in a process of its own.

    python benchmarks/cuda.py [words in names] [--device cuda] [--rounds 2] [--json FILE]

The same sources as on the CPU (workloads.py), at sizes for a GPU. A step's time is wall time over many steps with one
synchronisation at each end. The optimizer's update is put beside the time in which the device could move its bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
EAGER, CAPTURED, TORCH = "nnlite", "nnlite, captured", "PyTorch"

UPDATE = "Adam over 100 M parameters"
BYTES_OF_UPDATE = 7 * 4 * 100_040_000
"""Adam reads parameter, gradient and two moments, and writes all but the gradient."""

ABOVE_FLOOR = 1.2
"""The most that the update may take of the time in which the device copies as many bytes."""

CASES: dict[str, tuple[str, dict[str, int], str, dict[str, float]]] = {
    "MLP, batch 256": ("MLP 784-256-256-10, batch 256, SGD", {}, "float32", {EAGER: 1.5, CAPTURED: 0.4}),
    "MNIST convnet, batch 64": ("MNIST convnet, batch 64, SGD", {}, "float32", {EAGER: 1.5, CAPTURED: 0.4}),
    "LSTM tagger": ("LSTM tagger, five words", {}, "float32", {EAGER: 1.5, CAPTURED: 0.4}),
    "CIFAR convnet, batch 256": ("CIFAR convnet 32-64-128, batch 32, Adam", {"batch": 256}, "float32", {EAGER: 1.1}),
    "CIFAR convnet, batch 256, bf16": (
        "CIFAR convnet 32-64-128, batch 32, Adam", {"batch": 256}, "bfloat16", {EAGER: 1.1},
    ),
    "ResNet-18 stack, batch 256": ("ResNet-18 stack, 32x32, batch 8, SGD", {"batch": 256}, "float32", {EAGER: 1.1}),
    "ResNet-18 stack, batch 256, bf16": (
        "ResNet-18 stack, 32x32, batch 8, SGD", {"batch": 256}, "bfloat16", {EAGER: 1.1},
    ),
    "GPT 12x768, 8x1,024 tokens, bf16": (
        "GPT 4x128, 8x128 tokens, AdamW", {"length": 1024, "depth": 12, "width": 768, "heads": 12}, "bfloat16",
        {EAGER: 1.15},
    ),
    UPDATE: ("Adam over 5 M parameters", {"times": 20}, "float32", {}),
}  # fmt: skip
"""What runs: the workload, its sizes, the dtype of autocast, and the most of PyTorch's time that it may take."""


def _synchronize(torch: Any, device: str) -> Callable[[], None]:
    if device.startswith("cuda"):
        return torch.cuda.synchronize  # type: ignore[no-any-return]
    if torch.__name__ == "torch":
        return lambda: None
    return importlib.import_module("nnlite.backends").backend_for(device).synchronize  # type: ignore[no-any-return]


def measure(variant: str, case: str, device: str, seconds: float, sizes: dict[str, int]) -> dict[str, float]:
    """Median seconds of a step over several runs, and the most memory that arrays held."""
    torch = importlib.import_module("torch" if variant == TORCH else "nnlite")
    from workloads import WORKLOADS

    name, own, dtype, _ = CASES[case]
    torch.set_default_device(device)
    torch.manual_seed(0)
    plain = WORKLOADS[name](torch, **{**own, **sizes})
    kind = device.partition(":")[0]
    half = torch.autocast(kind, dtype=getattr(torch, dtype)) if dtype != "float32" else contextlib.nullcontext()

    def step() -> None:
        with half:
            plain()

    run = torch.cuda.compile_step(step) if variant == CAPTURED else step
    wait = _synchronize(torch, device)
    for _ in range(5):
        run()
    wait()
    times, end, count = [], time.perf_counter() + seconds, 1
    while time.perf_counter() < end or len(times) < 3:
        begin = time.perf_counter()
        for _ in range(count):
            run()
        wait()
        took = time.perf_counter() - begin
        times.append(took / count)
        count = max(1, min(1000, int(seconds / 10 / max(took / count, 1e-7))))
    held = torch.cuda.max_memory_allocated() if device.startswith("cuda") else 0
    result = {"seconds": statistics.median(times[1:]), "memory": held}
    if case == UPDATE:
        result["floor"] = BYTES_OF_UPDATE / _bandwidth(torch, wait)
    return result


def _bandwidth(torch: Any, wait: Callable[[], None], numbers: int = 1 << 26) -> float:
    """Bytes a second, read and written, of a copy on the device."""
    source, target = torch.ones(numbers), torch.zeros(numbers)
    best = float("inf")
    for _ in range(5):
        wait()
        begin = time.perf_counter()
        for _ in range(4):
            target.copy_(source)
        wait()
        best = min(best, (time.perf_counter() - begin) / 4)
    return 8 * numbers / best


def in_process(variant: str, case: str, device: str, seconds: float, sizes: dict[str, int]) -> dict[str, Any]:
    """``measure`` in a process of its own; what went wrong there is in the result."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    task = json.dumps([variant, case, device, seconds, sizes])
    command = [sys.executable, __file__, "--worker", task]
    try:
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120 + 10 * seconds)
    except subprocess.TimeoutExpired as error:
        return {"error": f"more than {error.timeout:.0f} s"}
    if run.returncode:
        return {"error": (run.stderr.strip().splitlines() or ["ended without a word"])[-1]}
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def compare(case: str, device: str, rounds: int, seconds: float, sizes: dict[str, int] | None = None) -> dict[str, Any]:
    """One row: each variant in turn, several rounds; PyTorch where it is installed."""
    variants = [EAGER, CAPTURED] + [TORCH] * (importlib.util.find_spec("torch") is not None)
    found: dict[str, Any] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            found[variant].append(in_process(variant, case, device, seconds, sizes or {}))
    row: dict[str, Any] = {"case": case}
    for variant, results in found.items():
        errors = [r["error"] for r in results if "error" in r]
        if errors:
            row[variant] = {"error": errors[0]}
        else:
            row[variant] = {key: statistics.median(r[key] for r in results) for key in results[0]}
    return row


def ratio(row: dict[str, Any], variant: str) -> float | None:
    """Time over PyTorch's, where both ran."""
    mine, theirs = row.get(variant, {}), row.get(TORCH, {})
    return mine["seconds"] / theirs["seconds"] if "seconds" in mine and "seconds" in theirs else None


def missed(row: dict[str, Any]) -> list[str]:
    """What took longer than it may: of PyTorch's time, or of a copy's."""
    limits = CASES[row["case"]][3]
    mine = row.get(EAGER, {})
    above = [
        f"{row['case']}: {mine['seconds'] / mine['floor']:.2f} of a copy of its bytes, at most {ABOVE_FLOOR}"
        for _ in range("floor" in mine and mine["seconds"] > ABOVE_FLOOR * mine["floor"])
    ]
    return above + [
        f"{row['case']}, {variant}: {found:.2f} of PyTorch's time, at most {limit}"
        for variant, limit in limits.items()
        if (found := ratio(row, variant)) is not None and found > limit
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """Milliseconds a step, ratios and memory as Markdown."""
    lines = [
        "| step | PyTorch, ms | nnlite, ms | ratio | captured, ms | ratio | memory, MB (PyTorch) |",
        "|" + "---|" * 7,
    ]
    for row in rows:
        cells = [row["case"]]
        for variant in (TORCH, EAGER, CAPTURED):
            found = row.get(variant)
            text = "not installed" if found is None else found.get("error") or f"{1e3 * found['seconds']:.3f}"
            cells.append(text.replace("|", "/"))
            if variant != TORCH:
                r = ratio(row, variant)
                cells.append("" if r is None else f"{r:.2f}")
        held = [row.get(v, {}).get("memory") for v in (EAGER, TORCH)]
        if "floor" in row.get(EAGER, {}):
            cells[0] += f" (a copy of its bytes: {1e3 * row[EAGER]['floor']:.3f} ms)"
        cells.append(" ".join(f"{h / 1e6:.0f}" if i == 0 else f"({h / 1e6:.0f})" for i, h in enumerate(held) if h))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only cases whose names contain one of these")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="of measuring in a process")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    names = [n for n in CASES if not options.words or any(word.lower() in n.lower() for word in options.words)]
    rows = [compare(name, options.device, options.rounds, options.seconds) for name in names]
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    slow = [text for row in rows for text in missed(row)]
    print("\n".join(slow))
    return 1 if slow else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        print(json.dumps(measure(*json.loads(sys.argv[2]))))
    else:
        raise SystemExit(main())
