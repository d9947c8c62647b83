"""Damaged and hostile files for every reader: ``python benchmarks/fuzz_files.py --cases 2000``.

Each reader runs in a process of its own with a limit on its memory. For each file it has to give a valid result or an
error of a documented type, quickly, in memory that the size of the file bounds, without running or starting anything,
writing anywhere, or making the process crash. The cases follow from ``--seed``; ``--reader NAME --case N`` repeats one.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
import unicodedata  # noqa: F401 -- Python imports it to read names beyond ASCII
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import file_mutations as fm

import nnlite
from nnlite import datasets
from nnlite.serialization import get_unsafe_globals_in_checkpoint, npz, safetensors

ROOM = 1 << 20
"""Bytes that a reader may take however small the file is."""

BUFFERS = 32 << 20
"""The same for those that unpack streams: their buffers, and the dictionaries of bzip2 and xz."""

MOST_ADDRESSES = 1 << 29
"""What a process may map beyond what it has when it begins."""

SECONDS = 10


class Reader(NamedTuple):
    """One function that reads files.

    ``memory`` is how many times the size of the file it may take beyond ``room``.
    """

    read: Callable[[Path], Any]
    good: Callable[[], list[bytes]]
    mutations: list[fm.Mutation]
    errors: tuple[type[Exception], ...]
    memory: int
    room: int = ROOM


def _archive(path: Path) -> Any:
    folder = path.parent / "unpacked"
    datasets.extract_archive(path, folder, max_bytes=1 << 20, max_files=100)
    outside = {p.name for p in path.parent.iterdir()} - {path.name, "unpacked"}
    if outside:
        raise Violation(f"wrote outside of its folder: {outside}")


def _cifar(path: Path) -> Any:
    return datasets.CIFAR10(path.parent, train=False).data


CHECKPOINT = (RuntimeError, pickle.UnpicklingError, EOFError)
READERS = {
    "checkpoint": Reader(nnlite.load, fm.checkpoints, [*fm.ANY, *fm.ZIP, *[fm.pickles] * 6], CHECKPOINT, 120),
    "checkpoint, mapped": Reader(
        lambda path: nnlite.load(path, mmap=True), fm.checkpoints, [*fm.ANY, *fm.ZIP, fm.pickles], CHECKPOINT, 120
    ),
    "checkpoint, old format": Reader(
        nnlite.load, fm.legacy_checkpoints, [*fm.ANY, *[fm.legacy_pickles] * 5], CHECKPOINT, 120
    ),
    "unsafe globals": Reader(
        get_unsafe_globals_in_checkpoint, fm.checkpoints, [*fm.ANY, *fm.ZIP, *[fm.pickles] * 4], (ValueError,), 120
    ),
    "safetensors": Reader(
        lambda path: safetensors.load_file(path, backend="pread"), fm.safetensors_files,
        [*fm.ANY, *[fm.json_header] * 4], (safetensors.SafetensorError, TypeError), 50,
    ),
    "safetensors, mapped": Reader(
        safetensors.load_file, fm.safetensors_files, [*fm.ANY, fm.json_header],
        (safetensors.SafetensorError, TypeError), 50,
    ),
    "npz": Reader(npz.load, fm.npz_files, [*fm.ANY, *fm.ZIP, *[fm.npz_headers] * 3], (ValueError, TypeError), 60),
    "npy": Reader(npz.load_array, fm.npy_files, [*fm.ANY, *[fm.npy_header] * 3], (ValueError, TypeError), 10),
    "IDX": Reader(datasets.read_idx, fm.idx_files, [*fm.ANY, *[fm.idx_header] * 3], (ValueError,), 2500, BUFFERS),
    "CIFAR": Reader(_cifar, fm.cifar_files, fm.ANY, (ValueError,), 10),
    "CSV": Reader(datasets.read_csv, fm.tables, fm.ANY, (ValueError,), 120),
    "text": Reader(datasets.read_text, fm.tables, fm.ANY, (ValueError,), 10),
    "archives": Reader(
        _archive, fm.archives, [*fm.ANY, *fm.ZIP, *[fm.archive_members] * 3], (ValueError,), 60, BUFFERS
    ),
}  # fmt: skip
FILE_NAMES = {"CIFAR": "test_batch.bin"}


class Violation(Exception):
    """A reader did what it must not do."""


# Readers that do wrong, to see that it is noticed


def _pickle(path: Path) -> Any:
    return pickle.loads(fm._entries(path.read_bytes())["data.pkl"])


def _greedy(path: Path) -> Any:
    return len(path.read_bytes() * 100_000)


def _crash(path: Path) -> Any:
    faulthandler._sigsegv()  # type: ignore[attr-defined]


WRONG = {
    "wrong: runs code": READERS["checkpoint"]._replace(read=_pickle, mutations=[fm.pickles], errors=(Exception,)),
    "wrong: memory": READERS["npy"]._replace(read=_greedy),
    "wrong: crashes": READERS["npy"]._replace(read=_crash),
    "wrong: error": READERS["npy"]._replace(read=lambda path: {}[path]),
    "wrong: time": READERS["npy"]._replace(read=lambda path: time.sleep(SECONDS * 3)),
}


# Watching


class Watch:
    """Notes, through Python's audit events, what a reader of files must not do."""

    FORBIDDEN = (
        "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn",
        "exec", "import", "marshal.loads", "pickle.find_class", "ctypes.", "socket.", "os.kill", "os.putenv",
        "code.__new__", "function.__new__", "sys._getframe", "urllib.",
    )  # fmt: skip
    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path, _, flags = args
            writes = isinstance(flags, int) and flags & self.WRITES
            if writes and isinstance(path, str) and not os.path.realpath(path).startswith(self.folder):
                self._note(event, args)
        elif event.startswith(self.FORBIDDEN):
            self._note(event, args)

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        self.seen.append(f"{event}{args!r:.100}")
        raise Violation(event)


