"""Names and helpers of ``nn`` that no other test covers."""

from __future__ import annotations

import types

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("path", ["nn", "nn.init", "nn.utils", "nn.parameter", "nn.grad"])
def test_names(path):
    theirs, ours = torch, nnlite
    for part in path.split("."):
        theirs, ours = getattr(theirs, part), getattr(ours, part)
    wanted = {
        name
        for name, value in vars(theirs).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and str(getattr(value, "__module__", "")).startswith("torch")
    }
    assert wanted - set(dir(ours)) == set()


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("settings", [(), (2, 1), (1, 0, 2, 2)])
def test_gradients_of_convolutions(dims, settings, device):
    rng = np.random.default_rng(0)
    groups = settings[3] if len(settings) > 3 else 1
    x = rng.standard_normal((2, 4, *(7, 6, 5)[:dims]))
    w = rng.standard_normal((6, 4 // groups, *(2,) * dims))
    conv = getattr(torch.nn.functional, f"conv{dims}d")
    g = rng.standard_normal(conv(torch.tensor(x), torch.tensor(w), None, *settings).shape)
    got = []
    for library, where in ((nnlite, device), (torch, "cpu")):
        x_, w_, g_ = (library.tensor(a, device=where) for a in (x, w, g))
        by_input = getattr(library.nn.grad, f"conv{dims}d_input")(x.shape, w_, g_, *settings)
        by_weight = getattr(library.nn.grad, f"conv{dims}d_weight")(x_, w.shape, g_, *settings)
        got.append((by_input.cpu().numpy(), by_weight.cpu().numpy()))
    for ours, theirs in zip(*got, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("library", [torch, nnlite])
def test_helpers(library):
    utils = library.nn.modules.utils
    assert utils._pair(3) == (3, 3) and utils._triple([1, 2, 3]) == (1, 2, 3) and utils._single.__name__ == "_single"
    assert utils._reverse_repeat_tuple((1, 2), 2) == (2, 2, 1, 1)
    assert utils._list_with_default([None, 3], [1, 2, 5, 6]) == [5, 3]
    with pytest.raises(ValueError, match="Input dimension should be at least 3"):
        utils._list_with_default([None, 3], [1])
    state = library.nn.Sequential(library.nn.Linear(1, 1)).state_dict()
    utils.consume_prefix_in_state_dict_if_present(state, "0.")
    assert sorted(state) == ["bias", "weight"] and list(state._metadata) == [""]
    library.nn.Linear(1, 1).load_state_dict(state)


@pytest.mark.parametrize("library", [torch, nnlite])
def test_factory_kwargs(library):
    f = library.nn.factory_kwargs
    assert f(None) == {} and f({"dtype": 1, "device": 2}) == {"dtype": 1, "device": 2}
    assert f({"factory_kwargs": {"dtype": 3}}) == {"dtype": 3}
    with pytest.raises(TypeError, match="unexpected kwargs"):
        f({"size": 1})
    with pytest.raises(TypeError, match="specified twice"):
        f({"dtype": 1, "factory_kwargs": {"dtype": 1}})


@pytest.mark.parametrize("library", [torch, nnlite])
def test_container(library):
    with pytest.warns(FutureWarning, match=r"nn\.Container"):
        held = library.nn.Container(first=library.nn.ReLU())
    assert isinstance(held.first, library.nn.ReLU)
