"""save and load: what is kept, devices, atomic writing, the container."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pickle
import stat
import zipfile
from collections import Counter, OrderedDict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
from nnlite.serialization import _archive, _atomic

INTEGERS = ["bool", "uint8", "int8", "int16", "int32", "int64"]
DTYPES = [*INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]


def saved(obj, **options):
    file = io.BytesIO()
    nnlite.save(obj, file, **options)
    return file.getvalue()


def reload(obj, **options):
    return nnlite.load(io.BytesIO(saved(obj)), **options)


def host(t):
    return t.detach().cpu().numpy()


def same(a, b):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(host(a), host(b))


def storages(data):
    """Name -> size of the storages in a file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {i.filename: i.file_size for i in archive.infolist() if "/data/" in i.filename}


# What is kept


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes(name, device):
    t = nnlite.tensor(np.array([[0, 1, 2], [3, 1, 0]]).astype(name), device=device)
    r = reload(t)
    same(r, t)
    assert r.dtype is getattr(nnlite, name)
    assert r.shape == (2, 3)


def test_bfloat16(device):
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    t = nnlite.tensor([1.5, -2.0, 3e38], device=device).to(nnlite.bfloat16)
    r = reload(t)
    assert r.dtype is nnlite.bfloat16
    same(r.float(), t.float())
    assert storages(saved(t)) == {"archive/data/0": 6}


def test_special_values(device):
    t = nnlite.tensor([float("inf"), -float("inf"), float("nan"), -0.0], device=device)
    assert host(reload(t)).tobytes() == host(t).tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1), (2, 3, 4, 5)])
def test_shapes(shape, device):
    t = nnlite.randn(*shape, device=device) if shape else nnlite.tensor(3.0, device=device)
    r = reload(t)
    same(r, t)
    assert r.shape == t.shape


