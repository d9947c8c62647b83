"""Every module of PyTorch's database that nnlite has does what PyTorch's does, for all samples of the database.

On the CPU all samples that ``module_db.LIMIT`` lets through; on other devices a few of each module.
"""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest", reason="the database of PyTorch imports the package expecttest")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from parity import module_db

    import nnlite

KNOWN: dict[str, tuple[str, str]] = {}
"""Modules of which some sample does not pass: the aspect, and why. What passes has to be taken out."""

FEW = 3
"""Samples of each dtype and mode on devices other than the CPU."""

MODULES = {info.name: info for info in module_db.modules()}


@pytest.mark.parametrize("name", MODULES)
def test_module(name, device):
    failures = module_db.run(MODULES[name], device, module_db.LIMIT if device == "cpu" else FEW).failures
    if name in KNOWN:
        aspect = KNOWN[name][0]
        assert failures.pop(aspect, None) or device != "cpu", f"{name} passes {aspect}: take it out of KNOWN"
    assert not failures, f"{name}: {failures}"


def test_known_are_modules_that_nnlite_has():
    assert not set(KNOWN) - set(MODULES)


class _Text(nnlite.nn.Tanh):
    def extra_repr(self):
        return "other"


class _State(nnlite.nn.Tanh):
    def __init__(self):
        super().__init__()
        self.register_buffer("more", nnlite.zeros(1))


class _Values(nnlite.nn.Tanh):
    def forward(self, input):
        return super().forward(input) + (0.0 if self.training else 1e-3)


class _Gradient(nnlite.nn.Tanh):
    def forward(self, input):
        return super().forward(input.detach()) + 0 * input


@pytest.mark.parametrize(
    "wrong, aspects",
    [
        (_Text, {"repr"}),
        (_State, {"state_dict", "forward", "gradient", "second gradient", "repr"}),
        (_Values, {"forward", "repr"}),
        (_Gradient, {"gradient", "second gradient", "repr"}),
    ],
)
def test_differences_are_found(wrong, aspects, monkeypatch):
    """The comparison fails for another text, state, value or gradient."""
    info = MODULES["nn.Tanh"]
    assert not module_db.run(info).failures
    monkeypatch.setattr(nnlite.nn, "Tanh", wrong)
    assert set(module_db.run(info).failures) == aspects


def test_errors_are_found(monkeypatch):
    """An exception of another type, another message, or none, is a failure."""
    info = MODULES["nn.NLLLoss"]
    for forward in (lambda *args: None, lambda *args: 1 / 0):
        monkeypatch.setattr(nnlite.nn.NLLLoss, "forward", forward)
        assert "errors" in module_db.run(info, limit=1).failures
