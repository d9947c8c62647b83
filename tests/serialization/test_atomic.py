"""Writing so that a file is the old one or the new one."""

from __future__ import annotations

import errno
import os
import stat

import pytest

import nnlite
from nnlite.serialization import _atomic

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
