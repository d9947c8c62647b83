"""load on files that are damaged, foreign, or made to do harm."""

from __future__ import annotations

import contextlib
import io
import pickle
import random
import struct
import time
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from serialization_files import archive_of

import nnlite

CLEAR = (RuntimeError, pickle.UnpicklingError, EOFError)
"""What a bad file may raise."""


def checkpoint(program, storage=bytes(64), **more):
    return archive_of({"data.pkl": program, "byteorder": b"little", "data/0": storage, "version": b"3\n", **more})


def load(data, **options):
    return nnlite.load(io.BytesIO(data), **options)


def sample():
    model = OrderedDict(weight=nnlite.arange(12.0).reshape(3, 4), bias=nnlite.ones(3, dtype=nnlite.float64))
    model._metadata = {"": {"version": 1}}
    return {
        "model": model,
        "tied": [model["weight"].t(), nnlite.nn.Parameter(model["bias"])],
        "more": ("text", 1.5, 2**70, None, True, b"bytes", {1, 2}, nnlite.float32, nnlite.Size([1]), 1 + 2j),
    }


def sample_file():
    file = io.BytesIO()
    nnlite.save(sample(), file)
    return file.getvalue()


# Small assembler of pickles


def text(s):
    raw = s.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def integer(n):
    raw = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def tuple_of(*parts):
    return b"(" + b"".join(parts) + b"t"


def storage(cls="FloatStorage", numel=16, key="0", kind="storage", location="cpu"):
    return tuple_of(text(kind), name("torch", cls), text(key), text(location), integer(numel)) + b"Q"


def tensor(size, stride, offset=0, of=None, rest=b"\x89" + b"}"):
    sizes, strides = (tuple_of(*map(integer, numbers)) for numbers in (size, stride))
    parts = (storage() if of is None else of, integer(offset), sizes, strides, rest)
    return name("torch._utils", "_rebuild_tensor_v2") + tuple_of(*parts) + b"R"


def pickled(body):
    return b"\x80\x02" + body + b"."


def test_the_assembler_makes_valid_tensors():
    values = np.arange(16, dtype=np.float32)
    assert load(checkpoint(pickled(tensor([2, 3], [3, 1], 4)), values.tobytes())).tolist() == [[4, 5, 6], [7, 8, 9]]


# Globals


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("sys", "exit"), ("subprocess", "Popen"),
        ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"), ("builtins", "__import__"),
        ("builtins", "open"), ("__builtin__", "eval"), ("operator", "attrgetter"), ("functools", "partial"),
        ("importlib", "import_module"), ("pickle", "loads"), ("runpy", "run_path"), ("types", "FunctionType"),
        ("numpy", "load"), ("numpy", "fromfile"), ("numpy._core.multiarray", "_reconstruct"), ("nnlite", "load"),
        ("nnlite.serialization", "add_safe_globals"), ("torch", "load"), ("torch.nn.modules.linear", "Linear"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("collections", "OrderedDict.fromkeys"),
        ("collections.OrderedDict", "fromkeys"), ("torch", "Tensor.__reduce__"), ("", ""),
    ],
)  # fmt: skip
def test_other_globals_are_refused(module, attribute, tmp_path):
    target = tmp_path / "ran"
    argument = text(f"touch {target}")
    short = b"\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(attribute)]) + attribute.encode()
    for found in name(module, attribute), short + b"\x93":
        for body in found, found + argument + b"\x85R", found + argument + b"\x85\x81", b"}" + text("k") + found + b"s":
            with pytest.raises(pickle.UnpicklingError) as error:
                load(checkpoint(pickled(body)))
            assert f"{module.replace('__builtin__', 'builtins')}.{attribute}" in str(error.value)
    assert not target.exists()


def test_instructions_that_call_or_import_are_refused():
    for body in (
        b"(" + text("true") + b"ios\nsystem\n",  # INST
        b"(cos\nsystem\n" + text("true") + b"o",  # OBJ
        b"\x82\x01",  # EXT1
        b"Vtext\n", b"I1\n", b"P0\n", b"p0\n",  # protocol 0
        name("collections", "OrderedDict") + b")}\x92",  # NEWOBJ_EX
    ):  # fmt: skip
        with pytest.raises(pickle.UnpicklingError, match=r"Unsupported operand|unrecognized|os\.system"):
            load(checkpoint(pickled(body)))


