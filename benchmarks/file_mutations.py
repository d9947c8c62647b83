"""Good files of every format that nnlite reads, and ways to damage them, for ``fuzz_files.py``."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

import nnlite
from nnlite.serialization import npz, safetensors
from nnlite.serialization._archive import ArchiveWriter

Mutation = Callable[[random.Random, list[bytes]], bytes]
"""Makes a damaged file of the good ones."""

HUGE = [0, 1, 127, 128, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
NAMES = ["../evil", "/etc/evil", "..\\evil", "C:\\evil", "a/../../evil", "", ".", "a" * 300, "archive/data/0", "\u00e9"]

# Good files


def _model() -> dict[str, object]:
    state = OrderedDict(weight=nnlite.arange(12.0).reshape(3, 4), bias=nnlite.ones(3, dtype=nnlite.float64))
    state._metadata = {"": {"version": 1}}  # type: ignore[attr-defined]
    return {
        "model": state,
        "tied": [state["weight"].t(), nnlite.nn.Parameter(state["bias"]), state["weight"][1, ::2]],
        "more": ("text", 1.5, 2**70, None, True, b"bytes", {1, 2}, nnlite.float32, nnlite.Size([1]), 1 + 2j),
        "numbers": [nnlite.arange(5), nnlite.ones(2, dtype=nnlite.complex64), nnlite.tensor([True, False])],
    }


def checkpoints() -> list[bytes]:
    """Files of ``save``, of two protocols."""
    found = []
    for protocol in 2, 4:
        file = io.BytesIO()
        nnlite.save(_model(), file, pickle_protocol=protocol)
        found.append(file.getvalue())
    return found


def legacy_checkpoints() -> list[bytes]:
    """Files in the format from before PyTorch 1.6, made of the parts of a present one."""
    parts = _entries(checkpoints()[0])
    # This format has one more part in the name of a storage: the view, which is None.
    program = parts["data.pkl"].replace(b"tQ", b"NtQ")
    keys = sorted(int(name[5:]) for name in parts if name.startswith("data/"))
    sizes = {0: 4, 1: 8, 2: 8, 3: 8, 4: 1}
    head = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}."
    listed = b"\x80\x02]" + b"".join(b"X\x01\0\0\0%da" % key for key in keys) + b"."
    data = [(parts[f"data/{key}"], sizes[key]) for key in keys]
    return [head + program + listed + b"".join(struct.pack("<q", len(raw) // size) + raw for raw, size in data)]


def safetensors_files() -> list[bytes]:
    """Files with several dtypes."""
    tensors = {"a": nnlite.arange(6).reshape(2, 3), "b.c": nnlite.ones(4), "e": nnlite.zeros(0, 2)}
    return [safetensors.save(tensors, {"format": "pt"}), safetensors.save({"t": nnlite.tensor([True, False])})]


def npz_files() -> list[bytes]:
    """Plain and compressed files."""
    found = []
    for compress in False, True:
        file = io.BytesIO()
        tensors = {"a": nnlite.arange(60).reshape(3, 20), "b": nnlite.ones(4).reshape(2, 2).t(), "c": nnlite.tensor(1)}
        npz.save(tensors, file, compress=compress)
        found.append(file.getvalue())
    return found


def npy_files() -> list[bytes]:
    """Arrays in both orders."""
    found = []
    for array in np.arange(60).reshape(3, 20), np.asfortranarray(np.ones((3, 4), ">f4")):
        file = io.BytesIO()
        np.save(file, array)
        found.append(file.getvalue())
    return found


def idx_files() -> list[bytes]:
    """Images and labels, plain and compressed."""
    images = struct.pack(">HBBIII", 0, 8, 3, 5, 4, 3) + bytes(range(60))
    numbers = struct.pack(">HBBI", 0, 13, 1, 6) + np.arange(6, dtype=">f4").tobytes()
    return [images, numbers, gzip.compress(images, mtime=0)]


def cifar_files() -> list[bytes]:
    """Three records of CIFAR-10's binary version."""
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (3, 3073)).astype(np.uint8)
    rows[:, 0] %= 10
    return [rows.tobytes()]


