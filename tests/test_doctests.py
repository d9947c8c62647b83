"""The examples in the docstrings run, module by module, and print what they say."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pkgutil

import pytest

import nnlite

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


def test_examples_are_found():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = sum(len(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name)))
    assert examples > 200