@pytest.mark.parametrize(
    "function",
    [text("os.system"), name("torch", "float32"), name("torch", "Tensor"), name("torch", "FloatStorage"), b"]", b"N",
     name("torch.nn.parameter", "Parameter"), storage()],
)  # fmt: skip
def test_only_functions_can_be_called(function):
    for call in b")R", b")\x81":
        with pytest.raises(pickle.UnpicklingError):
            load(checkpoint(pickled(function + call)))


def test_state_is_set_on_nothing_but_ordered_dicts():
    ordered = name("collections", "OrderedDict") + b")R"
    assert load(checkpoint(pickled(ordered + b"}" + text("_metadata") + b"K\x01sb")))._metadata == 1
    for hidden in "items", "__class__", "__reduce__", "move_to_end":
        with pytest.raises(pickle.UnpicklingError, match=hidden):
            load(checkpoint(pickled(ordered + b"}" + text(hidden) + b"K\x01sb")))
    for target in b"]", b"}", tensor([1], [1]), name("torch", "Tensor"), name("torch._utils", "_rebuild_tensor_v2"):
        with pytest.raises(pickle.UnpicklingError):
            load(checkpoint(pickled(target + b"}" + text("x") + b"K\x01sb")))


def test_attributes_of_tensors_cannot_hide_methods():
    rebuild = name("torch._tensor", "_rebuild_from_type_v2")

    def program(attribute):
        parts = tuple_of(storage(), integer(0), b")", b")", b"\x89", b"}")
        state = b"}" + text(attribute) + b"K\x01s"
        function = name("torch._utils", "_rebuild_tensor_v2")
        return pickled(rebuild + tuple_of(function, name("torch", "Tensor"), parts, state) + b"R")

    assert load(checkpoint(program("note"))).note == 1
    for attribute in "sum", "_a", "_node", "_vc", "__class__", "requires_grad", "_grad", "_resting_node":
        with pytest.raises(pickle.UnpicklingError, match=attribute):
            load(checkpoint(program(attribute)))


# Tensors outside their storage


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ([17], [1], 0), ([16], [1], 1), ([2, 2], [15, 2], 0), ([1], [1], 16), ([1], [1], -1), ([2], [-1], 1),
        ([-1], [1], 0), ([2], [2**62], 0), ([2**62], [1], 0), ([2**40, 2**40], [0, 0], 0), ([2], [1, 1], 0),
        ([2], [], 0), ([1] * 65, [1] * 65, 0), ([0, 2**62], [1, 1], 0), ([2**64], [0], 0), ([1], [1], 2**64),
    ],
)  # fmt: skip
def test_tensors_out_of_bounds(size, stride, offset):
    with pytest.raises(pickle.UnpicklingError, match=r"out of bounds|not the layout"):
        load(checkpoint(pickled(tensor(size, stride, offset))))


@pytest.mark.parametrize(
    "of",
    [
        storage(numel=17), storage(numel=-1), storage(numel=2**40), storage("DoubleStorage", 9), storage(kind="module"),
        storage(key="1"), storage(key="../data.pkl"), storage("float32"), storage("UntypedStorage", 64), b"K\x01", b"N",
        tuple_of(text("storage")) + b"Q", b"K\x01Q", name("torch", "FloatStorage"),
    ],
)  # fmt: skip
def test_wrong_storages(of):
    with pytest.raises(CLEAR):
        load(checkpoint(pickled(tensor([1], [1], of=of))))


def test_one_storage_as_two_dtypes():
    both = tuple_of(tensor([1], [1]), tensor([1], [1], of=storage("IntStorage")))
    with pytest.raises(pickle.UnpicklingError, match="both as"):
        load(checkpoint(pickled(both)))


@pytest.mark.parametrize("dtype", ["uint16", "float8_e4m3fn", "quint8"])
def test_dtypes_that_nnlite_lacks(dtype):
    with pytest.raises(pickle.UnpicklingError, match=f"no dtype torch.{dtype}"):
        load(checkpoint(pickled(name("torch", dtype))))


def test_requires_grad_of_integers():
    with pytest.raises(CLEAR):
        load(checkpoint(pickled(tensor([1], [1], of=storage("IntStorage"), rest=b"\x88}"))))


# Bombs


def peak_of(data):
    """How many bytes load used for a file that it refuses."""
    tracemalloc.start()
    try:
        with pytest.raises(CLEAR):
            load(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_compressed_entries_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled(tensor([10_000_000], [1], of=storage(numel=10_000_000))))
        archive.writestr("archive/data/0", bytes(40_000_000))
    with pytest.raises(RuntimeError, match="compressed"):
        load(file.getvalue())
    assert peak_of(file.getvalue()) < 1_000_000


