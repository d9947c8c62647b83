"""The self-test for GPUs, on the stand-in: its parts run, and one that fails shows in the report and stops nothing."""

from __future__ import annotations

import json

import pytest

from nnlite.cuda.selftest import __main__ as command
from nnlite.cuda.selftest import device, numbers
from nnlite.cuda.selftest.report import Part, Row, markdown, write


def test_all_parts_run_on_the_stand_in(tmp_path, capsys):
    arguments = ["--device", "strict", "--report", str(tmp_path), "--suite-seconds", "0", "--speed-seconds", "0"]
    assert command.main(arguments) == 0
    (data,), (text,) = tmp_path.glob("*.json"), tmp_path.glob("*.md")
    parts = json.loads(data.read_text())["parts"]
    assert [part["title"] for part in parts] == [
        "Training beside the CPU", "Graphs", "Loss scaling", "Memory and errors", "Cost of a call",
    ]  # fmt: skip
    assert all(part["rows"] for part in parts)
    assert "All that was looked at holds" in text.read_text()
    assert str(data) in capsys.readouterr().out


def test_a_part_that_fails_stops_nothing(tmp_path, monkeypatch, capsys):
    def broken(name):
        yield Row("first", True, "1")
        raise RuntimeError("no more")

    monkeypatch.setattr(numbers, "compare", broken)
    for part in ("graphs", "costs", "memory", "scaling"):
        monkeypatch.setattr(device, part, lambda name: iter([Row("second", True, "2")]))
    arguments = ["--device", "strict", "--report", str(tmp_path), "--suite-seconds", "0", "--speed-seconds", "0"]
    assert command.main(arguments) == 1
    text = next(tmp_path.glob("*.md")).read_text()
    assert "1 do not hold" in text and "RuntimeError: no more" in text and "| second | holds | 2 |" in text
    assert "no more" in capsys.readouterr().out


def test_a_wrong_result_is_seen(monkeypatch):
    real = numbers._train

    def wrong(model, batches, place, dtype):
        losses, changes = real(model, batches, place, dtype)
        return losses, changes * 1.01 if place == "strict" else changes

    monkeypatch.setattr(numbers, "_train", wrong)
    assert not any(row.passed for row in numbers.compare("strict") if row.name.endswith("float32"))


def test_the_suite_and_its_failures(monkeypatch):
    rows = list(command.suite("strict", 100, ["tests/backends/test_registry.py"]))
    assert [row.passed for row in rows] == [True] and "passed" in rows[0].figure
    rows = list(command.suite("strict", 100, ["tests/there_is_no_such_file.py"]))
    assert rows[0].passed is False
    monkeypatch.setattr(command, "ROOT", command.ROOT / "nnlite")
    assert [row.note for row in command.suite("strict", 1, [])] == ["needs a checkout"]
    assert [row.note for row in command.speed("strict", 1, [])] == ["needs a checkout"]


def test_a_device_that_is_not_there_is_said_at_once(tmp_path):
    import nnlite

    if nnlite.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(RuntimeError, match="cuda is not available"):
        command.main(["--report", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_files_are_named_by_device_and_date(tmp_path):
    about = {"device": "NVIDIA H100 80GB HBM3", "date": "2026-11-22", "CuPy": "14.2.0"}
    text, data = write(tmp_path / "new", about, [Part("Speed", [Row("a|b", None, "1 ms")], 2.0)])
    assert text.name == "nvidia-h100-80gb-hbm3-2026-11-22.md" and data.suffix == ".json"
    assert "| a/b |  | 1 ms |  |" in markdown(about, [Part("Speed", [Row("a|b", None, "1 ms")])])