def touch(value: Any, left: int = 1000) -> None:
    """Read the tensors in a result, wherever they claim to lie."""
    pending = [value]
    while pending and left:
        left -= 1
        part = pending.pop()
        if isinstance(part, nnlite.Tensor):
            part = part.detach()
            if 0 < part.numel() <= 1_000_000:
                part.sum().item()
            elif part.numel():
                part[(0,) * part.ndim].item(), part[(-1,) * part.ndim].item()
        elif isinstance(part, dict):
            pending.extend(part.values())
        elif isinstance(part, list | tuple | set | frozenset):
            pending.extend(part)


def _alarm(*_: Any) -> None:
    raise Violation(f"took more than {SECONDS} seconds")


# The process of one reader


def damaged(name: str, reader: Reader, good: list[bytes], seed: int, case: int) -> tuple[str, bytes]:
    """The mutation and the file of a case."""
    rng = random.Random(f"{seed} {name} {case}")
    mutation = rng.choice(reader.mutations)
    return mutation.__name__, mutation(rng, good)


def one_case(reader: Reader, path: Path, data: bytes, watch: Watch) -> tuple[str, int, float]:
    """Read one file; returns the outcome, the peak of memory beyond the room, and the seconds."""
    path.write_bytes(data)
    tracemalloc.start()
    begin = time.perf_counter()
    signal.alarm(SECONDS)
    watch.on = True
    try:
        touch(reader.read(path))
        outcome = "read"
    except Violation as error:
        outcome = f"!{error}"
    except reader.errors as error:
        outcome = type(error).__name__ if str(error) else f"!{type(error).__name__} without a message"
    except Exception as error:
        outcome = f"!{type(error).__name__}: {error!s:.150}"
    finally:
        watch.on = False
        signal.alarm(0)
    seconds = time.perf_counter() - begin
    peak = max(0, tracemalloc.get_traced_memory()[1] - reader.room)
    tracemalloc.stop()
    if watch.seen:
        outcome = f"!{watch.seen.pop()}"
        watch.seen.clear()
    if peak > reader.memory * len(data):
        outcome = f"!{peak + reader.room:,} bytes of memory for a file of {len(data):,}"
    return outcome, peak, seconds


