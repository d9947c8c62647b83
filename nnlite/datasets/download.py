"""Downloads that are checked: a file is there complete and with the expected checksum, or it is not there at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..serialization._atomic import replacing

CHUNK = 1 << 20


def file_checksum(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """The checksum of a file, in hexadecimal digits.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: hashlib has no such algorithm.

    Example:
        >>> import os, tempfile
        >>> from nnlite.datasets import file_checksum
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "empty")
        ...     open(path, "w").close()
        ...     file_checksum(path, "md5")
        'd41d8cd98f00b204e9800998ecf8427e'
    """
    digest = _digest(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def download(
    urls: str | Sequence[str],
    path: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    md5: str | None = None,
    timeout: float = 30.0,
    max_bytes: int = 1 << 31,
) -> Path:
    """Fetch a file from the first of several addresses that answers with the expected contents.

    A file that is there already with the right checksum is not fetched again; one with a wrong checksum is replaced.
    The bytes go to a temporary file beside ``path``, which takes its place only when the checksum is right: an
    interrupted download leaves nothing behind.

    Args:
        urls: one address or several with the same file (``https`` or ``http``).
        path: where the file goes; its folder is made.
        sha256, md5: the checksum, in hexadecimal digits. One of them has to be given.
        timeout: seconds to wait for the server each time.
        max_bytes: a longer file is refused.

    Raises:
        ValueError: no checksum, no address, or an address that is neither https nor http.
        RuntimeError: no address gave the file; the message lists what happened at each.
    """
    algorithm, expected = ("sha256", sha256) if sha256 else ("md5", md5)
    if not expected:
        raise ValueError("download: expected a checksum, sha256= or md5=, to tell a complete file from a damaged one")
    addresses = [urls] if isinstance(urls, str) else list(urls)
    if not addresses:
        raise ValueError("download: expected at least one address")
    for url in addresses:
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"download: expected an https or http address, got {url}")
    path = Path(path)
    if path.is_file() and file_checksum(path, algorithm) == expected.lower():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in addresses:
        try:
            _fetch(url, path, algorithm, expected.lower(), timeout, max_bytes)
            return path
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, _Refused) as error:
            failures.append(f"{url}: {_reason(error)}")
    raise RuntimeError(
        f"Error downloading {path.name}: " + "; ".join(failures) + f". Without a network, put the file at {path}."
    )


class _Refused(Exception):
    """What the server sent is not the expected file."""


def _fetch(url: str, path: Path, algorithm: str, expected: str, timeout: float, max_bytes: int) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "nnlite"})
    digest, size = _digest(algorithm), 0
    with urllib.request.urlopen(request, timeout=timeout) as response, replacing(os.fspath(path)) as file:
        announced = response.headers.get("Content-Length")
        while chunk := response.read(CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise _Refused(f"the file is longer than {max_bytes} bytes")
            digest.update(chunk)
            file.write(chunk)
        if announced is not None and announced.isdecimal() and size != int(announced):
            raise _Refused(f"the connection ended after {size} of {announced} bytes")
        if digest.hexdigest() != expected:
            raise _Refused(f"wrong checksum: expected {algorithm} {expected}, got {digest.hexdigest()}")


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"cannot be reached ({error.reason})"
    return str(error) or type(error).__name__


def _digest(algorithm: str) -> Any:
    return hashlib.new(algorithm, usedforsecurity=False)
