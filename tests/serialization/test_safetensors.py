"""safetensors files: what is kept, mapping, and files that are damaged or made to do harm."""

from __future__ import annotations

import json
import sys
import tracemalloc

import numpy as np
import pytest

import nnlite
from nnlite.serialization import _widen, safetensors

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64"]


def state(device):
    values = np.array([[0, 1, 2], [3, 1, 0]])
    found = {name: nnlite.tensor(values.astype(name), device=device) for name in DTYPES}
    return found | {"scalar": nnlite.tensor(2.5, device=device), "empty": nnlite.zeros((2, 0), device=device)}


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, t in expected.items():
        assert found[name].dtype is t.dtype
        np.testing.assert_array_equal(found[name].cpu().numpy(), t.cpu().numpy())


@pytest.mark.parametrize("backend", ["mmap", "pread"])
def test_round_trip(tmp_path, device, backend):
    safetensors.save_file(state(device), tmp_path / "x", {"a": "1", "é": "ü"})
    found = safetensors.load_file(tmp_path / "x", device=device, backend=backend)
    same(found, state(device))
    assert all(t.device.type == device.partition(":")[0] for t in found.values())
    same(safetensors.load((tmp_path / "x").read_bytes()), state("cpu"))
    with safetensors.safe_open(str(tmp_path / "x"), "pt", device, backend=backend) as file:
        assert file.metadata() == {"a": "1", "é": "ü"}
        assert file.keys() == sorted(state(device))
        assert file.get_slice("int64")[1, ::2].tolist() == [3, 0]


def test_bfloat16(device):
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    t = nnlite.tensor([1.5, -2.0, 3e38], device=device).to(nnlite.bfloat16)
    r = safetensors.load(safetensors.save({"x": t}))["x"]
    assert r.dtype is nnlite.bfloat16
    assert r.float().tolist() == t.float().tolist()


def test_layouts_are_packed_or_refused(device):
    base = nnlite.arange(6, device=device).reshape(2, 3)
    for t in base.t(), base[:, 1:], base[:1].expand(4, 3):
        with pytest.raises(ValueError, match=r"non contiguous tensor: `x`.*contiguous\(\)"):
            safetensors.save({"x": t})
        assert safetensors.load(safetensors.save({"x": t.contiguous()}))["x"].tolist() == t.tolist()
    column = nnlite.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    with pytest.raises(ValueError, match="non contiguous"):
        safetensors.save({"x": column})


def test_mapped_tensors_leave_the_file_as_it_is(tmp_path):
    path = tmp_path / "x"
    safetensors.save_file({"x": nnlite.zeros(1000), "y": nnlite.ones(3)}, path)
    before = path.read_bytes()
    found = safetensors.load_file(path)
    found["x"] += 1
    assert found["x"].sum().item() == 1000
    assert path.read_bytes() == before
    safetensors.save_file(found, path)  # over the file that they are mapped from
    assert safetensors.load_file(path)["x"].sum().item() == 1000


