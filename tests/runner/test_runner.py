"""``python -m nnlite.torch``: programs behave as under plain python, and torch is nnlite."""

from __future__ import annotations

import os

import pytest
from runner_program import ROOT, nnlite_torch, python

IMPORTS = """
import sys
import torch
import torch.nn as nn, torch.nn.functional as F
import torch.utils.data.dataloader as dataloader
import torch.optim.lr_scheduler
from torch import optim
from torch.autograd import Function
import nnlite
assert torch is nnlite and nn is nnlite.nn and F is nnlite.nn.functional and optim is nnlite.optim
assert dataloader.DataLoader is nnlite.utils.data.DataLoader
assert Function is nnlite.autograd.Function
assert sys.modules["torch.nn.functional"] is sys.modules["nnlite.nn.functional"]
assert F.__spec__.name == "nnlite.nn.functional" and nnlite.__spec__.name == "nnlite"
copies = [name for name, module in sys.modules.items() if name.startswith("torch") and "nnlite" not in module.__name__]
assert copies == [], copies
model = nn.Linear(3, 1)
F.mse_loss(model(torch.ones(2, 3)), torch.zeros(2, 1)).backward()
print(model.weight.grad.shape)
"""


def test_torch_and_its_submodules_are_the_modules_of_nnlite(tmp_path):
    (tmp_path / "program.py").write_text(IMPORTS)
    done = nnlite_torch("program.py", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("torch.Size([1, 3])\n", "", 0)


ENVIRONMENT = """
import sys, helper
print(sys.argv, sys.path[0], __name__, __file__, __package__, __spec__ and __spec__.name, __doc__)
print(sorted(name for name in globals() if name.startswith("__")), sys.modules["__main__"].__dict__ is globals())
"""


def test_script_sees_what_plain_python_shows_it(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "program.py").write_text('"""Documented."""\n' + ENVIRONMENT)
    (tmp_path / "sub" / "helper.py").write_text("")
    arguments = ("sub/program.py", "--report", "-m", "x")  # options after the program are the program's
    assert nnlite_torch(*arguments, cwd=tmp_path).stdout == python(*arguments, cwd=tmp_path).stdout


@pytest.mark.parametrize("name", ["package.program", "package"])
def test_module_sees_what_plain_python_shows_it(tmp_path, name):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "helper.py").write_text("")
    for file in ("program", "__main__"):
        (tmp_path / "package" / f"{file}.py").write_text(ENVIRONMENT.replace(", helper", "\nfrom . import helper"))
    arguments = ("-m", name, "--lr", "1")
    expected = python(*arguments, cwd=tmp_path)
    assert expected.returncode == 0
    assert nnlite_torch(*arguments, cwd=tmp_path).stdout == expected.stdout


def test_folder_with_a_main_file_runs(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "helper.py").write_text("")
    (tmp_path / "folder" / "__main__.py").write_text(ENVIRONMENT)
    expected = python("folder", cwd=tmp_path)
    assert expected.returncode == 0
    assert nnlite_torch("folder", cwd=tmp_path).stdout == expected.stdout


