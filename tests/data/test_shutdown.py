"""Programs that end in the middle of an epoch: no process and no noise is left.

Shared memory has no name that could stay; tests/data/test_workers.py looks at that.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods() or not os.path.exists("/proc/self/stat"),
    reason="processes cannot be forked or watched here",
)

PROGRAM = """
import os, signal, sys, time
import numpy as np
from nnlite.utils.data import DataLoader

class Data:
    def __len__(self):
        return 1000

    def __getitem__(self, index):
        return os.getpid(), np.full(100_000, index)

loader = DataLoader(Data(), batch_size=1, num_workers=2, multiprocessing_context="fork")
epoch = iter(loader)
pids = [next(epoch)[0].item() for _ in range(2)]
"""

ENDINGS = {
    "exit": "print(*pids, flush=True); sys.exit(7)",
    "error": "print(*pids, flush=True); raise LookupError('the end')",
    "loop": "print(*pids, flush=True)\nfor _ in epoch: time.sleep(0.01)",
    "caught": """
try:
    print(*pids, flush=True)
    for _ in epoch:
        time.sleep(0.01)
except KeyboardInterrupt:
    del epoch
    print("caught")
""",
}


def start(ending):
    """A program under way, and the processes that it has started."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + ENDINGS[ending]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    pids = [int(pid) for pid in program.stdout.readline().split()]
    assert len(pids) == 2, program.communicate()
    return program, pids


def runs(pid):
    """Whether a process is there and has not ended (it may wait for its parent to notice)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def gone(pids):
    """Whether processes end within a minute."""
    deadline = time.monotonic() + 60
    while any(map(runs, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not any(map(runs, pids))


@pytest.mark.parametrize(("ending", "code", "text"), [("exit", 7, ""), ("error", 1, "LookupError: the end")])
def test_the_program_ends(ending, code, text):
    program, pids = start(ending)
    _, errors = program.communicate(timeout=120)
    assert program.returncode == code
    assert errors.strip().rpartition("\n")[2] == text
    assert errors.count("Traceback") == bool(text)
    assert gone(pids)


@pytest.mark.parametrize("ending", ["loop", "caught"])
def test_ctrl_c(ending):
    """The signal goes to all processes in the terminal; one traceback is enough, or none where it is caught."""
    program, pids = start(ending)
    os.killpg(program.pid, signal.SIGINT)
    out, errors = program.communicate(timeout=120)
    assert gone(pids)
    if ending == "caught":
        assert (program.returncode, out, errors) == (0, "caught\n", "")
    else:
        assert program.returncode == -signal.SIGINT
        assert errors.count("Traceback") == 1
        assert errors.strip().endswith("KeyboardInterrupt")


def test_the_program_is_killed():
    """Its workers notice, and nothing has a name that would stay."""
    program, pids = start("loop")
    program.kill()
    program.communicate(timeout=120)
    assert gone(pids)
