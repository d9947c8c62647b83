"""64-bit unsigned numbers in files: PyTorch has no kind of storage for them, so the tensor says its dtype."""

from __future__ import annotations

import io

import numpy as np
import pytest

import nnlite

VALUES = np.array([[1, 2**63 + 1, 3], [4, 5, 2**64 - 1]], np.uint64)


def through_a_file(value):
    file = io.BytesIO()
    nnlite.save(value, file)
    file.seek(0)
    return nnlite.load(file)


def test_a_tensor_and_a_view_of_it(device):
    x = nnlite.from_numpy(VALUES).to(device)
    loaded = through_a_file({"x": x, "row": x[1], "again": x})
    assert loaded["x"].dtype is nnlite.uint64
    np.testing.assert_array_equal(loaded["x"].cpu().numpy(), VALUES)
    np.testing.assert_array_equal(loaded["row"].cpu().numpy(), VALUES[1])
    loaded["x"][1, 0] = 9
    assert loaded["row"][0].item() == 9 and loaded["again"][1, 0].item() == 9


def test_a_buffer_of_a_module():
    module = nnlite.nn.Linear(2, 2)
    module.register_buffer("seen", nnlite.zeros(3, dtype=nnlite.uint64))
    state = through_a_file(module.state_dict())
    assert state["seen"].dtype is nnlite.uint64
    module.load_state_dict(state)


@pytest.mark.parametrize("format", ["safetensors", "npz"])
def test_other_formats(format, tmp_path):
    module = pytest.importorskip(f"nnlite.serialization.{format}")
    if format == "safetensors":
        pytest.importorskip("safetensors")
    path = str(tmp_path / f"numbers.{format}")
    save = getattr(module, "save_file", None) or module.save
    load = getattr(module, "load_file", None) or module.load
    save({"x": nnlite.from_numpy(VALUES)}, path)
    found = load(path)["x"]
    assert found.dtype is nnlite.uint64
    np.testing.assert_array_equal(found.numpy(), VALUES)