ENDINGS = {
    "status": "import sys; sys.exit(7)",
    "message": "raise SystemExit('stopped')",
    "none": "import sys; sys.exit()",
    "error": "def f():\n    raise ValueError('bad')\n\nf()",
    "chained": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('after') from e",
    "interrupt": "raise KeyboardInterrupt",
    "syntax": "x = 1\nx = = 2",
    "hook": "import sys\nsys.excepthook = lambda *a: print('own', a[0].__name__)\n1 / 0",
    "exit function": "import atexit\nx = 5\natexit.register(lambda: print('at exit', x))\n1 / 0",
    "thread": (
        "import threading, time\ndef late():\n    time.sleep(0.3)\n    print(__name__, x)\n"
        "threading.Thread(target=late).start()\nx = 3"
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_programs_end_as_under_plain_python(tmp_path, ending):
    (tmp_path / "program.py").write_text(ENDINGS[ending])
    expected = python("program.py", cwd=tmp_path)
    done = nnlite_torch("program.py", cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == (expected.stdout, expected.stderr, expected.returncode)


@pytest.mark.parametrize("arguments", [("absent.py",), ("-m", "absent"), ("-m", "absent.more")])
def test_absent_program_is_named(tmp_path, arguments):
    expected = python(*arguments, cwd=tmp_path)
    done = nnlite_torch(*arguments, cwd=tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("", expected.stderr, expected.returncode)


def test_usage(tmp_path):
    assert "--report-only" in nnlite_torch("--help", cwd=tmp_path).stdout
    for arguments in ((), ("--unknown", "x.py"), ("-m",)):
        done = nnlite_torch(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert "usage: python -m nnlite.torch" in done.stderr


MISSING = {
    "import torch.absent.more": ("ModuleNotFoundError: No module named 'torch.absent'", "torch.absent"),
    "from torch import absent": ("ImportError: cannot import name 'absent' from 'torch'", "torch.absent"),
    "from torch.nn.functional import absent": (
        "ImportError: cannot import name 'absent' from 'torch.nn.functional'",
        "torch.nn.functional.absent",
    ),
    "import torch; torch.absent(3)": ("AttributeError: module 'torch' has no attribute 'absent'", "torch.absent"),
    "import torch; torch.nn.modules.conv.absent": (
        "AttributeError: module 'torch.nn.modules.conv' has no attribute 'absent'",
        "torch.nn.modules.conv.absent",
    ),
    "import torch.utils; torch.utils.absent": (
        "AttributeError: module 'torch.utils' has no attribute 'absent'",
        "torch.utils.absent",
    ),
}


@pytest.mark.parametrize("statement", MISSING)
def test_missing_name_is_told_with_file_and_line(tmp_path, statement):
    (tmp_path / "helper.py").write_text(f"\n\n{statement}\n")
    (tmp_path / "program.py").write_text("import helper\n")
    done = nnlite_torch("program.py", cwd=tmp_path)
    start, name = MISSING[statement]
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"{start}: ")
    assert f"{tmp_path / 'helper.py'}:3 asks for {name}, which nnlite " in last
    assert "nnlite/torch" not in done.stderr
    assert done.returncode == 1


QUESTIONS = """
import importlib.util, sys
import torch
print(hasattr(torch, "absent"), getattr(torch, "absent", 5), hasattr(torch, "__wrapped__"))
print(importlib.util.find_spec("torch.absent"), importlib.util.find_spec("torch.nn.functional").name)
try:
    from torch import absent
except ImportError:
    print("no absent")
try:
    import torch.torch
except ImportError:
    print("no torch.torch")
try:
    torch.reluu
except AttributeError as error:
    print(str(error).endswith("Did you mean torch.relu?"))
try:
    import torch._C
except ImportError as error:
    print("compiled half" in str(error))
"""


def test_programs_can_ask_whether_a_name_exists(tmp_path):
    (tmp_path / "program.py").write_text(QUESTIONS)
    done = nnlite_torch("program.py", cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "False 5 False",
        "None torch.nn.functional",
        "no absent",
        "no torch.torch",
        "True",
        "True",
    ]


def test_installed_pytorch_stays_untouched(tmp_path):
    (tmp_path / "site" / "torch").mkdir(parents=True)
    (tmp_path / "site" / "torch" / "__init__.py").write_text("raise SystemExit('PyTorch was loaded')")
    (tmp_path / "site" / "torch" / "absent.py").write_text("raise SystemExit('PyTorch was loaded')")
    (tmp_path / "program.py").write_text("import torch, nnlite\nprint(torch is nnlite)\nimport torch.absent")
    path = f"{ROOT}{os.pathsep}{tmp_path / 'site'}"
    done = nnlite_torch("program.py", cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.stdout == "True\n"
    assert "No module named 'torch.absent'" in done.stderr


TORCHVISION = """
import torchvision
import torchvision.transforms.functional as TF
from torchvision import datasets, transforms
print(torchvision.__name__, TF.hflip.__module__)
try:
    torchvision.models
except AttributeError as error:
    print(error)
"""


def test_torchvision_is_the_small_one_of_nnlite(tmp_path):
    (tmp_path / "program.py").write_text(TORCHVISION)
    shown = nnlite_torch("--torchvision", "program.py", cwd=tmp_path).stdout.splitlines()
    assert shown[0] == "nnlite.vision nnlite.vision.transforms.functional"
    assert shown[1].startswith("module 'torchvision' has no attribute 'models': ") and "ready models" in shown[1]


def test_installed_torchvision_is_not_hidden_without_being_asked(tmp_path):
    (tmp_path / "torchvision.py").write_text("")
    (tmp_path / "program.py").write_text("import torchvision")
    done = nnlite_torch("program.py", cwd=tmp_path)
    assert "python -m nnlite.torch --torchvision" in done.stderr.splitlines()[-1]
    (tmp_path / "program.py").write_text("import torchaudio")
    assert "needs the compiled PyTorch" in nnlite_torch("program.py", cwd=tmp_path).stderr
