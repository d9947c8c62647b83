"""Every optimizer of PyTorch's database does what PyTorch's does, in all configurations; error inputs raise."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="the database of PyTorch imports the package expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from parity import optim_db

    import nnlite


@pytest.mark.parametrize("name", optim_db.names())
def test_optimizer(name, device):
    done, found = optim_db.run(name, device)
    assert not found
    assert done


def test_all_of_torch_optim_is_here():
    public = {name for name in torch.optim.__all__ if isinstance(getattr(torch.optim, name), type)}
    assert public - set(dir(nnlite.optim)) == set()


@pytest.mark.parametrize("option", ["lr", "eps"])
def test_the_comparison_sees_differences(monkeypatch, option):
    class Other(nnlite.optim.Adamax):
        def __init__(self, params, *args, **kwargs):
            super().__init__(params, *args, **{**kwargs, option: 0.5})

    monkeypatch.setattr(nnlite.optim, "Adamax", Other)
    assert optim_db.run("Adamax", "cpu")[1]
