"""Processes that a program starts see the same torch, by whichever method they are started."""

from __future__ import annotations

import pytest
from runner_program import nnlite_torch

PROGRAM = """
import multiprocessing
import os
import pickle
import sys
import torch, torch.nn as nn

if "preload" in sys.argv:
    multiprocessing.set_forkserver_preload(["torch.nn.functional"])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)


def work(queue, net):
    import torch.nn.functional as F
    inner = multiprocessing.get_context(sys.argv[1]).Queue()
    if multiprocessing.current_process().name != "grandchild":
        process = multiprocessing.get_context(sys.argv[1]).Process(target=work, args=(queue, net), name="grandchild")
        process.start()
        process.join()
    queue.put((torch.__name__, F.__name__, type(net).__name__, net.linear.weight.detach().numpy().shape))


if __name__ == "__main__":
    os.chdir("/")
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=work, args=(queue, Net()))
    process.start()
    print(queue.get(timeout=60), queue.get(timeout=60))
    process.join()
    print(process.exitcode, type(pickle.loads(pickle.dumps(Net()))) is Net)
"""

SHOWN = "('nnlite', 'nnlite.nn.functional', 'Net', (3, 2))"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "forkserver preload"])
@pytest.mark.parametrize("as_module", [False, True])
def test_process(tmp_path, method, as_module):
    (tmp_path / "program.py").write_text(PROGRAM)
    # A folder on the path that is not absolute: the child must find nnlite in spite of the changed directory.
    done = nnlite_torch(*(["-m", "program"] if as_module else ["program.py"]), *method.split(), cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"{SHOWN} {SHOWN}\n0 True\n"


LOADER = """
import sys
import torch
from torch.utils.data import DataLoader, Dataset


class Squares(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, i):
        assert torch.__name__ == "nnlite"
        return torch.tensor(float(i)) ** 2


if __name__ == "__main__":
    loader = DataLoader(Squares(), batch_size=4, num_workers=2, multiprocessing_context=sys.argv[1])
    print([batch.tolist() for batch in loader])
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_the_data_loader(tmp_path, method):
    (tmp_path / "program.py").write_text(LOADER)
    done = nnlite_torch("program.py", method, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == "[[0.0, 1.0, 4.0, 9.0], [16.0, 25.0, 36.0, 49.0], [64.0, 81.0]]\n"
