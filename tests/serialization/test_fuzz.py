"""Damaged and hostile files, a few for each reader; ``benchmarks/fuzz_files.py`` reads thousands."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="limits of a process are a POSIX feature")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_files.py"
READERS = ["checkpoint", "checkpoint, mapped", "checkpoint, old format", "unsafe globals", "safetensors",
           "safetensors, mapped", "npz", "npy", "IDX", "CIFAR", "CSV", "text", "archives"]  # fmt: skip
SAID = {
    "wrong: runs code": "find_class", "wrong: memory": "bytes of memory", "wrong: crashes": "process died",
    "wrong: error": "KeyError",
}  # fmt: skip


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz_files", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", READERS)
def test_readers_stand_damaged_files(fuzz, name):
    tally = fuzz.run(name, range(60), seed=7)
    assert tally.wrong == []
    assert tally.cases == 60
    assert tally.refused > 5


@pytest.mark.parametrize("name", SAID)
def test_what_goes_wrong_is_found(fuzz, name):
    tally = fuzz.run(name, range(4), seed=7)
    assert tally.cases == 4
    assert any(SAID[name] in line for line in tally.wrong)
