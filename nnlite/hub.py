"""Weights and models from elsewhere: checked downloads, and models of a local folder with a ``hubconf.py``.

Models of PyTorch's hub are programs for PyTorch that would be fetched and run; that is not offered.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from .serialization import load as _load_file
from .serialization._atomic import replacing

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

ENV_TORCH_HOME = "TORCH_HOME"
ENV_XDG_CACHE_HOME = "XDG_CACHE_HOME"
DEFAULT_CACHE_DIR = "~/.cache"
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
READ_DATA_CHUNK = 128 * 1024
_CONFIGURATION = "hubconf.py"

_chosen: str | None = None


def get_dir() -> str:
    """The folder of downloads: what :func:`set_dir` set, else ``$TORCH_HOME/hub``, else ``~/.cache/torch/hub``.

    Example:
        >>> import nnlite
        >>> nnlite.hub.set_dir("downloads")
        >>> nnlite.hub.get_dir()
        'downloads'
        >>> nnlite.hub.set_dir(None)
    """
    if _chosen is not None:
        return _chosen
    cache = os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR)
    return os.path.join(os.path.expanduser(os.getenv(ENV_TORCH_HOME, os.path.join(cache, "torch"))), "hub")


def set_dir(d: str | os.PathLike[str] | None) -> None:
    """Set the folder of downloads; None goes back to the default."""
    global _chosen
    _chosen = None if d is None else os.path.expanduser(d)


def download_url_to_file(url: str, dst: Any, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Fetch a file. It stands at ``dst`` complete, with a SHA-256 that begins with ``hash_prefix``, or not at all.

    Args:
        progress: print what is fetched, and how large it is, to stderr.

    Raises:
        RuntimeError: the checksum is another, or the file is shorter than announced.
        urllib.error.URLError: the address does not answer; the message says what to do without a network.
        ValueError: it is no address.
    """
    digest, seen = hashlib.sha256(), 0
    with _opened(url) as source, replacing(os.path.expanduser(dst)) as target:
        announced = source.headers.get("Content-Length")
        if progress:
            print(f'Downloading: "{url}" to {dst} ({announced or "?"} bytes)', file=sys.stderr)
        while chunk := source.read(READ_DATA_CHUNK):
            target.write(chunk)
            digest.update(chunk)
            seen += len(chunk)
        if announced is not None and seen != int(announced):
            raise RuntimeError(f"download of {url} ended after {seen} of {announced} bytes; try again")
        if hash_prefix is not None and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}") of {url}')


def _opened(url: str) -> Any:
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers={"User-Agent": "nnlite.hub"}), timeout=30)
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise urllib.error.URLError(
            f"cannot fetch {url} ({error.reason}); without a network, copy the file into {get_dir()} and load it with "
            "nnlite.load"
        ) from error


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = True,
) -> Any:
    """What ``nnlite.load`` makes of a file that is fetched once and kept in ``model_dir``.

    Args:
        model_dir: the folder; ``get_dir()/checkpoints`` unless it is given.
        check_hash: whether the name, ``name-<first digits of the SHA-256>.ext``, holds the checksum.
        file_name: the name of the file; the last part of the address unless it is given.

    Raises:
        RuntimeError: the checksum is another. urllib.error.URLError: the address does not answer.
    """
    folder = Path(os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (file_name or os.path.basename(urlparse(url).path))
    if not path.exists():
        found = HASH_REGEX.search(path.name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress=progress)
    if zipfile.is_zipfile(path):
        path = _only_member(path)
    return _load_file(path, map_location=map_location, weights_only=weights_only)


def _only_member(path: Path) -> Path:
    """The file in a zip archive that wraps a single one, unpacked beside it; the archive itself where it is no such."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1 or members[0].is_dir():
            return path
        inner = path.with_name(os.path.basename(members[0].filename))
        with archive.open(members[0]) as source, replacing(os.fspath(inner)) as target:
            while chunk := source.read(READ_DATA_CHUNK):
                target.write(chunk)
    return inner


def _configuration(name: str, repo_or_dir: str, source: str) -> Any:
    """The module ``hubconf.py`` of a folder.

    Raises:
        ValueError: an unknown source. NotImplementedError: it is not local. FileNotFoundError: there is no such file.
    """
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise NotImplementedError(
            f"hub.{name}: models of PyTorch's hub are programs for PyTorch and are not fetched; clone the repository "
            "and pass its folder with source='local', or fetch weights alone with hub.load_state_dict_from_url"
        )
    path = Path(repo_or_dir) / _CONFIGURATION
    if not path.is_file():
        raise FileNotFoundError(f"hub.{name}: there is no {_CONFIGURATION} in {os.fspath(repo_or_dir)}")
    spec = importlib.util.spec_from_file_location("hubconf", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.fspath(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(os.fspath(path.parent))
    return module


def _entry(module: Any, name: str) -> Any:
    found = getattr(module, name, None)
    if not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def load(repo_or_dir: Any, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """Call a function of the ``hubconf.py`` in a local folder, which runs the code there.

    Args:
        repo_or_dir: the folder. source: ``"local"``; PyTorch's default, ``"github"``, is not offered.

    Raises:
        NotImplementedError: ``source`` is ``"github"``. FileNotFoundError: the folder has no ``hubconf.py``.
        RuntimeError: there is no such function in it.
    """
    for option in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(option, None)
    return _entry(_configuration("load", repo_or_dir, source), model)(*args, **kwargs)


def list(github: Any, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """The names of the functions in the ``hubconf.py`` of a local folder; see :func:`load`."""
    module = _configuration("list", github, source)
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def help(github: Any, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """The docstring of a function in the ``hubconf.py`` of a local folder; see :func:`load`."""
    return _entry(_configuration("help", github, source), model).__doc__