def test_reading_is_lazy(tmp_path):
    safetensors.save_file({"big": nnlite.zeros(2_000_000), "x": nnlite.ones(3)}, tmp_path / "x")
    tracemalloc.start()
    with safetensors.safe_open(tmp_path / "x") as file:
        assert file.get_tensor("x").tolist() == [1, 1, 1]
        assert file.get_slice("big")[5:8].tolist() == [0, 0, 0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


def test_what_a_file_lacks(tmp_path):
    safetensors.save_file({"x": nnlite.ones(3)}, tmp_path / "x")
    with safetensors.safe_open(tmp_path / "x") as file:
        for call in file.get_tensor, file.get_slice:
            with pytest.raises(safetensors.SafetensorError, match="does not contain tensor y"):
                call("y")
    with pytest.raises(safetensors.SafetensorError, match="closed"):
        file.get_tensor("x")
    with pytest.raises(FileNotFoundError):
        safetensors.load_file(tmp_path / "none")
    with pytest.raises(RuntimeError, match="Parent directory"):
        safetensors.save_file({}, tmp_path / "none" / "x")


def test_wrong_arguments(tmp_path):
    safetensors.save_file({"x": nnlite.ones(3)}, tmp_path / "x")
    with pytest.raises(NotImplementedError, match="'pt'"):
        safetensors.safe_open(tmp_path / "x", "tf")
    with pytest.raises(ValueError, match="backend"):
        safetensors.load_file(tmp_path / "x", backend="other")
    with pytest.raises(TypeError, match="load_file"):
        safetensors.load(str(tmp_path / "x"))
    for bad, error in (
        ({1: nnlite.ones(1)}, TypeError), ({"__metadata__": nnlite.ones(1)}, TypeError), ({"x": [1]}, ValueError),
        ({"x": nnlite.ones(1, dtype=nnlite.complex128)}, TypeError), (3, ValueError),
    ):  # fmt: skip
        with pytest.raises(error):
            safetensors.save(bad)
    for metadata in {"a": 1}, {1: "a"}:
        with pytest.raises(TypeError, match="metadata"):
            safetensors.save({}, metadata)


def test_shared_memory(device):
    base = nnlite.arange(6.0, device=device)
    for bad in {"a": base, "b": base}, {"a": base, "b": base[2:4]}, {"a": base[:4].detach(), "b": base[3:].detach()}:
        with pytest.raises(RuntimeError, match=r"share memory.*save_model"):
            safetensors.save(bad)
    parts = safetensors.load(safetensors.save({"a": base[:3], "b": base[3:], "none": base[:0], "none2": base[:0]}))
    assert parts["b"].tolist() == [3, 4, 5]


def test_models(tmp_path, device):
    def make():
        model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 3), nnlite.nn.Linear(3, 3), nnlite.nn.BatchNorm1d(3))
        model[1].weight = model[0].weight
        return model.to(device)

    model, other = make(), make()
    safetensors.save_model(model, tmp_path / "x", {"format": "pt"})
    with safetensors.safe_open(tmp_path / "x") as file:
        assert "1.weight" not in file.keys()  # noqa: SIM118
        assert file.metadata() == {"1.weight": "0.weight", "format": "pt"}
    assert safetensors.load_model(other, tmp_path / "x", device=device) == (set(), [])
    same(other.state_dict(), model.state_dict())
    assert other[0].weight is other[1].weight
    safetensors.save_file({"1.weight": nnlite.ones(3, 3), "new": nnlite.ones(1)}, tmp_path / "y")
    missing, unexpected = safetensors.load_model(other, tmp_path / "y", strict=False)
    assert unexpected == ["new"]
    assert "0.weight" not in missing
    assert other[0].weight.sum().item() == 9
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"new"'):
        safetensors.load_model(other, tmp_path / "y")
    base = nnlite.zeros(5, device=device)
    model.register_buffer("left", base[:3].detach())
    model.register_buffer("right", base[2:].detach())
    with pytest.raises(RuntimeError, match="covering the entire storage"):
        safetensors.save_model(model, tmp_path / "z")


# Eight-bit floats


def test_widened_floats():
    raw = np.arange(256, dtype=np.uint8)
    e4m3, e5m2, e8m0 = (_widen.widened(raw, f"F8_{code}") for code in ("E4M3", "E5M2", "E8M0"))
    assert (e4m3[0x7E], e4m3[0x01], e4m3[0x38], e4m3[0xB8]) == (448, 2**-9, 1, -1)
    assert np.isnan(e4m3).sum() == 2
    np.testing.assert_array_equal(e5m2, (raw.astype("<u2") << 8).view("<f2"))
    assert (e8m0[0], e8m0[127], e8m0[254]) == (2.0**-127, 1, 2.0**127)
    assert np.isnan(e8m0[255])
    assert np.signbit(e4m3[0x80])
    assert np.isnan(_widen.widened(raw, "F8_E4M3FNUZ")).tolist() == [i == 128 for i in range(256)]


def test_widened_floats_are_those_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    raw = np.arange(256, dtype=np.uint8)
    names = {"E4M3": "float8_e4m3fn", "E5M2": "float8_e5m2", "E8M0": "float8_e8m0fnu", "E4M3FNUZ": "float8_e4m3fnuz",
             "E5M2FNUZ": "float8_e5m2fnuz"}  # fmt: skip
    for code, name in names.items():
        expected = raw.view(getattr(ml_dtypes, name)).astype(np.float32)
        np.testing.assert_array_equal(_widen.widened(raw, f"F8_{code}").astype(np.float32), expected)