PLAIN = [
    None, True, False, 0, -1, 255, 256, 65536, -(2**31), 2**31, 2**70, -(2**70), 1 << 3000, 0.1, float("inf"), 1 + 2j,
    "", "text", "ünï\U0001f600", "\ud800", b"", b"\x00\xff", bytearray(b"ab"), (), (1,), (1, 2), (1, 2, 3),
    (1, 2, 3, 4), [], [1, [2, [3]]], {}, {"a": {"b": 1}, 2: "c", (1, "x"): None}, set(), {1, "a", (2, 3)},
    frozenset({1, (2,)}),
    OrderedDict([("b", 1), ("a", 2)]), Counter("abca"),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", PLAIN)
def test_plain_objects(value, protocol):
    r = nnlite.load(io.BytesIO(saved([value, value], pickle_protocol=protocol)))
    assert r == [value, value]
    assert type(r[0]) is type(value)


def test_long_bytes():
    value = [b"a" * 100_000, bytearray(b"\xff" * 100_000), "b" * 100_000, set(range(10_000))]
    for protocol in 2, 5:
        assert nnlite.load(io.BytesIO(saved(value, pickle_protocol=protocol))) == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_in_every_protocol(protocol, device):
    t = nnlite.arange(6.0, device=device)
    p = nnlite.nn.Parameter(t[:2])
    p.note = [t, nnlite.Size([3])]
    marked = t[1:].clone()
    marked.note = {"p": p}
    value = {"t": t, "again": t, "p": p, "frozen": nnlite.nn.Parameter(t, False), "marked": marked, "d": t.dtype}
    data = saved(
        [value, (nnlite.device("cuda:300"), nnlite.device("cpu"), nnlite.Size([1, 2]))], pickle_protocol=protocol
    )
    for weights_only in True, False:
        r, others = nnlite.load(io.BytesIO(data), map_location=device, weights_only=weights_only)
        assert r["t"] is r["again"] is r["p"].note[0]
        assert r["marked"].note["p"] is r["p"]
        assert r["p"].tolist() == [0, 1]
        assert (r["p"].requires_grad, r["frozen"].requires_grad, r["d"]) == (True, False, nnlite.float32)
        assert others == (nnlite.device("cuda:300"), nnlite.device("cpu"), nnlite.Size([1, 2]))


def test_cyclic_and_shared_containers():
    a: list = [1]
    a.append(a)
    b = {"x": a, "y": a}
    r = reload(b)
    assert r["x"] is r["y"]
    assert r["x"][1] is r["x"]


def test_nnlite_objects():
    value = {"size": nnlite.Size([2, 3]), "dtype": nnlite.float16, "bool": nnlite.bool, "cpu": nnlite.device("cpu"),
             "cuda": nnlite.device("cuda:1"), nnlite.int64: nnlite.device("strict")}  # fmt: skip
    r = reload(value)
    assert r == value
    assert type(r["size"]) is nnlite.Size
    assert r["dtype"] is nnlite.float16


@pytest.mark.parametrize(
    "kind", [np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, np.complex64, np.str_]
)
def test_numpy_scalars_become_python_objects(kind):
    value = kind(1)
    r = reload({"a": value})["a"]
    assert r == value
    assert type(r) is type(value.item())


def test_numpy_scalars_written_by_pickle_are_read():
    for value in np.float32(1.5), np.int64(-3), np.bool_(True), np.complex128(1 + 2j), np.array(2.5, ">f8")[()]:
        data = with_pickle(pickle.dumps([value], protocol=2))
        r = nnlite.load(io.BytesIO(data))[0]
        assert r == value
        assert isinstance(r, np.generic)


def with_pickle(data, **entries):
    """A checkpoint with this pickle."""
    file = io.BytesIO()
    writer = _archive.ArchiveWriter(file)
    writer.add("data.pkl", data)
    for name, content in {"byteorder": b"little", "version": b"3\n", **entries}.items():
        writer.add(name, content)
    writer.finish()
    return file.getvalue()


def test_state_dict_keeps_its_metadata():
    state = OrderedDict(weight=nnlite.ones(2))
    state._metadata = OrderedDict({"": {"version": 2}})
    r = reload(state)
    assert type(r) is OrderedDict
    assert r._metadata == state._metadata


def test_module_and_optimizer_states(device):
    model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 4), nnlite.nn.ReLU(), nnlite.nn.BatchNorm1d(4)).to(device)
    optimizer = nnlite.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(nnlite.randn(5, 3, device=device)).pow(2).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": nnlite.get_rng_state()}
    r = reload(state, map_location=device)
    assert r["model"]._metadata == state["model"]._metadata
    for name, value in state["model"].items():
        same(r["model"][name], value)
        assert r["model"][name].device == value.device
    other = nnlite.nn.Sequential(nnlite.nn.Linear(3, 4), nnlite.nn.ReLU(), nnlite.nn.BatchNorm1d(4)).to(device)
    other.load_state_dict(r["model"])
    again = nnlite.optim.Adam(other.parameters(), lr=0.1)
    again.load_state_dict(r["optimizer"])
    x = nnlite.randn(5, 3, device=device)
    for m, o in (model, optimizer), (other, again):
        o.zero_grad()
        m(x).pow(2).sum().backward()
        o.step()
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        same(a, b)


def test_gradients_and_leaves(device):
    leaf = nnlite.ones(2, device=device, requires_grad=True)
    result = leaf * 2
    r = reload([leaf, result, leaf.detach()], map_location=device)
    assert [t.requires_grad for t in r] == [True, True, False]
    assert all(t.is_leaf for t in r)
    r[0].sum().backward()
    assert r[0].grad.tolist() == [1, 1]


def test_parameters(device):
    p = nnlite.nn.Parameter(nnlite.ones(2, device=device))
    frozen = nnlite.nn.Parameter(nnlite.zeros(2, device=device), requires_grad=False)
    p.group = {"lr": 0.1}
    a, b, c = reload([p, frozen, p], map_location=device)
    assert type(a) is type(b) is nnlite.nn.Parameter
    assert a is c
    assert (a.requires_grad, b.requires_grad) == (True, False)
    assert a.group == {"lr": 0.1}
    same(a, p)


def test_buffer_and_attributes(device):
    b = nnlite.nn.Buffer(nnlite.ones(1, device=device), persistent=False)
    t = nnlite.ones(1, device=device)
    t.note = "kept"
    rb, rt = reload([b, t])
    assert isinstance(rb, nnlite.nn.Buffer)
    assert rb.persistent is False
    assert rt.note == "kept"


class Tagged(nnlite.Tensor):
    pass


def test_subclass_needs_permission(device):
    t = nnlite.Tensor._make_subclass(Tagged, nnlite.ones(2, device=device))
    t.tag = 3
    data = saved(t)
    with pytest.raises(pickle.UnpicklingError, match=r"test_serialization\.Tagged"):
        nnlite.load(io.BytesIO(data))
    with nnlite.serialization.safe_globals([Tagged]):
        r = nnlite.load(io.BytesIO(data))
    assert type(r) is Tagged
    assert r.tag == 3
    assert type(nnlite.load(io.BytesIO(data), weights_only=False)) is Tagged