def tables() -> list[bytes]:
    """Tables and texts."""
    rows = 'Id,Area,Street\n1,8450,Pave\n2,9600,NA\n3,,"a, b""c"\n'
    return [rows.encode(), "Größe;π\n1;2\n".encode(), b"a,b\r\n1,2\r\n"]


def archives() -> list[bytes]:
    """zip, tar, gzip, bzip2 and xz files."""
    text = b"some text\n" * 30
    tars = []
    for mode in "w", "w:gz":
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode=mode) as archive:
            for name in "data/a.txt", "b.txt":
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text))
        tars.append(file.getvalue())
    zipped = _zip([("data/a.txt", text), ("b.txt", text)], zipfile.ZIP_DEFLATED)
    return [zipped, *tars, gzip.compress(text, mtime=0), bz2.compress(text), lzma.compress(text)]


# Damage to any file


def flip(rng: random.Random, good: list[bytes]) -> bytes:
    """A few bits."""
    data = bytearray(rng.choice(good))
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(rng: random.Random, good: list[bytes]) -> bytes:
    """The end, the beginning or a piece is missing."""
    data = rng.choice(good)
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice([data[:a], data[b:], data[:a] + data[b:]])


def splice(rng: random.Random, good: list[bytes]) -> bytes:
    """A piece of one file in the place of a piece of another."""
    one, two = rng.choice(good), rng.choice(good)
    a, b = sorted(rng.randrange(len(two) + 1) for _ in range(2))
    at = rng.randrange(len(one))
    piece = two[a : min(b, a + rng.choice([4, 16, 64, 4096]))]
    return one[:at] + piece + one[at + rng.choice([0, len(piece)]) :]


def number(rng: random.Random, good: list[bytes]) -> bytes:
    """A huge or wrong number in the place of any bytes."""
    data = bytearray(rng.choice(good))
    for _ in range(rng.choice([1, 1, 2])):
        width = rng.choice([1, 2, 4, 8])
        raw = (rng.choice(HUGE) % (1 << 8 * width)).to_bytes(width, rng.choice(["little", "big"]))
        at = rng.randrange(len(data))
        data[at : at + width] = raw
    return bytes(data)


def repeat(rng: random.Random, good: list[bytes]) -> bytes:
    """The same piece many times."""
    data = rng.choice(good)
    at = rng.randrange(len(data))
    return data[:at] + data[at : at + rng.randrange(1, 9)] * rng.choice([10, 1000, 5000]) + data[at:]


ANY: list[Mutation] = [flip, cut, splice, number, repeat]

# Damage to zip archives