def limit_memory() -> None:
    """Let this process map little more than it has."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MOST_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def worker(name: str, cases: Iterator[int] | range, seed: int) -> None:
    """Run cases and print one line of JSON for each: it tells how far a process came that crashed."""
    reader = (READERS | WRONG)[name]
    good = reader.good()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        path = Path(folder).resolve() / FILE_NAMES.get(name, "file")
        watch = Watch(path.parent)
        signal.signal(signal.SIGALRM, _alarm)
        if name not in WRONG:
            warm_up(reader, path, good, seed, name)
        if sys.platform == "linux":
            limit_memory()
        for case in cases:
            mutation, data = damaged(name, reader, good, seed, case)
            print(json.dumps({"case": case, "mutation": mutation, "size": len(data)}), flush=True)
            outcome, peak, seconds = one_case(reader, path, data, watch)
            if Path("CANARY").exists():
                outcome = "!the canary was touched"
            print(json.dumps({"outcome": outcome, "peak": peak, "seconds": seconds}), flush=True)


def warm_up(reader: Reader, path: Path, good: list[bytes], seed: int, name: str) -> None:
    """The good files are read; what is imported at first use is imported now."""
    for data in good:
        path.write_bytes(data)
        touch(reader.read(path))
    for case in range(-40, 0):
        path.write_bytes(damaged(name, reader, good, seed, case)[1])
        try:
            touch(reader.read(path))
        except Exception:
            continue


# The parent


class Tally:
    """The figures of one reader."""

    def __init__(self) -> None:
        self.cases = self.read = self.refused = 0
        self.factor = self.slowest = 0.0
        self.types: set[str] = set()
        self.wrong: list[str] = []

    def add(self, start: dict[str, Any], end: dict[str, Any]) -> None:
        """Count one case."""
        self.cases += 1
        outcome = end["outcome"]
        if outcome[0] == "!":
            self.wrong.append(f"case {start['case']} ({start['mutation']}): {outcome[1:]}")
        elif outcome == "read":
            self.read += 1
        else:
            self.refused += 1
            self.types.add(outcome)
        self.factor = max(self.factor, end["peak"] / max(start["size"], 1))
        self.slowest = max(self.slowest, end["seconds"])


def run(name: str, cases: range, seed: int) -> Tally:
    """Run a reader's cases; a process that died is followed by another."""
    tally = Tally()
    while cases:
        command = [sys.executable, __file__, "--worker", name, str(cases.start), str(cases.stop), "--seed", str(seed)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600 + len(cases))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for start, end in zip(lines[::2], lines[1::2], strict=False):
            tally.add(start, end)
        if done.returncode == 0:
            break
        if len(lines) % 2 == 0:
            raise SystemExit(f"{name}: the process failed before or between cases:\n{done.stderr}")
        tally.add(lines[-1], {"outcome": f"!the process died ({done.returncode})", "peak": 0, "seconds": 0})
        cases = range(lines[-1]["case"] + 1, cases.stop)
    return tally


def main() -> None:
    """Run all readers, print a table, and fail if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000, help="files for each reader (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", action="append", help=f"one of: {', '.join(READERS)}; repeatable (default all)")
    parser.add_argument("--case", type=int, help="this case only; the file is written to --keep")
    parser.add_argument("--keep", default="damaged-file")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        name, first, last = options.worker
        return worker(name, range(int(first), int(last)), options.seed)
    names = options.reader or list(READERS)
    if options.case is not None:
        reader = (READERS | WRONG)[names[0]]
        Path(options.keep).write_bytes(damaged(names[0], reader, reader.good(), options.seed, options.case)[1])
    cases = range(options.cases) if options.case is None else range(options.case, options.case + 1)
    print(f"{'reader':24}{'files':>7}{'read':>7}{'refused':>9}{'wrong':>7}{'memory/size':>13}{'slowest':>10}  errors")
    failed = 0
    for name in names:
        t = run(name, cases, options.seed)
        failed += len(t.wrong)
        figures = f"{t.cases:7}{t.read:7}{t.refused:9}{len(t.wrong):7}{t.factor:12.1f}x{t.slowest * 1000:7.0f} ms"
        print(f"{name:24}{figures}  {', '.join(sorted(t.types))}", flush=True)
        for line in t.wrong[:5]:
            print(f"    {line}")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
