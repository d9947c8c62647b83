"""Writing so that a file is the old one or the new one."""

from __future__ import annotations

import errno
import os
import stat

import numpy as np
import pytest

import nnlite
from nnlite.serialization import _atomic, npz, safetensors

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


# A full disk

WRITERS = {
    "save": lambda value, path: nnlite.save(value, path),
    "save, old protocol": lambda value, path: nnlite.save(value, path, pickle_protocol=4),
    "safetensors": lambda value, path: safetensors.save_file(value, path),
    "npz": lambda value, path: npz.save(value, path),
    "npz, compressed": lambda value, path: npz.save(value, path, compress=True),
    "npy": lambda value, path: npz.save_array(value["b"], path),
}
POINTS = ["create", "first byte", "header", "middle", "last byte", "flush", "fsync", "close", "rename"]


class FullDisk:
    """Stands for ``os`` while a file is written: the disk fills at one point."""

    def __init__(self, point: str, error: int, size: int) -> None:
        self.point = point
        self.error = OSError(error, os.strerror(error))
        self.room = {"first byte": 0, "header": 40, "middle": size // 2, "last byte": size - 1}.get(point, 1 << 40)

    def fail(self, point):
        if self.point == point:
            raise self.error

    def open(self, *args):
        self.fail("create")
        return os.open(*args)

    def fdopen(self, descriptor, mode):
        return FullFile(os.fdopen(descriptor, mode), self)

    def fsync(self, descriptor):
        self.fail("fsync")
        os.fsync(descriptor)

    def replace(self, source, target):
        self.fail("rename")
        os.replace(source, target)

    def __getattr__(self, name):
        return getattr(os, name)


class FullFile:
    def __init__(self, file, disk):
        self.file = file
        self.disk = disk

    def write(self, data):
        view = memoryview(data).cast("B")
        if self.file.tell() + len(view) > self.disk.room:
            self.file.write(view[: self.disk.room - self.file.tell()])
            raise self.disk.error
        return self.file.write(view)

    def flush(self):
        self.disk.fail("flush")
        self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.file.close()
        if raised[0] is None:
            self.disk.fail("close")

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("error", [errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)])
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_disk_that_fills_at_some_point(writer, point, error, tmp_path, monkeypatch):
    path = tmp_path / "model"
    rng = np.random.default_rng(0)
    new = {"a": nnlite.arange(3), "b": nnlite.from_numpy(rng.standard_normal(2000))}
    WRITERS[writer](new, path)
    size = path.stat().st_size
    path.unlink()
    for old in None, b"the old file":
        if old:
            path.write_bytes(old)
        monkeypatch.setattr(_atomic, "os", FullDisk(point, error, size))
        with pytest.raises(OSError, match="old file is as it was" if old else "no file has been written") as raised:
            WRITERS[writer](new, path)
        monkeypatch.undo()
        assert raised.value.errno == error
        assert raised.value.filename == str(path)
        assert os.listdir(tmp_path) == (["model"] if old else [])
    assert path.read_bytes() == b"the old file"
    WRITERS[writer](new, path)
    assert path.stat().st_size == size
