"""save and load: devices, files, the container."""

from __future__ import annotations

import contextlib
import io
import mmap
import zipfile

import pytest
from serialization_files import reload, same, saved, with_pickle

import nnlite
from nnlite.serialization import _archive

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


# Settings


def test_check_sums_can_be_left_out():
    options = nnlite.serialization
    assert options.get_crc32_options() is True
    options.set_crc32_options(False)
    try:
        data = saved(nnlite.arange(5))
    finally:
        options.set_crc32_options(True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.CRC for entry in archive.infolist()} == {0}
    assert nnlite.load(io.BytesIO(data)).tolist() == [0, 1, 2, 3, 4]


def test_shared_maps_change_the_file(tmp_path):
    path = tmp_path / "x.pt"
    nnlite.save(nnlite.zeros(100), path)
    settings = nnlite.serialization
    assert settings.get_default_mmap_options() == mmap.MAP_PRIVATE
    with settings.set_default_mmap_options(mmap.MAP_SHARED):
        assert settings.get_default_mmap_options() == mmap.MAP_SHARED
        t = nnlite.load(path, mmap=True)
        t += 1
    assert settings.get_default_mmap_options() == mmap.MAP_PRIVATE
    assert nnlite.load(path, mmap=True).sum().item() == 100
    with pytest.raises(ValueError, match="MAP_PRIVATE"):
        settings.set_default_mmap_options(12345)


def test_byte_order_of_files_that_do_not_say_theirs():
    settings = nnlite.serialization
    little = saved(nnlite.arange(3, dtype=nnlite.int16), _disable_byteorder_record=True)
    for order, expected in (None, [0, 1, 2]), ("LITTLE", [0, 1, 2]), ("NATIVE", [0, 1, 2]), ("BIG", [0, 256, 512]):
        settings.set_default_load_endianness(order and settings.LoadEndianness[order])
        try:
            assert nnlite.load(io.BytesIO(little)).tolist() == expected
            assert nnlite.load(io.BytesIO(saved(nnlite.arange(3)))).tolist() == [0, 1, 2]
        finally:
            settings.set_default_load_endianness(None)
    assert settings.get_default_load_endianness() is None
    with pytest.raises(TypeError, match="LoadEndianness"):
        settings.set_default_load_endianness("little")


def test_default_restore_location(device):
    restore, tag = nnlite.serialization.default_restore_location, nnlite.serialization.location_tag
    t = nnlite.arange(3)
    r = reload(t, map_location=lambda storage, location: restore(storage, device))
    assert r.device.type == device.partition(":")[0]
    assert tag(nnlite.ones(1, device=device).storage()) == {"strict": "cpu", "cuda": "cuda:0"}.get(device, "cpu")
    for bad in "nonsense", "cuda:999":
        with pytest.raises(RuntimeError, match="map_location"):
            restore(t, bad)
