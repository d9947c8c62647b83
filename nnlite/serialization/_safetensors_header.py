"""The header of a safetensors file: what tensors there are, and where their bytes lie.

A file is the length of the header as 8 bytes, little-endian; the header in JSON; and the bytes of the tensors, one
after another without gaps. Source: https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from .._core.dtypes import BY_NAME, dtype

MAX_HEADER = 100_000_000
_MAX_DIMENSIONS = 64  # NumPy's own limit
_METADATA = "__metadata__"


class SafetensorError(Exception):
    """A safetensors file that is damaged, cut off or of another format, or a tensor that is not in it."""


CODES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "F16": "float16", "BF16": "bfloat16", "I32": "int32",
    "F32": "float32", "C64": "complex64", "F64": "float64", "I64": "int64", "U64": "uint64",
}  # fmt: skip
"""The format's name of a dtype -> nnlite's; in the reverse of the order in which the package writes tensors."""

CODE_OF = {BY_NAME[name]: code for code, name in CODES.items()}

_BITS = {code: BY_NAME[name].itemsize * 8 for code, name in CODES.items()} | {
    "U16": 16, "U32": 32, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


class Entry(NamedTuple):
    """One tensor: the format's name of its dtype, its shape, and where its bytes begin and end in the file."""

    code: str
    shape: tuple[int, ...]
    start: int
    stop: int


class Header(NamedTuple):
    """The tensors by name, in the order of their bytes, and the texts that came with them."""

    entries: dict[str, Entry]
    metadata: dict[str, str] | None


def damaged(what: str) -> NoReturn:
    """Raise the error for a file that cannot be read."""
    raise SafetensorError(
        f"Error while deserializing header: {what}. The file is damaged, cut off, or not a safetensors file; fetch or "
        "write it again"
    )


def header_length(start: bytes, size: int) -> int:
    """The length of the header of a file of ``size`` bytes that begins with ``start``."""
    if len(start) < 8 or size < 8:
        damaged(f"header too small: the file has {size} bytes")
    length = int.from_bytes(start[:8], "little")
    if length > MAX_HEADER:
        damaged(f"header too large: {length} bytes, more than {MAX_HEADER}")
    if 8 + length > size:
        damaged(f"invalid header length: {length} bytes in a file of {size}")
    return length


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in it")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_header(raw: bytes, size: int) -> Header:
    """The header in the bytes ``raw`` of a file of ``size`` bytes.

    Raises:
        SafetensorError: the header is not as the format says, or does not fit the size of the file.
    """
    if raw[:1] != b"{":
        damaged("invalid header: it does not begin with '{'")
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        damaged(f"invalid JSON in header: {error}")
    metadata = found.pop(_METADATA, None)
    if metadata is not None and not (
        isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())
    ):
        damaged(f"{_METADATA} holds something else than texts")
    base = 8 + len(raw)
    entries = {name: _entry(name, value, base) for name, value in found.items()}
    return Header(_in_order(entries, base, size), metadata)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _entry(name: str, value: Any, base: int) -> Entry:
    if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
        damaged(f"the tensor {name!r:.100} is not described by dtype, shape and data_offsets")
    code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(code, str) or code not in _BITS:
        damaged(f"the tensor {name!r:.100} has the unknown dtype {code!r:.50}")
    if not isinstance(shape, list) or len(shape) > _MAX_DIMENSIONS or not all(map(_is_count, shape)):
        damaged(f"the tensor {name!r:.100} has no shape but {shape!r:.100}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        damaged(f"the tensor {name!r:.100} has no data_offsets but {offsets!r:.100}")
    start, stop = offsets
    if math.prod(shape) * _BITS[code] != (stop - start) * 8:
        damaged(f"the tensor {name!r:.100} of {code} and shape {shape} does not fit into {stop - start} bytes")
    return Entry(code, tuple(shape), base + start, base + stop)


def _in_order(entries: Mapping[str, Entry], base: int, size: int) -> dict[str, Entry]:
    """The entries by place; raises unless they cover the rest of the file without gaps."""
    ordered = dict(sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)))
    at = base
    for name, entry in ordered.items():
        if entry.start != at:
            damaged(f"the bytes of the tensor {name!r:.100} leave a gap or overlap others")
        at = entry.stop
    if at != size:
        damaged(f"the header accounts for {at} bytes, the file has {size}")
    return ordered


def write_header(tensors: list[tuple[str, dtype, tuple[int, ...], int]], metadata: Mapping[str, str] | None) -> bytes:
    """The length and header for tensors of these names, dtypes, shapes and numbers of bytes, in the order given."""
    described: dict[str, Any] = {} if metadata is None else {_METADATA: dict(metadata)}
    at = 0
    for name, kind, shape, nbytes in tensors:
        described[name] = {"dtype": CODE_OF[kind], "shape": list(shape), "data_offsets": [at, at + nbytes]}
        at += nbytes
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
