"""README.md: its examples run, its commands are two, its links lead somewhere, its table lists every example."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_tour():
    parser, variables = doctest.DocTestParser(), {}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for i, text in enumerate(blocks("pycon")):
        test = parser.get_doctest(text, variables, f"block {i}", "README.md", 0)
        runner.run(test, clear_globs=False)
        variables = test.globs
    for text in blocks("python"):
        exec(text, variables)
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 15


def test_two_commands_of_one_line():
    """.ci/run runs them as they stand here."""
    commands = blocks("sh")
    assert [len(command.splitlines()) for command in commands] == [1, 1]
    assert "examples/digits.py" in commands[0]
    assert "pytest" in commands[1]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/design.md"])
def test_links(name):
    path = ROOT / name
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_every_example_is_listed():
    programs = {path.name for path in (ROOT / "examples").rglob("*.py")} - {"d2l.py", "common.py"}  # no programs
    assert [name for name in sorted(programs) if f"/{name})" not in README] == []
