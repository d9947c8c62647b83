"""``nnlite.torch.install()`` in a process that is already running."""

from __future__ import annotations

import multiprocessing.spawn
import sys
import types

import pytest

import nnlite
import nnlite.torch


@pytest.fixture
def alias(monkeypatch):
    """The alias, in a process that may have PyTorch loaded for other tests."""
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        monkeypatch.delitem(sys.modules, name)
    yield nnlite.torch
    nnlite.torch.uninstall()


def test_install_and_uninstall(alias):
    before = list(sys.meta_path), multiprocessing.spawn.get_preparation_data
    assert not alias.is_installed()
    alias.install()
    alias.install()
    assert alias.is_installed()
    assert len(sys.meta_path) == len(before[0]) + 1
    import torch.nn.functional as F

    assert F is nnlite.nn.functional
    alias.uninstall()
    alias.uninstall()
    assert not alias.is_installed()
    assert (list(sys.meta_path), multiprocessing.spawn.get_preparation_data) == before
    assert "torch" not in sys.modules and "torch.nn" not in sys.modules
    with pytest.raises(AttributeError, match=r"^module 'nnlite' has no attribute 'absent'$"):
        _ = nnlite.absent
    assert nnlite.utils.data.__name__ == "nnlite.utils.data"


def test_install_after_pytorch_is_refused(alias, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    with pytest.raises(ImportError, match="before the first `import torch`"):
        alias.install()
    assert not alias.is_installed()


def test_error_in_a_notebook_names_the_cell(alias):
    alias.install()
    cell = compile("import torch\ntorch.absent", "<ipython-input-3>", "exec")
    with pytest.raises(AttributeError, match=r"<ipython-input-3>:2 asks for torch\.absent"):
        exec(cell, {})
