"""What the tests of files share."""

from __future__ import annotations

import io
import zipfile

import numpy as np

import nnlite
from nnlite.serialization._archive import ArchiveWriter


def saved(obj, **options):
    """The file of an object."""
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


def archive_of(entries):
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    for name, content in entries.items():
        writer.add(name, content)
    writer.finish()
    return file.getvalue()


def with_pickle(data, **entries):
    """A checkpoint with this pickle."""
    return archive_of({"data.pkl": data, "byteorder": b"little", "version": b"3\n", **entries})