def patched_sizes(data, size):
    """The archive with the sizes of data/0 in its directory replaced."""
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"archive/data/0"))
    return data[: at + 20] + struct.pack("<II", size, size) + data[at + 28 :]


def test_sizes_beyond_the_file_are_refused():
    data = patched_sizes(checkpoint(pickled(tensor([1], [1]))), 2**31)
    with pytest.raises(RuntimeError, match="beyond the end"):
        load(data)
    assert peak_of(data) < 1_000_000


def test_overlapping_entries_are_refused():
    n = 200
    big = bytes(100_000)
    tensors = (tensor([25000], [1], of=storage(numel=25000, key=str(i))) for i in range(n))
    program = pickled(tuple_of(*tensors))
    data = checkpoint(program, big, **{f"data/{i}": b"" for i in range(1, n)})
    # Every directory entry is made to point at the bytes of data/0.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.getinfo("archive/data/0")
    out, at = bytearray(data), data.index(b"PK\x01\x02")
    while out[at : at + 4] == b"PK\x01\x02":
        length, extra = struct.unpack_from("<HH", out, at + 28)
        if out[at + 46 : at + 46 + length].startswith(b"archive/data/"):
            struct.pack_into("<III", out, at + 16, first.CRC, first.file_size, first.file_size)
            struct.pack_into("<I", out, at + 42, first.header_offset)
        at += 46 + length + extra
    with pytest.raises(RuntimeError, match="overlap"):
        load(bytes(out))
    assert peak_of(bytes(out)) < 3_000_000


