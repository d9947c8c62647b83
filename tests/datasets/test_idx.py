"""nnlite.datasets.idx: reads what the format allows, and says what is wrong with anything else."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from idx_files import CODES, idx_bytes, write_idx

import nnlite
from nnlite.datasets import find_idx, read_idx

arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda kind: npst.arrays(np.dtype(kind), npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
)


@given(array=arrays, compress=st.booleans())
def test_round_trip(tmp_path_factory, array, compress):
    path = write_idx(tmp_path_factory.mktemp("idx") / "file", array, compress)
    read = read_idx(path).numpy()
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    read[...] = 0  # a copy of its own, not a view of the file's bytes


def test_values_are_big_endian(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 1, 0, 0, 1]))
    assert read_idx(path).tolist() == [256, 1]
    assert read_idx(path).dtype is nnlite.int16


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("keep", [0, 1, 3, 4, 9, 11, 12, 13, 21])
def test_truncated(tmp_path, keep, compress):
    data = idx_bytes(np.arange(10, dtype="u1").reshape(2, 5))
    assert len(data) == 22
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(data[:keep]) if compress else data[:keep])
    with pytest.raises(ValueError, match="truncated" if keep >= 4 else "not an IDX file") as error:
        read_idx(path)
    assert str(path) in str(error.value)


def test_truncated_and_damaged_gzip(tmp_path):
    path = write_idx(tmp_path / "file.gz", np.arange(1000, dtype="i4"), compress=True)
    data = path.read_bytes()
    for damaged in (data[:-9], data[:5], data[:40] + bytes([data[40] ^ 255]) + data[41:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="damaged or truncated gzip"):
            read_idx(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "file"
    good = idx_bytes(np.arange(3, dtype="u1"))
    path.write_bytes(good + b"\0")
    with pytest.raises(ValueError, match=r"goes on after .* expected 11 bytes for shape \(3,\) of uint8, got 12"):
        read_idx(path)
    path.write_bytes(b"\x89PNG\r\n")
    with pytest.raises(ValueError, match="not an IDX file: it starts with 89 50 4e 47"):
        read_idx(path)
    path.write_bytes(good[:2] + bytes([0x0A]) + good[3:])
    with pytest.raises(ValueError, match="not an IDX file"):
        read_idx(path)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


def test_a_huge_size_in_the_header_allocates_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(struct.pack(">HBB", 0, 0x0E, 4) + struct.pack(">4I", *[2**32 - 1] * 4))
    with pytest.raises(ValueError, match="truncated"):
        read_idx(path)


@pytest.mark.parametrize(
    "name",
    ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte", "train-images.idx3-ubyte.gz"],
)
def test_find_idx(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert find_idx(tmp_path, "train-images-idx3-ubyte") == tmp_path / name


def test_find_idx_names_what_it_tried(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tried t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte.gz, "):
        find_idx(tmp_path, "t10k-labels-idx1-ubyte")


def test_a_compressed_file_that_promises_more_than_it_can_hold(tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 2**32 - 1) + bytes(100)))
    with pytest.raises(ValueError, match=r"truncated: expected 4294967303 bytes .* got at most \d+"):
        read_idx(path)


def test_more_dimensions_than_numpy_has(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes([0, 0, 8, 255]) + bytes([0, 0, 0, 1]) * 255 + b"x")
    with pytest.raises(ValueError, match="255 dimensions; NumPy arrays have at most 64"):
        read_idx(path)
