"""Writing a file so that it is either the old one or the new one, never half of each."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO

_NO_FSYNC_OF_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM, errno.EBADF}
"""What file systems answer that cannot make a folder durable, or do not let us open it."""


_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
"""No room on the disk, in the user's share of it, or for a file of this size."""


def _full(error: OSError, target: str) -> OSError:
    old = "the old file is as it was" if os.path.exists(target) else "no file has been written"
    what = f"{os.strerror(error.errno or 0)}: save needs room for the whole new file beside the old one; {old}"
    return OSError(error.errno, what, target)


@contextlib.contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A file to write the new contents of ``path`` to.

    The bytes go to a temporary file in the same folder. When the block ends they are forced to the disk and the
    temporary file takes the place of ``path`` in one step; when the block raises, the temporary file is removed and
    ``path`` is as it was. A new file has the permissions that the umask leaves; a replaced one keeps its own.
    Devices and pipes (``/dev/null``) are written to directly.

    Raises:
        RuntimeError: the folder does not exist, or ``path`` is a folder.
        PermissionError: the file is read-only, or the folder does not let us make files.
        OSError: the disk is full; the message says that the old file is as it was.
    """
    target = os.path.realpath(path)  # a symbolic link stays, and the file that it names is replaced
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(os.fspath(path)) or folder} does not exist.")
    if os.path.isdir(target):
        raise RuntimeError(f"save: cannot write to {path}: Is a directory")
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as device:
            yield device
        return
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "save: the file is read-only", target)
    temporary = os.path.join(folder, f".{os.path.basename(target)[:100]}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        file = os.fdopen(os.open(temporary, flags, 0o666), "wb")
    except OSError as error:
        raise (_full(error, target) if error.errno in _FULL else error) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException as error:  # Ctrl-C too
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise _full(error, target) from error
        raise
    _fsync_folder(folder)


def _fsync_folder(folder: str) -> None:
    """Make the new name durable: without it a power cut can bring the old file back."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FSYNC_OF_FOLDERS:
            raise
