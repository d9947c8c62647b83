"""Runs a program of examples/ in this process, with few steps and little data."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    """The module of an example; it finds what it imports beside itself."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.object(sys, "path", [str(EXAMPLES), *sys.path]):
        spec.loader.exec_module(module)
    return module


def runner(name: str) -> Any:
    """A fixture: ``run(device, *arguments)`` runs the example with ``--quick`` and gives what its main() returns."""

    @pytest.fixture
    def run(tmp_path: Path) -> Callable[..., Any]:
        module = load(name)
        return lambda device, *arguments: module.main(
            ["--quick", "--device", device, "--out", str(tmp_path), *arguments]
        )

    return run


def assert_pictures(folder: Path, *names: str) -> None:
    for name in names:
        assert (folder / name).read_bytes().startswith(b"\x89PNG"), name
