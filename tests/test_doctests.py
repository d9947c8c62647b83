"""The examples in the docstrings run, module by module, and print what they say."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil
import subprocess
import sys

import pytest

import nnlite
from nnlite.backends.numpy.first_use import available
from nnlite.ops._public import FUNCTIONS, METHODS

MODULES = [
    "nnlite",
    *(
        module.name
        for module in pkgutil.walk_packages(nnlite.__path__, "nnlite.")
        # What needs CuPy or numba; what gives `import torch` another meaning as soon as it is imported.
        if not module.name.startswith("nnlite.backends.cupy.")
        and module.name != "nnlite.torch._preload"
        and (available() or not module.name.startswith("nnlite.backends.numpy.compiled"))
    ),
]


IN_A_PROCESS = """
import doctest, importlib, sys
sys.exit(doctest.testmod(importlib.import_module({name!r}), optionflags=doctest.ELLIPSIS).failed)
"""


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name.startswith("nnlite.torch"):  # PyTorch, where it is installed, must not have been imported
        assert subprocess.run([sys.executable, "-c", IN_A_PROCESS.format(name=name)]).returncode == 0
        return
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