# Layout and sharing


def test_strides_and_offsets_are_kept(device):
    base = nnlite.arange(24, device=device).reshape(4, 6)
    for view in base.t(), base[1:, ::2], base[2], base.t()[1:3], base[:, 4], base[:1].expand(5, 6):
        r, whole = reload([view, base], map_location=device)
        same(r, view)
        assert r.stride() == view.stride()
        assert r.data_ptr() - whole.data_ptr() == view.storage_offset() * 8


def test_the_whole_storage_of_a_view_is_saved_once(device):
    base = nnlite.zeros(1000, device=device)
    assert storages(saved([base[:10], base[5:], base])) == {"archive/data/0": 4000}
    assert storages(saved(base[:10])) == {"archive/data/0": 4000}
    assert storages(saved(base[:10].clone())) == {"archive/data/0": 40}
    assert storages(saved(nnlite.zeros(1, device=device).expand(1000))) == {"archive/data/0": 4}


def test_views_share_memory_after_load(device):
    base = nnlite.arange(6, device=device)
    r = reload({"base": base, "head": base[:2], "matrix": base.reshape(2, 3), "tail": base[4:]}, map_location=device)
    r["base"].fill_(7)
    assert r["head"].tolist() == [7, 7]
    assert r["matrix"].tolist() == [[7] * 3] * 2
    r["tail"].zero_()
    assert r["base"].tolist() == [7, 7, 7, 7, 0, 0]


def test_detached_views_share_whichever_comes_first(device):
    base = nnlite.arange(6, device=device)
    parts = [base[3:].detach(), base[:4].detach(), base]
    data = saved(parts)
    assert len(storages(data)) == 1
    r = nnlite.load(io.BytesIO(data), map_location=device)
    for a, b in zip(r, parts, strict=True):
        same(a, b)
    r[2].zero_()
    assert r[0].tolist() == [0, 0, 0]
    assert r[1].tolist() == [0, 0, 0, 0]


def test_tied_parameters_stay_tied(device):
    model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 3, bias=False), nnlite.nn.Linear(3, 3, bias=False)).to(device)
    model[1].weight = model[0].weight
    data = saved(model.state_dict())
    assert list(storages(data).values()) == [36]
    r = nnlite.load(io.BytesIO(data), map_location=device)
    r["0.weight"].zero_()
    assert r["1.weight"].tolist() == [[0.0] * 3] * 3


def test_separate_tensors_stay_separate(device):
    a, b = reload([nnlite.ones(2, device=device), nnlite.ones(2, device=device)])
    a.zero_()
    assert b.tolist() == [1, 1]


def test_same_memory_as_two_dtypes_is_refused(device):
    z = nnlite.ones(2, dtype=nnlite.complex64, device=device)
    real = nnlite.from_numpy(np.ones(2, np.complex64))
    parts = [real, nnlite.from_numpy(real.numpy().view(np.float32))]
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        nnlite.save(parts, io.BytesIO())
    same(reload(z), z)


def test_slices_of_numpy_arrays_are_their_own_storage():
    array = np.arange(1000.0)
    assert storages(saved(nnlite.from_numpy(array[10:15]))) == {"archive/data/0": 40}
    strided = nnlite.from_numpy(array[10:20:3])
    same(reload(strided), strided)


def test_loaded_tensors_can_be_written_to(device, tmp_path):
    nnlite.save(nnlite.zeros(3, device=device), tmp_path / "t.pt")
    t = nnlite.load(tmp_path / "t.pt", map_location=device)
    t += 1
    assert t.tolist() == [1, 1, 1]


@st.composite
def views(draw):
    """A program of views of one tensor: a list of (name, arguments)."""
    steps = []
    for _ in range(draw(st.integers(0, 4))):
        steps.append(draw(st.sampled_from(["t", "head", "tail", "even", "first", "expand", "detach"])))
    return steps