# Bad files


def file_of(header, data=b"", length=None):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(raw) if length is None else length).to_bytes(8, "little") + raw + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


BAD = {
    "nothing": b"", "short": b"\x02\0\0", "too large": file_of(b"{}", length=2**63), "beyond": file_of(b"{}", length=9),
    "no json": file_of(b"{x}"), "no object": file_of(b" {}"), "not utf-8": file_of(b'{"\xff":1}'),
    "deep": file_of(b'{"a":' + b"[" * 200_000), "nan": file_of(b'{"a":NaN}'),
    "twice": file_of(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), bytes(8)),
    "metadata": file_of({"__metadata__": {"a": 1}}), "metadata list": file_of({"__metadata__": []}),
    "no entry": file_of({"a": 3}), "more keys": file_of({"a": entry() | {"x": 1}}, bytes(8)),
    "dtype": file_of({"a": entry("F31")}, bytes(8)), "dtype list": file_of({"a": entry([1])}, bytes(8)),
    "shape": file_of({"a": entry(shape=[-2])}, bytes(8)), "float shape": file_of({"a": entry(shape=[2.0])}, bytes(8)),
    "bool shape": file_of({"a": entry(shape=[2, True])}, bytes(8)), "size": file_of({"a": entry(shape=[3])}, bytes(8)),
    "huge": file_of({"a": entry(shape=[2**62, 4])}, bytes(8)), "many": file_of({"a": entry(shape=[1] * 65)}, bytes(8)),
    "huger": file_of({"a": entry(shape=[2**63], offsets=[0, 2**65])}, bytes(8)),
    "digits": file_of(b'{"a":' + b"9" * 5000 + b"}"),
    "offsets": file_of({"a": entry(offsets=[8, 0])}, bytes(8)),
    "one offset": file_of({"a": entry(offsets=[8])}, bytes(8)),
    "past end": file_of({"a": entry(offsets=[0, 8])}, bytes(7)), "rest": file_of({"a": entry()}, bytes(9)),
    "gap": file_of({"a": entry(offsets=[4, 12])}, bytes(12)),
    "overlap": file_of({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name, tmp_path):
    (tmp_path / "x").write_bytes(BAD[name])
    for call in (
        lambda: safetensors.load(BAD[name]),
        lambda: safetensors.load_file(tmp_path / "x"),
        lambda: safetensors.load_file(tmp_path / "x", backend="pread", widen=True),
    ):
        with pytest.raises(safetensors.SafetensorError, match="damaged, cut off, or not a safetensors file"):
            call()


def test_the_helper_makes_good_files():
    assert safetensors.load(file_of({"a": entry()}, bytes(8)))["a"].tolist() == [0, 0]
    assert safetensors.load(file_of({"a": entry("BOOL", (3,), (0, 3))}, b"\0\1\7"))["a"].tolist() == [False, True, True]
    odd = file_of(b'{"a": ' + json.dumps(entry()).encode() + b"}", np.array([1, 2], "<f4").tobytes())
    assert safetensors.load(odd)["a"].tolist() == [1, 2]


def test_unaligned_data_is_read(tmp_path):
    for spaces in range(8):
        raw = json.dumps({"a": entry("F64", (1,), (0, 8))}).encode() + b" " * spaces
        (tmp_path / "x").write_bytes(file_of(raw, np.array([1.5]).tobytes()))
        t = safetensors.load_file(tmp_path / "x")["a"]
        assert t.tolist() == [1.5]
        assert t.data_ptr() % 8 == 0


def test_headers_take_little_memory():
    for part in b"[]", b"{}", b"0", b'""', b'"\xf0\x9f\x98\x80"', b"[[]]", b"1.5", b'{"a":1}':
        raw = b'{"a":[' + part + (b"," + part) * 30_000 + b"]}"
        tracemalloc.start()
        with pytest.raises(safetensors.SafetensorError):
            safetensors.load(file_of(raw))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 50 * len(raw)


def test_the_package_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert safetensors.load(safetensors.save({"x": nnlite.ones(1)}))["x"].tolist() == [1]
