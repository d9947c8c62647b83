"""How long reading and writing by a million indices takes, beside PyTorch on one thread.

    python benchmarks/indexing.py              a table: milliseconds of all, and the ratios to PyTorch's
    python benchmarks/indexing.py gather take  of these operations only
    python benchmarks/indexing.py --count 100000

Each operation is timed in rounds in which nnlite on NumPy alone (in a process with NNLITE_COMPILED=0), nnlite with
compiled kernels (where numba is installed) and PyTorch take turns. Printed are medians, and the least times, which
other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

WIDTHS = (1, 8, 32)
ROWS = 100_000
ROUNDS = 7

Case = tuple[str, int, Callable[[Any, Any], Callable[[], Any]]]
"""Name, width of the rows, and a function that gets the library and a maker of its tensors and gives what is timed."""


def cases(count: int, rng: np.random.Generator) -> Iterator[Case]:
    """Tables of ``ROWS`` rows and ``count`` indices into them."""
    picks = rng.integers(0, ROWS, count)
    for width in WIDTHS:
        row = () if width == 1 else (width,)
        table = rng.standard_normal((ROWS, *row), np.float32)
        source = rng.standard_normal((count, *row), np.float32)
        yield from _rows(width, table, picks, source)
        if width > 1:
            yield from _embedding(width, table, picks, source)
    for width in (1, *WIDTHS[1:]):
        yield from _along(width, count, rng)
    yield from _flat(count, rng)


def _rows(width: int, table: Any, picks: Any, source: Any) -> Iterator[Case]:
    def made(action: Any) -> Any:
        def prepare(lib: Any, tensor: Any) -> Any:
            x, i, s = tensor(table), tensor(picks), tensor(source)
            return lambda: action(lib, x, i, s)

        return prepare

    yield "index_select", width, made(lambda lib, x, i, s: lib.index_select(x, 0, i))
    yield "x[i]", width, made(lambda lib, x, i, s: x[i])
    yield "x[i] = v", width, made(lambda lib, x, i, s: x.__setitem__(i, s))
    yield "index_add_", width, made(lambda lib, x, i, s: x.index_add_(0, i, s))
    yield "index_copy_", width, made(lambda lib, x, i, s: x.index_copy_(0, i, s))
    yield "index_put_ accumulating", width, made(lambda lib, x, i, s: x.index_put_((i,), s, accumulate=True))


def _embedding(width: int, table: Any, picks: Any, source: Any) -> Iterator[Case]:
    def forward(lib: Any, tensor: Any) -> Any:
        x, i = tensor(table), tensor(picks)
        return lambda: lib.nn.functional.embedding(i, x)

    def backward(lib: Any, tensor: Any) -> Any:
        x, i, g = tensor(table).requires_grad_(), tensor(picks), tensor(source)
        out = lib.nn.functional.embedding(i, x)
        return lambda: lib.autograd.grad(out, x, g, retain_graph=True)

    yield "embedding", width, forward
    yield "embedding backward", width, backward


def _along(width: int, count: int, rng: np.random.Generator) -> Iterator[Case]:
    """``count`` indices in all, along dimension 0 and, in rows, along the last one."""
    n = count // width
    for dim in (0, 1)[: 1 if width == 1 else 2]:
        size = ROWS if dim == 0 else width
        table = rng.standard_normal((ROWS if dim == 0 else n, width), np.float32)
        where = rng.integers(0, size, (n, width))
        source = rng.standard_normal((n, width), np.float32)

        def gather(lib: Any, tensor: Any, table: Any = table, where: Any = where, dim: int = dim) -> Any:
            x, i = tensor(table), tensor(where)
            return lambda: lib.gather(x, dim, i)

        def gather_backward(
            lib: Any, tensor: Any, table: Any = table, where: Any = where, source: Any = source, dim: int = dim
        ) -> Any:
            x, i, g = tensor(table).requires_grad_(), tensor(where), tensor(source)
            out = lib.gather(x, dim, i)
            return lambda: lib.autograd.grad(out, x, g, retain_graph=True)

        def scatter_add(
            lib: Any, tensor: Any, table: Any = table, where: Any = where, source: Any = source, dim: int = dim
        ) -> Any:
            x, i, s = tensor(table), tensor(where), tensor(source)
            return lambda: x.scatter_add_(dim, i, s)

        def scatter_reduce(
            lib: Any, tensor: Any, table: Any = table, where: Any = where, source: Any = source, dim: int = dim
        ) -> Any:
            x, i, s = tensor(table), tensor(where), tensor(source)
            return lambda: x.scatter_reduce_(dim, i, s, "amax")

        yield f"gather {dim}", width, gather
        yield f"gather {dim} backward", width, gather_backward
        yield f"scatter_add_ {dim}", width, scatter_add
        yield f"scatter_reduce_ {dim} amax", width, scatter_reduce


def _flat(count: int, rng: np.random.Generator) -> Iterator[Case]:
    """Positions and masks in one dimension."""
    values = rng.standard_normal(count, np.float32)
    mask = rng.random(count) < 0.5
    square = rng.standard_normal((1000, 1000), np.float32)
    pairs = rng.integers(0, 1000, (2, count))

    def take(lib: Any, tensor: Any) -> Any:
        x, i = tensor(square), tensor(pairs[0] * 1000 + pairs[1])
        return lambda: lib.take(x, i)

    def pick(lib: Any, tensor: Any) -> Any:
        x, i, j = tensor(square), tensor(pairs[0]), tensor(pairs[1])
        return lambda: x[i, j]

    def masked_select(lib: Any, tensor: Any) -> Any:
        x, m = tensor(values), tensor(mask)
        return lambda: lib.masked_select(x, m)

    def in_brackets(lib: Any, tensor: Any) -> Any:
        x, m = tensor(values), tensor(mask)
        return lambda: x[m]

    def write(lib: Any, tensor: Any) -> Any:
        x, m = tensor(values), tensor(mask)
        return lambda: x.__setitem__(m, 0.0)

    def masked_scatter(lib: Any, tensor: Any) -> Any:
        x, m, s = tensor(values), tensor(mask), tensor(values)
        return lambda: lib.masked_scatter(x, m, s)

    yield "take", 1, take
    yield "x[i, j]", 1, pick
    yield "masked_select", 1, masked_select
    yield "x[mask]", 1, in_brackets
    yield "x[mask] = 0", 1, write
    yield "masked_scatter", 1, masked_scatter


def timed(action: Callable[[], Any]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    action()
    return 1e3 * (time.perf_counter() - start)


def chosen(options: argparse.Namespace) -> Iterator[Case]:
    for case in cases(options.count, np.random.default_rng(0)):
        if not options.names or any(part in case[0] for part in options.names):
            yield case


class NumpyAlone:
    """nnlite without compiled kernels, in a process of its own that times one call whenever it is asked to."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, *sys.argv[1:], "--serve"]
        environment = {**os.environ, "NNLITE_COMPILED": "0"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self) -> float:
        """Milliseconds of the next call."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def serve(options: argparse.Namespace) -> None:
    """What the process of :class:`NumpyAlone` does."""
    import nnlite

    for _, _, prepare in chosen(options):
        action = prepare(nnlite, nnlite.tensor)
        for _ in range(options.rounds + 1):
            sys.stdin.readline()
            print(timed(action), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of the names of operations; all by default")
    parser.add_argument("--count", type=int, default=1_000_000, help="how many indices")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    import torch

    import nnlite
    from nnlite.backends.numpy.first_use import available

    torch.set_num_threads(1)
    alone = NumpyAlone() if available() else None
    columns = ["NumPy", *["compiled"] * (alone is not None), "PyTorch"]
    print(f"{'':<24}{'':>6}{'median ms':>{10 * len(columns)}} |{'least ms':>{10 * len(columns)}} | least / PyTorch")
    heads = "".join(f"{name:>10}" for name in columns)
    print(f"{'operation':<24}{'width':>6}{heads} |{heads} |{heads[:-10]}")
    for name, width, prepare in chosen(options):
        actions: list[Callable[[], float]] = [
            functools.partial(timed, prepare(lib, lib.tensor)) for lib in (nnlite, torch)
        ]
        if alone is not None:
            actions.insert(0, alone.ask)
        rounds = [[action() for action in actions] for _ in range(options.rounds + 1)][1:]
        times = list(zip(*rounds, strict=True))
        least = [min(column) for column in times]
        medians = "".join(f"{statistics.median(column):>10.2f}" for column in times)
        minima = "".join(f"{value:>10.2f}" for value in least)
        ratios = "".join(f"{value / least[-1]:>10.2f}" for value in least[:-1])
        print(f"{name:<24}{width:>6}{medians} |{minima} |{ratios}", flush=True)


if __name__ == "__main__":
    main()