@pytest.mark.parametrize("kind", ["set", "frozenset", "bytearray", "encode", "OrderedDict", "Size", "Counter"])
def test_copies_of_copies_are_refused(kind):
    """A list of n items, and then n / 8 calls that copy it: n^2 / 8 items of a file of 2 n bytes."""
    n = 20_000
    module = {"encode": "_codecs", "OrderedDict": "collections", "Counter": "collections", "Size": "torch"}
    function = name(module.get(kind, "builtins"), kind) + b"q\x00"
    if kind == "encode":
        argument = tuple_of(text("x" * n), text("latin1"))
    elif kind == "bytearray":
        argument = b"B" + struct.pack("<I", n) + bytes(n) + b"\x85"
    elif kind == "OrderedDict":
        argument = b"](" + b"".join(integer(i) + b"N\x86" for i in range(n)) + b"e\x85"
    elif kind == "Counter":
        argument = b"}(" + b"".join(integer(i) + b"K\x01" for i in range(n)) + b"u\x85"
    else:
        argument = b"](" + b"".join(map(integer, range(n))) + b"e\x85"
    start = b"(" + function + argument + b"q\x01"
    data = checkpoint(pickled(start + b"R" + b"h\x00h\x01R" * (n // 8) + b"t"))
    begin = time.perf_counter()
    with pytest.raises(pickle.UnpicklingError, match="again and again"):
        load(data)
    assert time.perf_counter() - begin < 5


def test_conjugates_are_bounded():
    meta = b"\x89" + b"}" + b"}" + text("conj") + b"\x88s"
    view = tensor([1000, 1000], [0, 0], of=storage("ComplexFloatStorage", 8), rest=meta)
    with pytest.raises(pickle.UnpicklingError, match="more memory"):
        load(checkpoint(pickled(view)))


def test_keys_that_take_for_ever_to_hash_are_refused():
    twice = b")" + b"".join(bytes([ord("q"), i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    for body in b"}" + twice + b"Ns", b"\x8f(" + twice + b"\x90", name("builtins", "set") + b"](" + twice + b"e\x85R":
        with pytest.raises(pickle.UnpicklingError, match="too many parts"):
            load(checkpoint(pickled(body)))


def test_wrong_keys_are_refused():
    for key in b"]", b"}", b"]\x85", storage(), name("collections", "OrderedDict"):
        with pytest.raises(pickle.UnpicklingError, match="cannot be a dictionary key"):
            load(checkpoint(pickled(b"}" + key + b"Ns")))


def test_far_memo_places_take_no_memory():
    data = checkpoint(pickled(b"Nr\xff\xff\xff\x7f"))
    tracemalloc.start()
    assert load(data) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_deep_nesting():
    depth = 200_000
    value = load(checkpoint(pickled(b"]" * depth + b"a" * (depth - 1))))
    count = 0
    while value:
        (value,) = value
        count += 1
    assert count == depth - 1
    # A function that is called through its own arguments, again and again.
    body = name("torch._tensor", "_rebuild_from_type_v2") + b"q\x00" + name("torch", "Tensor") + b"q\x01"
    opening, closing = b"(h\x00h\x01" * depth, b"}t" * depth
    with pytest.raises(CLEAR):
        load(checkpoint(pickled(body + b"00" + b"h\x00" + opening + b")" + closing + b"R")))


def test_huge_lengths():
    for body in (
        b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"B\xff\xff\xff\xff", b"\x8e" + b"\xff" * 8, b"\x96" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\xff", b"T\xff\xff\xff\xff", b"\x95" + b"\xff" * 8, b"h\x07", b"0",
        b"t",
    ):  # fmt: skip
        with pytest.raises(CLEAR):
            load(checkpoint(pickled(body)))


REBUILD = name("torch._utils", "_rebuild_tensor_v2")
DENSE = {
    "lists": (b"", b"]"), "dicts": (b"", b"}"), "sets": (b"", b"\x8f"), "kept sets": (b"", b"\x8f\x94"),
    "marks": (b"", b"("), "texts": (b"", b"X\x02\0\0\0ab"), "numbers": (b"", b"J\xff\xff\xff\x7f"),
    "memo": (b"N", b"\x94"), "tuples": (b"N", b"\x85"),
    "ordered dicts": (name("collections", "OrderedDict") + b"q\x00", b"h\x00)R"),
    "counters": (name("collections", "Counter") + b"q\x00", b"h\x00)R"),
    "attributes": (name("collections", "OrderedDict") + b"q\x00", b"h\x00)R}X\1\0\0\0aNsb"),
    "storages": (storage()[:-1] + b"q\x00", b"h\x00Q"),
    "tensors": (REBUILD + b"q\x00" + tensor([1], [1]).removeprefix(REBUILD)[:-1] + b"q\x01", b"h\x00h\x01R"),
    "dtypes": (name("numpy", "dtype") + b"q\x00" + text("f8") + b"\x85q\x01", b"h\x00h\x01R"),
}  # fmt: skip
"""What stands at the beginning, and a few bytes that make an object, again and again."""


@pytest.mark.parametrize("kind", DENSE)
def test_many_small_objects(kind):
    start, again = DENSE[kind]
    data = checkpoint(pickled(start + again * (100_000 // len(again))))
    tracemalloc.start()
    with contextlib.suppress(*CLEAR):
        load(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120 * len(data)


def test_many_small_tensors_and_sets_are_loaded():
    base = nnlite.arange(3)
    value = [[base[i : i + 1] for i in (0, 1, 2)] for _ in range(500)], [set() for _ in range(5000)]
    for protocol in 2, 4, 5:
        file = io.BytesIO()
        nnlite.save(value, file, pickle_protocol=protocol)
        tensors, sets = load(file.getvalue())
        assert [t.item() for three in tensors for t in three] == [0, 1, 2] * 500
        assert sets == value[1]


# Foreign files

LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", EOFError, "empty"),
        (b"hello world, this is a text", pickle.UnpicklingError, "not a checkpoint"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), pickle.UnpicklingError, "not a checkpoint"),
        (bytes(100), pickle.UnpicklingError, "not a checkpoint"),
        (pickle.dumps({"a": 1}), pickle.UnpicklingError, "not a checkpoint"),
        (LEGACY[:-1], EOFError, "Ran out of input"),
        (LEGACY + b"\x80\x02K\x07.", RuntimeError, "version is 7"),
        (b"PK\x03\x04", RuntimeError, "failed finding central directory"),
        (b"PK", pickle.UnpicklingError, "not a checkpoint"),
        (archive_of({"data.pkl": pickled(b"N"), "constants.pkl": b""}), RuntimeError, "TorchScript"),
        (archive_of({"other": b"x"}), RuntimeError, "no folder"),
        (archive_of({"data.pkl": b""}), EOFError, "Ran out of input"),
        (archive_of({"data.pkl": pickled(b"N"), "byteorder": b"middle"}), RuntimeError, "byte order"),
        (archive_of({"data.pkl": pickled(b"NN")}), pickle.UnpicklingError, "middle of an object"),
        (archive_of({"data.pkl": b"\x80\x63N."}), pickle.UnpicklingError, "protocol"),
    ],
)
def test_foreign_files(data, error, message, tmp_path):
    with pytest.raises(error, match=message):
        load(data)
    (tmp_path / "x.pt").write_bytes(data)
    with pytest.raises(error, match=message):
        nnlite.load(tmp_path / "x.pt")
    with pytest.raises(RuntimeError if data.startswith(LEGACY[:-1]) else error):
        nnlite.load(tmp_path / "x.pt", mmap=True)


def test_files_without_byteorder_and_version_are_read():
    assert load(archive_of({"data.pkl": pickled(b"K\x07")})) == 7


def test_big_endian_files():
    values = np.arange(16, dtype=">f4").tobytes()
    entries = {"data.pkl": pickled(tensor([3], [1])), "byteorder": b"big", "data/0": values}
    assert load(archive_of(entries)).tolist() == [0, 1, 2]
    entries["data.pkl"] = pickled(tensor([2], [1], of=storage("ComplexFloatStorage", 8)))
    assert load(archive_of(entries)).tolist() == [1j, 2 + 3j]


def test_a_changed_byte_of_data_is_found():
    data = bytearray(checkpoint(pickled(tensor([16], [1]))))
    data[data.index(b"archive/data/0") + 70] ^= 4
    with pytest.raises(RuntimeError, match="crc-32"):
        load(bytes(data))


def test_archives_without_check_sums_are_read():
    """torch.serialization.set_crc32_options(False) writes zeros."""
    data = bytearray(checkpoint(pickled(tensor([2], [1])), np.arange(16, dtype=np.float32).tobytes()))
    at = 0
    while (at := data.find(b"PK\x01\x02", at + 1)) > 0:
        data[at + 16 : at + 20] = bytes(4)
    assert load(bytes(data)).tolist() == [0, 1]


def test_every_truncation():
    data = sample_file()
    for end in range(0, len(data), 7):
        with pytest.raises(CLEAR):
            load(data[:end])


# Random damage


def try_to_load(data):
    try:
        load(data)
    except CLEAR:
        return False
    return True


def test_random_bits_of_the_file():
    rng = random.Random(1)
    data = sample_file()
    for _ in range(1500):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 8])):
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try_to_load(bytes(damaged))


def test_random_bits_of_the_directory(tmp_path):
    rng = random.Random(2)
    data = sample_file()
    start = data.index(b"PK\x01\x02")
    for turn in range(800):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 2, 4])):
            damaged[rng.randrange(start, len(data))] = rng.randrange(256)
        try_to_load(bytes(damaged))
        if turn % 4 == 0:  # files on disk raise other errors for a wrong place
            (tmp_path / "x.pt").write_bytes(damaged)
            with contextlib.suppress(*CLEAR):
                nnlite.load(tmp_path / "x.pt", mmap=turn % 8 == 0)


def entries_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry.partition("/")[2]: archive.read(entry) for entry in archive.namelist()}


