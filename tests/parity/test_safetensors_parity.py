"""nnlite.serialization.safetensors beside the safetensors package with PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("safetensors.torch")

import nnlite  # noqa: E402
from nnlite.serialization import safetensors as ours  # noqa: E402

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]


def tensors(module, **options):
    values = np.array([[0, 1, 2], [3, 100, 1]])
    found = {name: module.tensor(values, **options).to(getattr(module, name)) for name in DTYPES}
    found |= {"scalar": module.tensor(2.5, **options), "empty": module.zeros((0, 3), **options)}
    return found | {"ünï": module.ones(1, **options)}


def same(a, b):
    assert str(a.dtype) == str(b.dtype)
    assert tuple(a.shape) == tuple(b.shape)
    assert a.tolist() == b.tolist()


def test_the_same_bytes(device):
    for metadata in None, {"format": "pt"}:
        expected = theirs.save(tensors(torch), metadata)
        assert ours.save(tensors(nnlite, device=device), metadata) == expected
    assert ours.save({}) == theirs.save({})


def test_both_ways(tmp_path, device):
    ours.save_file(tensors(nnlite, device=device), tmp_path / "a", {"k": "v"})
    theirs.save_file(tensors(torch), tmp_path / "b", {"k": "v"})
    read_by_them, read_by_us = theirs.load_file(tmp_path / "a"), ours.load_file(tmp_path / "b", device=device)
    assert read_by_us.keys() == read_by_them.keys()
    for name, t in tensors(torch).items():
        same(read_by_them[name], t)
        same(read_by_us[name], t)
        assert read_by_us[name].device.type == device.partition(":")[0]
    same(ours.load(theirs.save({"x": torch.arange(5)}))["x"], torch.arange(5))


def test_safe_open(tmp_path):
    from safetensors import safe_open

    theirs.save_file({"b": torch.arange(24).reshape(2, 3, 4), "a": torch.ones(2)}, tmp_path / "x", {"k": "v"})
    with safe_open(tmp_path / "x", "pt") as a, ours.safe_open(tmp_path / "x", "pt") as b:
        assert a.keys() == b.keys()
        assert a.offset_keys() == b.offset_keys()
        assert a.metadata() == b.metadata()
        same(a.get_tensor("b"), b.get_tensor("b"))
        x, y = a.get_slice("b"), b.get_slice("b")
        assert (x.get_shape(), x.get_dtype()) == (y.get_shape(), y.get_dtype())
        for index in (0, slice(1, 2), (slice(None), 1), (..., slice(0, 2)), (1, slice(1, None), 2)):
            same(x[index], y[index])


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "uint16", "uint32"])
def test_dtypes_that_we_lack(name, tmp_path):
    raw = torch.arange(256, dtype=torch.uint8)
    t = raw.repeat_interleave(4).view(getattr(torch, name)) if name[0] == "u" else raw.view(getattr(torch, name))
    theirs.save_file({"x": t, "y": torch.ones(1)}, tmp_path / "x")
    with pytest.raises(TypeError, match="widen=True"):
        ours.load_file(tmp_path / "x")
    found = ours.load_file(tmp_path / "x", widen=True)["x"]
    wide = torch.float64 if name[0] == "f" else torch.int64
    np.testing.assert_array_equal(found.numpy().astype(str(wide)[6:]), t.to(torch.float32 if name[0] == "f" else wide))
    with ours.safe_open(tmp_path / "x") as file:
        assert file.get_tensor("y").tolist() == [1]
    data = (tmp_path / "x").read_bytes()
    assert ours.load(data, widen=True)["x"].shape == found.shape
    with pytest.raises(TypeError, match="widen=True"):
        ours.load(data)


def test_values_that_no_dtype_of_ours_holds(tmp_path):
    theirs.save_file({"x": torch.ones(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)}, tmp_path / "x")
    for widen in False, True:
        with pytest.raises(TypeError, match="F4"):
            ours.load_file(tmp_path / "x", widen=widen)


def test_uint64_both_ways(tmp_path):
    values = [[1, 2**63 + 1], [0, 2**64 - 1]]
    theirs.save_file({"x": torch.tensor(values, dtype=torch.uint64)}, tmp_path / "a")
    ours.save_file({"x": nnlite.tensor(values, dtype=nnlite.uint64)}, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert ours.load_file(tmp_path / "a")["x"].tolist() == theirs.load_file(tmp_path / "b")["x"].tolist() == values


def tied(module):
    model = module.nn.Sequential(module.nn.Linear(3, 3), module.nn.Linear(3, 3), module.nn.BatchNorm1d(3))
    model[1].weight = model[0].weight
    return model


def test_models_with_tied_weights(tmp_path, device):
    a, b = tied(torch), tied(nnlite).to(device)
    theirs.save_model(a, tmp_path / "a")
    assert ours.load_model(b, tmp_path / "a", device=device) == (set(), [])
    for name, t in a.state_dict().items():
        same(b.state_dict()[name].cpu(), t)
    ours.save_model(b, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    fresh = tied(torch)
    assert theirs.load_model(fresh, tmp_path / "b") == (set(), [])
    assert fresh[1].weight.tolist() == a[1].weight.tolist()


def test_models_that_do_not_fit(tmp_path):
    theirs.save_file({"0.weight": torch.ones(3, 3), "other": torch.ones(1)}, tmp_path / "x")
    messages, results = [], []
    for library, module in (theirs, torch), (ours, nnlite):
        results.append(library.load_model(tied(module), tmp_path / "x", strict=False))
        with pytest.raises(RuntimeError) as error:
            library.load_model(tied(module), tmp_path / "x")
        messages.append(str(error.value))
    assert results[0] == results[1]
    assert messages[0] == messages[1]


def overlap(module):
    base = module.zeros(4)
    return {"a": base[:3], "b": base[1:]}


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda m: {"x": m.ones(2, 3).t()}, ValueError),
        (lambda m: {"x": m.ones(2, 3)[:, :2]}, ValueError),
        (lambda m: {"x": m.ones(1).expand(3)}, ValueError),
        (lambda m: (lambda t: {"a": t, "b": t})(m.ones(2)), RuntimeError),
        (overlap, RuntimeError),
        (lambda m: {"x": 3}, ValueError),
        (lambda m: [m.ones(1)], ValueError),
    ],
)
def test_what_cannot_be_saved(make, error, tmp_path):
    for library, module in (theirs, torch), (ours, nnlite):
        for call in library.save, lambda tensors, save_file=library.save_file: save_file(tensors, tmp_path / "x"):
            with pytest.raises(error):
                call(make(module))
    assert list(tmp_path.iterdir()) == []


def test_parts_that_do_not_overlap():
    for library, module in (theirs, torch), (ours, nnlite):
        base = module.arange(4)
        read = library.load(library.save({"a": base[:2], "b": base[2:]}))
        assert [read["a"].tolist(), read["b"].tolist()] == [[0, 1], [2, 3]]


BAD = {
    "empty": b"",
    "short": b"\x08\0\0\0",
    "length": (1 << 62).to_bytes(8, "little") + b"{}",
    "beyond": (50).to_bytes(8, "little") + b"{}",
    "text": b"hello world, this is no tensor",
    "json": (4).to_bytes(8, "little") + b"{{}}",
    "list": (2).to_bytes(8, "little") + b"[]",
    "rest": (2).to_bytes(8, "little") + b"{}" + b"more",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name, tmp_path):
    from safetensors import SafetensorError

    (tmp_path / "x").write_bytes(BAD[name])
    for library, error in (theirs, SafetensorError), (ours, ours.SafetensorError):
        with pytest.raises(error):
            library.load(BAD[name])
        with pytest.raises((error, OSError) if name == "empty" else error):
            library.load_file(tmp_path / "x")
