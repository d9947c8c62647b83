"""NumPy's files: both ways with NumPy, and files that are damaged or made to do harm."""

from __future__ import annotations

import io
import os
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

import nnlite
from nnlite.serialization import npz

CODES = ["?", "u1", "i1", "<i2", "<i4", "<i8", "<f2", "<f4", "<f8", "<c8", "<c16"]


def written(tensors, **options):
    file = io.BytesIO()
    npz.save(tensors, file, **options)
    return file.getvalue()


def load(data, *args, **options):
    return npz.load(io.BytesIO(data), *args, **options)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_numpy_reads_what_we_write_and_back(code, compress, device, tmp_path):
    array = np.arange(6).reshape(2, 3).astype(code)
    t = nnlite.from_numpy(array).to(device)
    state = {"t": t, "column": t.t(), "part": t[:, 1], "scalar": t[0, 0], "none": t[:0], "layer.0/weight": t}
    npz.save(state, tmp_path / "x.npz", compress=compress)
    with np.load(tmp_path / "x.npz", allow_pickle=False) as theirs:
        assert theirs.files == list(state)
        for name in state:
            np.testing.assert_array_equal(theirs[name], state[name].cpu().numpy())
            assert theirs[name].dtype == array.dtype
        np.savez(tmp_path / "y.npz", **{name.replace("/", "_"): theirs[name] for name in theirs.files})
    for path in "x.npz", "y.npz":
        found = npz.load(str(tmp_path / path), device)
        for (name, r), expected in zip(found.items(), state.values(), strict=True):
            assert r.dtype is expected.dtype, name
            assert r.device == expected.device
            np.testing.assert_array_equal(r.cpu().numpy(), expected.cpu().numpy())


def test_arrays_on_their_own(tmp_path, device):
    t = nnlite.arange(6.0, device=device).reshape(2, 3)
    npz.save_array(t, tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), t.cpu().numpy())
    assert npz.load_array(tmp_path / "x.npy", device).tolist() == t.tolist()
    np.save(tmp_path / "y.npy", np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)))
    assert npz.load_array(str(tmp_path / "y.npy")).tolist() == [[0, 1, 2], [3, 4, 5]]
    for version in (1, 0), (2, 0), (3, 0):
        file = io.BytesIO()
        with warnings.catch_warnings(action="ignore"):
            np.lib.format.write_array(file, np.arange(3), version=version)
        assert npz.load_array(file).tolist() == [0, 1, 2]


def test_bfloat16(device):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    t = nnlite.tensor([1.5, -2.0, 3e38], device=device).to(nnlite.bfloat16)
    data = written({"x": t})
    assert np.load(io.BytesIO(data))["x"].view(ml_dtypes.bfloat16).astype(np.float32).tolist() == t.float().tolist()
    r = load(data)["x"]
    assert r.dtype is nnlite.bfloat16
    assert r.float().tolist() == t.float().tolist()


def test_state_dicts_and_gradients(device):
    model = nnlite.nn.Linear(3, 2).to(device)
    other = nnlite.nn.Linear(3, 2).to(device)
    other.load_state_dict(load(written(model.state_dict()), device))
    assert nnlite.equal(other.weight, model.weight)
    r = load(written({"p": model.weight, "array": np.arange(2), "number": np.float32(2)}))
    assert r["p"].requires_grad is False
    assert r["number"].item() == 2
    r["array"] += 1


def test_equal_tensors_give_equal_files():
    assert written({"a": nnlite.ones(3)}) == written({"a": nnlite.ones(3)})


def test_what_cannot_be_saved(tmp_path):
    for bad, error in (
        ({"x": [1, 2]}, TypeError), ({"x": np.array([print])}, TypeError), ({"x": np.array(["a"])}, TypeError),
        ({1: nnlite.ones(1)}, TypeError), ({"": nnlite.ones(1)}, ValueError), ({"a\0b": nnlite.ones(1)}, ValueError),
    ):  # fmt: skip
        with pytest.raises(error):
            npz.save(bad, tmp_path / "x.npz")
    assert os.listdir(tmp_path) == []
    with pytest.raises(RuntimeError, match="Parent directory"):
        npz.save({}, tmp_path / "none" / "x.npz")