def test_random_pickles():
    """Damaged pickles in sound archives: the check sums do not stop these."""
    rng = random.Random(3)
    entries = entries_of(sample_file())
    program = entries["data.pkl"]
    splices = [
        name("os", "system"), text("true") + b"\x85R", b"R", b"b", b"Q", b"s", b"u", b"e", b"t", b"(", b"0", b"\x81",
        storage(), tensor([4], [1]), b"h\x00", b"h\x01", b"h\x05", b"h\x10", b"]", b"}", b"\x8f", b"\x90", b"\x91",
        b"\x94", name("builtins", "set"), name("torch", "Size"), name("collections", "OrderedDict"), integer(2**40),
        integer(-1),
    ]  # fmt: skip
    loaded = 0
    for _ in range(3000):
        damaged = bytearray(program)
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(damaged))
            what = rng.randrange(4)
            if what == 0:
                damaged[at] = rng.randrange(256)
            elif what == 1:
                damaged[at:at] = rng.choice(splices)
            elif what == 2:
                del damaged[at : at + rng.randrange(1, 12)]
            else:
                source = rng.randrange(len(program))
                damaged[at:at] = program[source : source + rng.randrange(1, 40)]
        loaded += try_to_load(archive_of({**entries, "data.pkl": bytes(damaged)}))
    assert loaded < 3000


def test_memory_is_bounded_by_the_size_of_the_file():
    rng = random.Random(4)
    entries = entries_of(sample_file())
    program = entries["data.pkl"]
    for _ in range(100):
        damaged = bytearray(program)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        data = archive_of({**entries, "data.pkl": bytes(damaged)})
        tracemalloc.start()
        try_to_load(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 * len(data)
