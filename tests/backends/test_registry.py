"""Device names to backends; backends of other distributions."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite import backends
from nnlite.backends import registry
from nnlite.backends.numpy.namespace import xp


class OtherArray(np.ndarray):
    """An array class of its own, so that it has a kernel table of its own."""


class OtherBackend(backends.Backend):
    name = "other"
    array_type = OtherArray
    xp = xp

    def from_host(self, array, index=None):
        return np.array(array).view(OtherArray)

    def to_host(self, array):
        return np.asarray(array).view(np.ndarray)


@pytest.fixture
def entry_point(monkeypatch):
    """A distribution that registers the device ``other`` by entry point; it is forgotten afterwards."""

    class Point:
        name = "other"

        def load(self):
            return lambda: backends.register_backend(OtherBackend())

    def points(*, group, name=None):
        assert group == "nnlite.backends"
        return [Point()] if name in (None, "other") else []

    monkeypatch.setattr("importlib.metadata.entry_points", points)
    yield
    registry._backends.pop("other", None)
    registry.tables.pop(OtherArray, None)


def test_a_backend_of_another_distribution(entry_point):
    x = nnlite.tensor([1.0, 2.0]).to("other")
    assert type(x._a) is OtherArray and x.device == nnlite.device("other")
    x.requires_grad_()
    (x * x).sum().backward()
    assert x.grad.cpu().tolist() == [2.0, 4.0]


def test_unknown_device_names():
    with pytest.raises(RuntimeError, match=r"Expected one of .* device type at start of device string: other"):
        nnlite.zeros(2, device="other")


def test_a_backend_is_registered_once():
    with pytest.raises(ValueError, match="registered already"):
        backends.register_backend(type(registry.backend_for("cpu"))())


def test_arrays_of_no_backend():
    with pytest.raises(TypeError, match=r"as_tensor"):
        backends.table_for([1.0])