def array_file(header, data=b"", version=1):
    raw = header if isinstance(header, bytes) else repr(header).encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(raw).to_bytes(2 if version == 1 else 4, "little") + raw + data


def archive_of(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def described(descr="<f4", fortran_order=False, shape=(2,), **more):
    return {"descr": descr, "fortran_order": fortran_order, "shape": shape, **more}


BAD = {
    "empty": b"", "short": b"\x93NUM", "text": b"hello world, this is a text",
    "version": array_file(described(), version=9),
    "no literal": array_file(b"__import__('os').system('true')"), "deep": array_file(b"(" * 9000),
    "list": array_file([1]), "more": array_file(described(x=1), bytes(8)), "long header": array_file(b" " * 20_000),
    "negative": array_file(described(shape=(-2,)), bytes(8)), "float": array_file(described(shape=(2.0,)), bytes(8)),
    "huge": array_file(described(shape=(2**62, 2**62)), bytes(8)),
    "big": array_file(described(shape=(2**33,)), bytes(8)),
    "many": array_file(described(shape=(1,) * 65), bytes(4)), "cut": array_file(described(), bytes(7)),
    "rest": array_file(described(), bytes(9)), "order": array_file(described(fortran_order=2), bytes(8)),
    "escape": array_file(b"'\\d'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_arrays(name, tmp_path):
    (tmp_path / "x").write_bytes(BAD[name])
    for call in (
        lambda: npz.load_array(io.BytesIO(BAD[name])),
        lambda: npz.load_array(tmp_path / "x"),
        lambda: load(archive_of([("x.npy", BAD[name])])),
        lambda: load(archive_of([("x.npy", BAD[name])], zipfile.ZIP_DEFLATED)),
        lambda: load(BAD[name]),
    ):
        with pytest.raises(ValueError, match=r"damaged, cut off, or not one of numpy\.savez"):
            call()


@pytest.mark.parametrize("descr", ["|O", "<U3", "|S2", "<M8[s]", "<u2", "<f16", [("a", "<f4")], 3, "", "V2x"])
def test_dtypes_that_nnlite_lacks(descr):
    with pytest.raises(TypeError, match=r"plain numbers|nnlite has"):
        npz.load_array(io.BytesIO(array_file(described(descr), bytes(8))))


def test_pickles_are_never_read():
    file = io.BytesIO()
    np.savez(file, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(TypeError, match="pickle"):
        npz.load(file)


def good(shape=(2,)):
    return array_file(described(shape=shape), bytes(4 * shape[0]))


def test_bad_archives():
    with pytest.raises(ValueError, match="twice"):
        load(archive_of([("x.npy", good()), ("x.npy", good())]))
    with pytest.raises(ValueError, match="no array"):
        load(archive_of([("x.txt", good())]))
    with pytest.raises(ValueError, match="method"):
        load(archive_of([("x.npy", good())], zipfile.ZIP_BZIP2))
    assert list(load(archive_of([("../../etc/x.npy", good()), ("/y.npy", good())]))) == ["../../etc/x", "/y"]
    data = written({"x": nnlite.arange(100)})
    for end in range(0, len(data), 13):
        with pytest.raises(ValueError, match="damaged"):
            load(data[:end])
    changed = bytearray(data)
    changed[500] ^= 1
    with pytest.raises(ValueError, match="CRC"):
        load(bytes(changed))
    with pytest.raises(FileNotFoundError):
        npz.load("/nowhere/x.npz")


def test_zip_bombs():
    bomb = archive_of([("x.npy", good((10_000_000,)))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 50_000
    tracemalloc.start()
    with pytest.raises(ValueError, match="pass max_bytes"):
        load(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert load(bomb, max_bytes=50_000_000)["x"].shape == (10_000_000,)
    with pytest.raises(ValueError, match="raise max_bytes"):
        load(written({"x": nnlite.ones(1000)}), max_bytes=1000)


def test_a_device_that_is_not_there():
    with pytest.raises((RuntimeError, ImportError), match=r"cuda|CUDA|cupy"):
        load(written({"x": nnlite.ones(1)}), "cuda:999")
