"""The type stubs are what `python -m nnlite._stubs` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnlite import _stubs


@pytest.mark.parametrize("name, text", [("_functions", _stubs.functions_stub), ("_methods", _stubs.methods_stub)])
def test_the_stubs_are_up_to_date(name, text):
    path = Path(_stubs.__file__).with_name(f"{name}.pyi")
    assert path.read_text("utf-8") == text(), "run: python -m nnlite._stubs"
