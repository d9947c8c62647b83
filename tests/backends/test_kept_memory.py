"""Freed memory that stays with the process: fewer pages asked of the system, and a way to give them back."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from nnlite.backends import backend_for
from nnlite.backends.numpy import memory

needs_glibc = pytest.mark.skipif(memory.statistics() is None, reason="malloc is not that of glibc 2.33 or newer")

STEPS = """
import resource
import numpy as np
import nnlite

nnlite.ones(1)  # malloc is told at the first operation

def step():
    arrays = [np.ones(1 << 18, np.float32) for _ in range(20)]

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment):
    """Pages that five steps ask for, after a first one."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_", memory.VARIABLE))}
    run = subprocess.run([sys.executable, "-c", STEPS], env={**clean, **environment}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return int(run.stdout)


@needs_glibc
def test_steps_use_the_memory_of_the_step_before():
    pages = 5 * 20 * (1 << 20) // 4096
    assert faults() < pages // 20
    assert faults(NNLITE_KEEP_MEMORY="0") > pages // 4
    assert faults(MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072") > pages // 4


@needs_glibc
def test_figures_and_giving_back():
    backend = backend_for("cpu")
    before = backend.memory_allocated()
    x = np.ones(1 << 20)
    assert backend.memory_allocated() - before >= x.nbytes
    assert backend.memory_reserved() >= backend.memory_allocated()
    del x
    assert backend.memory_allocated() - before < 1 << 20
    backend.empty_cache()
    assert memory.statistics()["free"] >= 0


def test_the_limit(monkeypatch):
    for name in ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES", memory.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    assert memory.limit() == 2047 << 20
    monkeypatch.setenv(memory.VARIABLE, "100")
    assert memory.limit() == 100 << 20
    monkeypatch.setenv(memory.VARIABLE, "0")
    assert memory.limit() == 0 and memory.keep() is False
    monkeypatch.setenv(memory.VARIABLE, "many")
    with pytest.raises(ValueError, match="expected a number of megabytes, got 'many'"):
        memory.limit()
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000")
    assert memory.limit() == 0
