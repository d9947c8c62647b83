"""Downloads with checksums, local hub folders, spawned processes, futures."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

import nnlite
from nnlite import hub


@pytest.fixture
def weights(tmp_path):
    """A file with weights, its address, and the first digits of its checksum."""
    path = tmp_path / "weights.pt"
    nnlite.save({"w": nnlite.arange(3.0)}, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()
    return path, path.as_uri(), digits


def test_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert hub.get_dir() == os.path.join(tmp_path, "hub")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert hub.get_dir() == os.path.join(tmp_path, "torch", "hub")


def test_download(weights, tmp_path, capsys):
    path, url, digits = weights
    target = tmp_path / "copy.pt"
    hub.download_url_to_file(url, target, hash_prefix=digits[:8])
    assert target.read_bytes() == path.read_bytes()
    assert url in capsys.readouterr().err
    hub.download_url_to_file(url, str(target), progress=False)
    assert capsys.readouterr().err == ""


def test_wrong_checksum_leaves_nothing(weights, tmp_path):
    target = tmp_path / "copy.pt"
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "00000000"'):
        hub.download_url_to_file(weights[1], target, hash_prefix="00000000", progress=False)
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="invalid hash value"):
        hub.download_url_to_file(weights[1], target, hash_prefix="00000000", progress=False)
    assert target.read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.pt", "weights.pt"]


def test_offline_says_what_to_do(tmp_path):
    with pytest.raises(urllib.error.URLError, match="without a network, copy the file into"):
        hub.download_url_to_file("http://127.0.0.1:9/x.pt", tmp_path / "x.pt", progress=False)
    with pytest.raises(ValueError, match="unknown url type"):
        hub.download_url_to_file("no address", tmp_path / "x.pt", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_state_dict_is_fetched_once(weights, tmp_path, monkeypatch):
    path, _, digits = weights
    named = path.with_name(f"weights-{digits[:8]}.pt")
    path.rename(named)
    folder = tmp_path / "kept"
    first = hub.load_state_dict_from_url(named.as_uri(), folder, check_hash=True, progress=False)
    assert first["w"].tolist() == [0, 1, 2]
    named.unlink()
    again = nnlite.utils.model_zoo.load_url(named.as_uri(), folder, map_location="strict", progress=False)
    assert again["w"].device.type == "strict"
    monkeypatch.setattr(hub, "_chosen", str(tmp_path / "elsewhere"))
    with pytest.raises(urllib.error.URLError):
        hub.load_state_dict_from_url(named.as_uri(), progress=False)


def test_local_folder(tmp_path):
    (tmp_path / "helper.py").write_text("SIZE = 3\n")
    (tmp_path / "hubconf.py").write_text(
        'from helper import SIZE\ndef model(n=1):\n    "A model."\n    return SIZE * n\ndef _hidden(): pass\n'
    )
    try:
        assert hub.load(tmp_path, "model", n=2, source="local", trust_repo=True) == 6
        assert hub.list(tmp_path, source="local") == ["model"]
        assert hub.help(tmp_path, "model", source="local") == "A model."
        with pytest.raises(RuntimeError, match="Cannot find callable nothing"):
            hub.load(tmp_path, "nothing", source="local")
    finally:
        sys.modules.pop("helper", None)
    with pytest.raises(NotImplementedError, match="source='local'"):
        hub.load("pytorch/vision", "resnet18")
    with pytest.raises(ValueError, match="Unknown source"):
        hub.load(tmp_path, "model", source="disk")
    with pytest.raises(FileNotFoundError, match=r"no hubconf\.py"):
        hub.load(tmp_path / "none", "model", source="local")


PROGRAM = """
import os, signal, sys, time
import nnlite.multiprocessing as mp
def work(index, what, folder):
    if what == "raise" and index == 1:
        raise KeyError("from the worker")
    if what == "exit" and index == 1:
        sys.exit(7)
    if what == "kill" and index == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if what != "write":
        time.sleep(60)
    open(os.path.join(folder, str(index)), "w").close()
if __name__ == "__main__":
    try:
        mp.start_processes(work, (sys.argv[1], sys.argv[2]), nprocs=3, start_method=sys.argv[3])
    except mp.ProcessRaisedException as error:
        print("raised", error.error_index, "KeyError: 'from the worker'" in str(error))
    except mp.ProcessExitedException as error:
        print("exited", error.error_index, error.exit_code, error.signal_name)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
@pytest.mark.parametrize(
    ("what", "shown"),
    [("write", ""), ("raise", "raised 1 True"), ("exit", "exited 1 7 None"), ("kill", "exited 1 -9 SIGKILL")],
)
def test_spawned_processes(tmp_path, what, shown):
    script, folder = tmp_path / "program.py", tmp_path / "out"
    script.write_text(PROGRAM)
    folder.mkdir()
    root = Path(nnlite.__file__).parent.parent
    done = subprocess.run([sys.executable, script, what, folder, "fork"], capture_output=True, text=True, timeout=50,
                          env={**os.environ, "PYTHONPATH": str(root)})  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == (shown, 0), done.stderr
    assert sorted(p.name for p in folder.iterdir()) == (["0", "1", "2"] if what == "write" else [])


def test_sharing_strategies():
    mp = nnlite.multiprocessing
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    with pytest.raises(AssertionError, match="invalid sharing strategy"):
        mp.set_sharing_strategy("telepathy")
    assert mp.Process.__name__ == "Process"
    assert mp.get_context("spawn").get_start_method() == "spawn"


def test_futures():
    future = nnlite.futures.Future()
    follower = future.then(lambda f: f.value() * 2)
    with pytest.raises(RuntimeError, match="no value yet"):
        future.value()
    future.set_result(2)
    assert follower.wait() == 4
    assert nnlite.futures.wait_all([future, follower]) == [2, 4]
    assert nnlite.futures.collect_all([]).wait() == []
    failed = future.then(lambda f: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failed.wait()