def apply(t, steps):
    for step in steps:
        if step == "detach":
            t = t.detach()
        elif t.ndim == 0:
            continue
        elif step == "t":
            t = t.permute(*reversed(range(t.ndim)))
        elif step == "head":
            t = t[: max(1, t.shape[0] // 2)]
        elif step == "tail":
            t = t[t.shape[0] // 2 :]
        elif step == "even":
            t = t[::2]
        elif step == "first":
            t = t[0]
        elif step == "expand" and t.shape[0] == 1:
            t = t.expand(3, *t.shape[1:])
    return t


@given(st.lists(views(), min_size=1, max_size=4))
def test_any_views_keep_values_and_sharing(programs):
    base = nnlite.arange(60).reshape(3, 4, 5)
    tensors = [apply(base, steps) for steps in programs]
    loaded = reload(tensors)
    for a, b in zip(tensors, loaded, strict=True):
        same(a, b)
        assert a.stride() == b.stride()
    for i in range(len(tensors)):
        for j in range(i):
            overlap = bool(set(tensors[i].flatten().tolist()) & set(tensors[j].flatten().tolist()))
            if overlap:
                assert np.shares_memory(loaded[i].numpy(), loaded[j].numpy())


# Devices


def locations(data):
    """The locations that the pickle of a file names."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        text = archive.read("archive/data.pkl")
    return {name for name in ("cpu", "cuda:0", "strict") if name.encode() in text}


def test_location_in_the_file(device):
    expected = {"cpu": "cpu", "strict": "cpu", "cuda": "cuda:0"}[device.partition(":")[0]]
    assert locations(saved(nnlite.ones(2, device=device))) == {expected}


def test_map_location(device):
    t = nnlite.arange(3, device="cpu")
    base = {"a": t, "b": t[1:]}
    for where in device, nnlite.device(device), {"cpu": device}, lambda storage, location: storage.to(device):
        r = reload(base, map_location=where)
        assert r["a"].device.type == device.partition(":")[0]
        same(r["b"], t[1:])
        r["a"].zero_()
        assert r["b"].tolist() == [0, 0]


def test_map_location_function_sees_storage_and_location():
    seen = []
    base = nnlite.arange(6.0)
    r = reload(base[2:4], map_location=lambda storage, location: seen.append((storage.tolist(), location)))
    assert seen == [([0, 1, 2, 3, 4, 5], "cpu")]
    assert r.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ("nonsense", RuntimeError, r"don't know how to restore data location.*nonsense.*map_location='cpu'"),
        ("cuda:999", RuntimeError, r"Attempting to deserialize object on .*CUDA device.*map_location"),
        (3.5, TypeError, "map_location must be a device"),
        (lambda storage, location: 3, TypeError, "must return the storage"),
        (lambda storage, location: storage[:1], TypeError, "must return the storage"),
    ],
)
def test_bad_map_location(where, error, message):
    with pytest.raises(error, match=message):
        reload(nnlite.ones(2), map_location=where)


def test_error_of_a_map_location_function_comes_through():
    def broken(storage, location):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        reload(nnlite.ones(2), map_location=broken)


def test_location_of_the_file_is_used_and_cpu_overrides_it():
    data = saved(nnlite.ones(2))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        text = archive.read("archive/data.pkl").replace(b"X\x03\x00\x00\x00cpu", b"X\x08\x00\x00\x00cuda:999")
        data = with_pickle(text, **{"data/0": archive.read("archive/data/0")})
    with pytest.raises(RuntimeError, match=r"Attempting to deserialize object on .*CUDA.*map_location"):
        nnlite.load(io.BytesIO(data))
    assert nnlite.load(io.BytesIO(data), map_location="cpu").tolist() == [1, 1]
    assert nnlite.load(io.BytesIO(data), map_location={"cuda:999": "cpu"}).tolist() == [1, 1]


# Files


def test_paths_and_files(tmp_path, device):
    t = nnlite.randn(3, device=device)
    for path in str(tmp_path / "a.pt"), tmp_path / "b.pt":
        nnlite.save(t, path)
        same(nnlite.load(path), t)
    with open(tmp_path / "c.pt", "wb") as file:
        nnlite.save(t, file)
    with open(tmp_path / "c.pt", "rb") as file:
        same(nnlite.load(file), t)


class WriteOnly:
    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))


def test_a_stream_that_can_only_write():
    file = WriteOnly()
    nnlite.save({"a": nnlite.ones(3)}, file)
    assert nnlite.load(io.BytesIO(b"".join(file.parts)))["a"].tolist() == [1, 1, 1]


class NoReadinto:
    def __init__(self, data):
        self._file = io.BytesIO(data)
        self.read, self.seek, self.tell = self._file.read, self._file.seek, self._file.tell
        self.seekable = lambda: True


def test_a_file_without_a_buffer(tmp_path):
    class Short(io.FileIO):
        def write(self, data):
            return super().write(data[:1000])

    with Short(tmp_path / "x.pt", "w") as file:
        nnlite.save(nnlite.arange(5000), file)
    assert nnlite.load(tmp_path / "x.pt").sum().item() == 12497500


def test_a_stream_without_readinto():
    assert nnlite.load(NoReadinto(saved(nnlite.arange(4)))).tolist() == [0, 1, 2, 3]


def test_wrong_files():
    with pytest.raises(AttributeError, match="'write' attribute"):
        nnlite.save(1, 3)
    with pytest.raises(AttributeError, match="seekable"):
        nnlite.load(3)
    with pytest.raises(FileNotFoundError):
        nnlite.load("/nowhere/at/all.pt")
    with pytest.raises(TypeError, match="'rb'"):
        nnlite.load(io.StringIO("text"))


def test_wrong_arguments(tmp_path):
    with pytest.raises(NotImplementedError):
        nnlite.save(1, tmp_path / "x", _use_new_zipfile_serialization=False)
    with pytest.raises(NotImplementedError):
        nnlite.save(1, tmp_path / "x", pickle_module=contextlib)
    for protocol in 1, 99, "2":
        with pytest.raises(ValueError, match="pickle_protocol"):
            nnlite.save(1, tmp_path / "x", pickle_protocol=protocol)
    assert not (tmp_path / "x").exists()


def test_equal_objects_give_equal_files():
    assert saved({"a": nnlite.ones(3)}) == saved({"a": nnlite.ones(3)})


def test_data_is_aligned_and_stored_as_it_is():
    data = saved([nnlite.arange(5), nnlite.ones(7)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            start = data.index(archive.read(entry), entry.header_offset + 30)
            if "/data/" in entry.filename:
                assert start % 64 == 0


def test_large_archives(monkeypatch):
    """The fields for archives beyond 4 GiB or 65,535 entries, used from a few bytes on."""
    monkeypatch.setattr(_archive, "_LARGE", 50)
    monkeypatch.setattr(_archive, "_MANY", 3)
    data = saved([nnlite.arange(100), nnlite.ones(2), nnlite.zeros(100)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 6
    assert [t.sum().item() for t in nnlite.load(io.BytesIO(data))] == [4950, 2, 0]


def test_mmap(tmp_path):
    path = tmp_path / "t.pt"
    t = nnlite.arange(1000).reshape(10, 100)
    nnlite.save({"t": t, "row": t[3], "none": nnlite.empty(0)}, path)
    before = path.read_bytes()
    r = nnlite.load(path, mmap=True)
    same(r["t"], t)
    r["t"].zero_()
    assert r["row"].tolist() == [0] * 100
    assert path.read_bytes() == before
    with pytest.raises(ValueError, match="file path"):
        nnlite.load(io.BytesIO(before), mmap=True)


def test_mmap_can_be_saved_over_its_own_file(tmp_path):
    path = tmp_path / "t.pt"
    nnlite.save(nnlite.arange(1000), path)
    t = nnlite.load(path, mmap=True)
    t += 1
    nnlite.save(t, path)
    assert t[0].item() == 1
    assert nnlite.load(path)[0].item() == 1


# Atomic writing


class Interrupt:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        raise self.error


def only_file(folder):
    (name,) = os.listdir(folder)
    return name


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(errno.ENOSPC, "No space left on device")])
def test_a_failed_save_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "model.pt"
    nnlite.save({"v": 1}, path)
    with pytest.raises(error if isinstance(error, type) else OSError):
        nnlite.save([nnlite.ones(10), Interrupt(error)], path)
    assert nnlite.load(path) == {"v": 1}
    assert only_file(tmp_path) == "model.pt"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits of a process are a POSIX feature")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    import resource

    path = tmp_path / "model.pt"
    nnlite.save({"v": 1}, path)
    big = nnlite.zeros(1_000_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # writing more fails half-way, as on a full disk
    try:
        with pytest.raises(OSError):
            nnlite.save(big, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert nnlite.load(path) == {"v": 1}
    assert only_file(tmp_path) == "model.pt"


def test_a_failed_rename_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    nnlite.save({"v": 1}, path)

    def broken(*args):
        raise PermissionError("in use")

    monkeypatch.setattr(_atomic.os, "replace", broken)
    with pytest.raises(PermissionError):
        nnlite.save({"v": 2}, path)
    monkeypatch.undo()
    assert nnlite.load(path) == {"v": 1}
    assert only_file(tmp_path) == "model.pt"


def test_the_file_reaches_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_replace(source, target):
        events.append("rename")
        replace(source, target)

    monkeypatch.setattr(_atomic.os, "fsync", note_fsync)
    monkeypatch.setattr(_atomic.os, "replace", note_replace)
    nnlite.save(1, tmp_path / "x.pt")
    assert events == ["file", "rename", "folder"]


@pytest.fixture
def umask():
    old = os.umask(0o027)
    yield
    os.umask(old)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_permissions(tmp_path, umask):
    path = tmp_path / "x.pt"
    nnlite.save(1, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    nnlite.save(2, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_read_only_files_are_respected(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    nnlite.save(1, path)
    monkeypatch.setattr(_atomic.os, "access", lambda name, mode: False)  # root may write to all files
    with pytest.raises(PermissionError):
        nnlite.save(2, path)
    assert nnlite.load(path) == 1


def test_symbolic_link_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link.pt").symlink_to(tmp_path / "real" / "x.pt")
    nnlite.save(1, tmp_path / "link.pt")
    nnlite.save(2, tmp_path / "link.pt")
    assert (tmp_path / "link.pt").is_symlink()
    assert nnlite.load(tmp_path / "real" / "x.pt") == 2


def test_no_folder(tmp_path):
    with pytest.raises(RuntimeError, match=r"Parent directory .*missing does not exist"):
        nnlite.save(1, tmp_path / "missing" / "x.pt")
    with pytest.raises(RuntimeError, match="Is a directory"):
        nnlite.save(1, tmp_path)


def test_relative_paths_and_long_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "n" * 250 + ".pt"
    nnlite.save(3, name)
    assert nnlite.load(name) == 3


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_devices_are_written_directly():
    nnlite.save(1, os.devnull)
    with pytest.raises(OSError, match="No space left"):
        nnlite.save(nnlite.ones(100_000), "/dev/full")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


# Other objects


class Config:
    def __init__(self, depth):
        self.depth = depth


def test_other_classes_need_permission():
    data = saved({"config": Config(3)})
    message = r"test_serialization\.Config.*add_safe_globals.*weights_only=False"
    with pytest.raises(pickle.UnpicklingError, match=message):
        nnlite.load(io.BytesIO(data))
    assert nnlite.load(io.BytesIO(data), weights_only=False)["config"].depth == 3
    with nnlite.serialization.safe_globals([Config]):
        assert nnlite.serialization.get_safe_globals() == [Config]
        assert nnlite.load(io.BytesIO(data))["config"].depth == 3
    assert nnlite.serialization.get_safe_globals() == []


def test_safe_globals_by_name():
    data = saved(Fraction(1, 3))
    nnlite.serialization.add_safe_globals([(Fraction, "fractions.Fraction")])
    try:
        assert nnlite.load(io.BytesIO(data)) == Fraction(1, 3)
    finally:
        nnlite.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError, match=r"fractions\.Fraction"):
        nnlite.load(io.BytesIO(data))


def test_safe_globals_never_open_the_system():
    data = with_pickle(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    with (
        nnlite.serialization.safe_globals([(os.system, "os.system")]),
        pytest.raises(pickle.UnpicklingError, match=r"os\.system.*blocked"),
    ):
        nnlite.load(io.BytesIO(data))


def test_whole_modules(device):
    model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 4), nnlite.nn.BatchNorm1d(4)).to(device)
    model[1].note = model[0].weight[0]
    data = saved(model)
    with pytest.raises(pickle.UnpicklingError, match=r"nnlite\.nn\.modules\.\w+\.\w+"):
        nnlite.load(io.BytesIO(data))
    r = nnlite.load(io.BytesIO(data), weights_only=False, map_location=device)
    assert repr(r) == repr(model)
    x = nnlite.randn(5, 3, device=device)
    same(r(x), model(x))


def test_what_cannot_be_pickled(tmp_path):
    with pytest.raises((AttributeError, pickle.PicklingError)):
        nnlite.save(lambda: 0, tmp_path / "x.pt")
    assert os.listdir(tmp_path) == []
