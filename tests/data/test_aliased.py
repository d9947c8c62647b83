"""Loaders in programs that are written for PyTorch and run by ``python -m nnlite.torch``."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
METHODS = [method for method in ("fork", "spawn", "forkserver") if method in multiprocessing.get_all_start_methods()]


ALIASED = """
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.tensor(index * index), torch.__name__

if __name__ == "__main__":
    for x, names in DataLoader(Squares(), batch_size=4, num_workers=1, multiprocessing_context={method!r}):
        print(x.tolist(), set(names))
"""


@pytest.mark.parametrize("method", METHODS)
def test_programs_written_for_pytorch(method, tmp_path):
    """Workers that import the program again find nnlite under the name of torch, too."""
    script = tmp_path / "program.py"
    script.write_text(ALIASED.format(method=method))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "nnlite.torch", str(script)],
        capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[0, 1, 4, 9] {'nnlite'}\n", "")
