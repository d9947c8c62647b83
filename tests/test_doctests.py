"""The examples in the docstrings run, module by module, and print what they say."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil

import pytest

import nnlite
from nnlite.ops._public import FUNCTIONS, METHODS

MODULES = [
    "nnlite",
    *(
        module.name
        for module in pkgutil.walk_packages(nnlite.__path__, "nnlite.")
        if not module.name.startswith("nnlite.backends.cupy.")
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize("table", [FUNCTIONS, METHODS], ids=["functions", "methods"])
def test_examples_of_functions_made_from_tables(table):
    """`nnlite.exp` and its like are made by a function and stand in no module."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name, function in table.items():
        runner.run(parser.get_doctest(function.__doc__ or "", {}, name, None, None))
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 0


def test_examples_are_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = sum(len(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name)))
    assert examples > 200
