"""The programs of the seed documents print the same text under nnlite and under PyTorch, apart from random numbers."""

from __future__ import annotations

import warnings

import pytest
from notebook import SEEDS, normal_form, run_program

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # small programs, whose threads would wait for each other

WITHOUT_D2L = sorted(path.stem for path in SEEDS.glob("*.py") if "import d2l" not in path.read_text("utf-8"))


@pytest.mark.parametrize("program", [name for name in WITHOUT_D2L if name != "d2l"])
def test_same_text_as_pytorch(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # softmax without a dimension
        shown, _ = run_program(SEEDS / f"{program}.py")
        expected, _ = run_program(SEEDS / f"{program}.py", library="torch")
    expected = expected.replace("<class 'torch.", "<class 'nnlite.")
    assert normal_form(shown) == normal_form(expected)
