"""Times of data loading, beside PyTorch's: ``python benchmarks/loader.py``.

Each library runs in a process of its own, one after the other and in turn; printed are the medians of whole epochs. The
first line is what the library is measured by: rows of a TensorDataset in shuffled batches, at least 10 times as fast.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

LIBRARIES = ("nnlite", "torch")


class Images:
    """What a worker is for: a sample takes a millisecond, in which the process waits for a disk, say."""

    def __init__(self, seconds: float, shape: tuple[int, ...], count: int) -> None:
        self.seconds = seconds
        self.shape = shape
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        if self.seconds:
            time.sleep(self.seconds)
        return np.full(self.shape, index, np.float32), index


def epoch(loader: Any) -> Callable[[], int]:
    def run() -> int:
        return sum(1 for _ in loader)

    return run


def rows(torch: Any, shuffle: bool = True) -> Callable[[], int]:
    """20,000 rows of 784 floats and a label, shuffled batches of 256"""
    data = torch.utils.data.TensorDataset(torch.ones(20_000, 784), torch.zeros(20_000, dtype=torch.int64))
    return epoch(torch.utils.data.DataLoader(data, batch_size=256, shuffle=shuffle))


def rows_in_order(torch: Any) -> Callable[[], int]:
    """the same rows in their order"""
    return rows(torch, shuffle=False)


def samples(torch: Any) -> Callable[[], int]:
    """5,000 samples of 784 floats from a dataset of the user's, batches of 256"""
    return epoch(torch.utils.data.DataLoader(Images(0, (784,), 5000), batch_size=256, shuffle=True))


def large_batches(torch: Any) -> Callable[[], int]:
    """20 batches of 32 images of 3x224x224 floats (19 MB) from 1 worker, which persists"""
    data = Images(0, (3, 224, 224), 640)
    return epoch(torch.utils.data.DataLoader(data, batch_size=32, num_workers=1, persistent_workers=True))


def small_batches(torch: Any) -> Callable[[], int]:
    """1,000 batches of 16 floats from 1 worker, which persists: the cost of a batch's way"""
    return epoch(
        torch.utils.data.DataLoader(Images(0, (4,), 4000), batch_size=4, num_workers=1, persistent_workers=True)
    )


def waiting(torch: Any) -> Callable[[], int]:
    """200 samples that take 1 ms each to read, in batches of 10, from 2 workers that start anew"""
    return epoch(torch.utils.data.DataLoader(Images(1e-3, (784,), 200), batch_size=10, num_workers=2))


CASES = {
    "TensorDataset": rows,
    "TensorDataset, in order": rows_in_order,
    "samples": samples,
    "workers, large batches": large_batches,
    "workers, small batches": small_batches,
    "workers, slow samples": waiting,
}


def measure(library: str, case: str, repeats: int) -> list[float]:
    """Seconds of each of several epochs, after one that does not count."""
    torch = importlib.import_module(library)
    importlib.import_module(f"{library}.utils.data")
    torch.set_num_threads(1)
    run = CASES[case](torch)
    run()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return times


def timed(library: str, case: str, repeats: int) -> list[float]:
    command = [sys.executable, __file__, "--one", library, case, "--repeats", str(repeats)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"default all: {', '.join(CASES)}")
    parser.add_argument("--repeats", type=int, default=5, help="epochs in each process (default 5)")
    parser.add_argument("--rounds", type=int, default=2, help="processes for each library (default 2)")
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options.repeats)))
        return
    print(f"{'ms an epoch (median)':26}" + "".join(f"{name:>9}" for name in LIBRARIES) + f"{'ratio':>8}")
    for case in options.cases or CASES:
        found: dict[str, list[float]] = {name: [] for name in LIBRARIES}
        for _ in range(options.rounds):
            for name in LIBRARIES:
                found[name] += timed(name, case, options.repeats)
        ours, theirs = (statistics.median(found[name]) * 1e3 for name in LIBRARIES)
        print(f"{case:26}{ours:9.1f}{theirs:9.1f}{theirs / ours:7.1f}x   {CASES[case].__doc__}", flush=True)


if __name__ == "__main__":
    main()
