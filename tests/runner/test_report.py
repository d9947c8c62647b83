"""``--report``: the names that a program uses, found without running it."""

from __future__ import annotations

import ast
import io

import pytest
from runner_program import nnlite_torch

from nnlite.torch._names_used import NamesUsed
from nnlite.torch._report import report

SOURCES = {
    "import torch\ntorch.zeros(3)": ["torch", "torch.zeros"],
    "import torch.nn as nn\nnn.Linear": ["torch.nn", "torch.nn.Linear"],
    "import torch.nn.functional\ntorch.nn.functional.relu": ["torch.nn.functional", "torch.nn.functional.relu"],
    "from torch import nn, optim as o\nnn.init.zeros_; o.SGD": [
        "torch.nn",
        "torch.optim",
        "torch.nn.init.zeros_",
        "torch.optim.SGD",
    ],
    "from torch.nn import functional as F\ndef f(x):\n    return F.relu(x)": [
        "torch.nn.functional",
        "torch.nn.functional.relu",
    ],
    "from torch.nn import *": ["torch.nn"],
    "import torch\nt = torch\nF = t.nn.functional\nF.elu": ["torch", "torch.nn.functional", "torch.nn.functional.elu"],
    "import torch\ndef f(torch):\n    return torch.absent": ["torch"],
    "import torch\ntorch = 3\ntorch.absent": ["torch"],
    "def f():\n    import torch\n    return torch.ones\ntorch.absent": ["torch", "torch.ones"],
    "import torch\n@torch.no_grad()\nclass A(torch.nn.Module): pass": ["torch", "torch.no_grad", "torch.nn.Module"],
    "import torch\nf = lambda x=torch.ones(1): torch.exp(x)": ["torch", "torch.ones", "torch.exp"],
    "import torch\ndef f(x: torch.Tensor) -> torch.Size: pass": ["torch", "torch.Tensor", "torch.Size"],
    "from torchvision import datasets\ndatasets.MNIST": ["torchvision.datasets", "torchvision.datasets.MNIST"],
    "import pytorch, torchmetrics\ntorchmetrics.Accuracy": [],
}


@pytest.mark.parametrize("source", SOURCES)
def test_names_of_torch(source):
    assert [use.name for use in NamesUsed(ast.parse(source)).torch] == SOURCES[source]


def test_methods_of_values():
    names = NamesUsed(ast.parse("import os\nos.path.join\nx.view(2).sum()\nself.a.b\ntorch_like().item"))
    assert [use.name for use in names.methods] == ["sum", "view", "b", "item"]


PROGRAM = """\
import torch
import torch.absent.deep
from torch import nothing
import model
try:
    from torch import maybe
except ImportError:
    maybe = None
if hasattr(torch, "other"):
    torch.other()
torch.backends.anything = True
"""
MODEL = """\
import torch.nn as nn
from . import part


class Net(nn.Absent):
    def f(self, x):
        return x.exp().{}()
"""


def program(folder, missing=True):
    (folder / "program.py").write_text(PROGRAM if missing else "import torch, model\ntorch.ones(1)\n")
    (folder / "model").mkdir()
    (folder / "model" / "__init__.py").write_text(
        MODEL.format("sparse_resize_") if missing else "import torch.nn as nn\nprint('not run')\nnn.Linear"
    )
    (folder / "model" / "part.py").write_text("import torch\ntorch.fx.GraphModule\ntorch._C._absent" if missing else "")
    return folder / "program.py"


def test_report_names_what_is_missing(tmp_path):
    out = io.StringIO()
    assert not report(str(program(tmp_path)), False, out)
    missing, rest = out.getvalue().split("Missing:\n")[1].split("\n\n", 1)
    assert [line.split()[:2] for line in missing.splitlines() if line.startswith("  torch")] == [
        ["torch._C._absent", "model/part.py:3"],
        ["torch.absent.deep", "program.py:2"],
        ["torch.nn.Absent", "model/__init__.py:5"],
        ["torch.nothing", "program.py:3"],
    ]
    assert "compiled half" in missing
    named, prepared, no_methods, used, methods = rest.split("\n\n")
    assert named.startswith("There in name") and "torch.fx.GraphModule" in named
    assert "torch.maybe" in prepared and "torch.other" in prepared
    assert ".sparse_resize_" in no_methods
    assert "program.py:1 " in used
    assert ".exp" in methods


def test_report_of_a_module(tmp_path, monkeypatch):
    program(tmp_path)
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    assert not report("program", True, out)
    assert "torch.nothing" in out.getvalue()
    with pytest.raises(SystemExit, match="No module named absent"):
        report("absent", True, out)


def test_command_line(tmp_path):
    program(tmp_path, missing=False)
    only = nnlite_torch("--report-only", "program.py", cwd=tmp_path)
    assert only.returncode == 0
    assert only.stdout.startswith("program.py and 1 file beside it: 4 names of PyTorch; not in nnlite ")
    assert "not run" not in only.stdout
    both = nnlite_torch("--report", "program.py", cwd=tmp_path)
    assert both.stdout == only.stdout + "not run\n"
    (tmp_path / "program.py").write_text("import torch.absent")
    assert nnlite_torch("--report-only", "program.py", cwd=tmp_path).returncode == 1


def test_file_that_does_not_parse_is_left_out(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("x = = 1")
    (tmp_path / "program.py").write_text("import torch, broken")
    out = io.StringIO()
    assert report(str(tmp_path / "program.py"), False, out)
    assert "broken.py:1: invalid syntax; this file is left out" in capsys.readouterr().err