def _zip(entries: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def zip_headers(rng: random.Random, good: list[bytes]) -> bytes:
    """A wrong number in the directory or in the header of an entry."""
    data = bytearray(rng.choice(good))
    mark = rng.choice([b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"])
    places = [i for i in range(len(data)) if data.startswith(mark, i)]
    if not places:
        return number(rng, good)
    width = rng.choice([2, 4])
    at = rng.choice(places) + rng.randrange(4, 42)
    data[at : at + width] = (rng.choice(HUGE) % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(data)


def zip_entries(rng: random.Random, good: list[bytes]) -> bytes:
    """Entries that stand twice, lead outside, are missing, swapped, or compressed."""
    entries = _all_entries(rng, good)
    at = rng.randrange(len(entries))
    name, content = entries[at]
    match rng.randrange(5):
        case 0:
            entries.append((name, rng.choice(entries)[1]))
        case 1:
            entries[at] = (rng.choice(NAMES) + rng.choice(["", ".npy", "/data.pkl"]), content)
        case 2:
            del entries[at]
        case 3:
            entries[at] = (name, rng.choice(entries)[1])
        case 4:
            entries.append((rng.choice(NAMES), content))
    return _zip(entries, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))


def zip_bomb(rng: random.Random, good: list[bytes]) -> bytes:
    """Entries that are a thousand times larger when they are unpacked."""
    entries = _all_entries(rng, good)
    at = rng.randrange(len(entries))
    name, content = entries[at]
    size = rng.choice([3_000_000, 20_000_000])
    if name.endswith(".npy"):
        content = _npy({"descr": "|u1", "fortran_order": False, "shape": (size,)})
    entries[at] = (name, content + bytes(size))
    return _zip(entries, rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))


def _all_entries(rng: random.Random, good: list[bytes]) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(rng.choice([data for data in good if data[:2] == b"PK"]))) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


ZIP: list[Mutation] = [zip_headers, zip_entries, zip_bomb]

# Damage to pickles in sound archives


def _text(s: str) -> bytes:
    return b"X" + struct.pack("<I", len(s.encode())) + s.encode()


def _call(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n".encode() + _text(argument) + b"\x85R"


PICKLES = [
    _call("os", "system", "touch CANARY"), _call("builtins", "eval", "open('CANARY','w')"),
    _call("builtins", "exec", "import os"), _call("subprocess", "Popen", "true"), _call("torch", "load", "CANARY"),
    _call("numpy", "load", "CANARY"), _call("nnlite.serialization", "add_safe_globals", "os"),
    b"\x8c\x02os\x8c\x06system\x93" + _text("touch CANARY") + b"\x85R", b"(" + _text("touch CANARY") + b"ios\nsystem\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ctorch.nn.parameter\nParameter\n", b"cbuiltins\nset\n", b"cbuiltins\nbytearray\n",
    b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"ctorch\nTensor\n", b"c_codecs\nencode\n", b"cnumpy\ndtype\n",
    b"cnumpy._core.multiarray\nscalar\n", b"ctorch\nFloatStorage\n",
    b"R", b"b", b"Q", b"s", b"u", b"e", b"a", b"t", b"(", b"0", b"1", b"2", b"\x81", b"\x85", b"\x86", b"\x87", b"\x8f",
    b"\x90", b"\x91", b"\x94", b"]", b"}", b")", b"N", b"\x88", b"h\x00", b"h\x05", b"j\xff\xff\xff\x7f", b"q\x00",
    b".", b"r\xff\xff\xff\x7f", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"\x8b\xff\xff\xff\x7f", b"B\xff\xff\xff\x7f",
    b"M\xff\xff", b"J\xff\xff\xff\x7f", b"\x8a\x06\0\0\0\0\0\1", b"\x95" + b"\xff" * 8, b"\x96" + b"\xff" * 8,
]  # fmt: skip


def _damaged_pickle(rng: random.Random, program: bytes) -> bytes:
    data = bytearray(program)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at:at] = rng.choice(PICKLES)
            case 2:
                del data[at : at + rng.randrange(1, 12)]
            case 3:
                source = rng.randrange(len(program))
                data[at:at] = program[source : source + rng.randrange(1, 40)]
            case 4:
                data[at:at] = rng.choice(PICKLES) * rng.choice([2, 100, 20_000])
    return bytes(data)


def _entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def pickles(rng: random.Random, good: list[bytes]) -> bytes:
    """Other instructions; the check sums fit."""
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    for name, content in _entries(rng.choice(good)).items():
        writer.add(name, _damaged_pickle(rng, content) if name == "data.pkl" else content)
    writer.finish()
    return file.getvalue()


def legacy_pickles(rng: random.Random, good: list[bytes]) -> bytes:
    """Other instructions in a file without check sums."""
    data = rng.choice(good)
    return data[:14] + _damaged_pickle(rng, data[14:])


# Damage to headers in JSON and in Python


def _other(rng: random.Random, value: object) -> object:
    """Something else in the place of a value of a header."""
    choices = [rng.choice(HUGE), -1, 1.5, True, None, "F64", "|O", ">f4", [], {}, [2**32] * 3, [1] * 100, (2**40,), "x"]
    return rng.choice(choices)


def _changed(rng: random.Random, value: object) -> object:
    """The value with something in it changed."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        return {k: _changed(rng, v) if k == key else v for k, v in value.items()}
    if isinstance(value, list | tuple) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return type(value)(_changed(rng, v) if i == at else v for i, v in enumerate(value))
    return _other(rng, value)


def json_header(rng: random.Random, good: list[bytes]) -> bytes:
    """A header of safetensors that says something else."""
    data = rng.choice(good)
    length = int.from_bytes(data[:8], "little")
    text = json.dumps(_changed(rng, json.loads(data[8 : 8 + length])))
    match rng.randrange(6):
        case 0:
            text = text[:-1] + "," + text[1:]
        case 1:
            text = text.replace("[", "[" * rng.choice([2, 100_000]), 1)
        case 2:
            text = text.replace("0", "9" * rng.choice([20, 5000]), 1)
    raw = text.encode()
    return (len(raw) if rng.random() < 0.9 else rng.choice(HUGE)).to_bytes(8, "little") + raw + data[8 + length :]


def _npy(header: object) -> bytes:
    raw = repr(header).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw) % 65536) + raw


def npy_header(rng: random.Random, good: list[bytes]) -> bytes:
    """A header of an array that says something else."""
    data = rng.choice(good)
    header = {"descr": rng.choice(["<f4", "<i8", "|O", "<c16"]), "fortran_order": False, "shape": (2, 3)}
    raw = _npy(_changed(rng, header))
    if rng.random() < 0.2:
        raw = raw[:10] + rng.choice([b"__import__('os').system('touch CANARY')", b"(" * 3000, b"-" * 9000, b"[" * 60])
    return raw + data[128:]


def npz_headers(rng: random.Random, good: list[bytes]) -> bytes:
    """Such an array in a sound archive."""
    entries = _all_entries(rng, good)
    at = rng.randrange(len(entries))
    entries[at] = (entries[at][0], npy_header(rng, npy_files()))
    return _zip(entries, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))


def idx_header(rng: random.Random, good: list[bytes]) -> bytes:
    """Other sizes, plain or compressed, and compressed zeros."""
    ndim = rng.choice([0, 1, 3, 3, 8, 255])
    sizes = b"".join(struct.pack(">I", rng.choice([0, 1, 5, 60, 2**16, 2**31, 2**32 - 1])) for _ in range(ndim))
    data = (
        struct.pack(">HBB", 0, rng.choice([8, 9, 11, 12, 13, 14, 15]), ndim) + sizes + bytes(rng.choice([0, 60, 1000]))
    )
    match rng.randrange(4):
        case 0:
            return gzip.compress(data, mtime=0)
        case 1:
            size = rng.choice([1_000_000, 20_000_000])
            return gzip.compress(struct.pack(">HBBI", 0, 8, 1, size + rng.choice([0, 1])) + bytes(size), mtime=0)
    return data


def archive_members(rng: random.Random, good: list[bytes]) -> bytes:
    """tar files whose members lead outside, are links or devices, or lie about their size."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=rng.choice([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])) as archive:
        for _ in range(rng.randrange(1, 4)):
            member = tarfile.TarInfo(rng.choice([*NAMES, "x", "x/y"]))
            member.type = rng.choice([b"0", b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"x", b"L"])
            member.linkname = rng.choice(NAMES)
            member.size = rng.choice([0, 5, 10, 2**20, 2**33 - 1]) if member.type in (b"0", b"7") else 0
            archive.addfile(member, io.BytesIO(b"0123456789") if member.size in (5, 10) else None)
    data = file.getvalue()
    return zlib.compress(data, wbits=31) if rng.random() < 0.3 else data
