"""Runs a program as a notebook does: statement by statement, showing the value of an expression that stands alone."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Any
from unittest import mock

SEEDS = Path(__file__).parent.parent / "examples" / "seeds"


def run_program(path: Path, library: str = "nnlite") -> tuple[str, dict[str, Any]]:
    """What the program printed or showed, and its variables. ``library`` takes the place of nnlite in its imports."""
    source = re.sub(r"\bnnlite\b", library, path.read_text(encoding="utf-8"))
    statements = ast.parse(source).body
    if isinstance(statements[0], ast.Expr) and isinstance(statements[0].value, ast.Constant):
        del statements[0]  # the docstring
    shown = io.StringIO()
    variables: dict[str, Any] = {"__name__": "__main__"}
    with (
        contextlib.redirect_stdout(shown),
        mock.patch.object(sys, "displayhook", lambda value: value is None or print(repr(value))),
        mock.patch.object(sys, "path", [str(path.parent), *sys.path]),
    ):
        for statement in statements:
            exec(compile(ast.Interactive([statement]), str(path), "single"), variables)
    return shown.getvalue(), variables


def normal_form(text: str) -> str:
    """Printed text without what may differ between two runs: the numbers, and the spaces that depend on them."""
    text = re.sub(r"-?(\d+\.\d*(e[+-]\d+)?|inf|nan)", "#", text)
    return re.sub(r"\s+", "", text)
