"""Numbers of dtypes that nnlite lacks, as the smallest dtype of its own that holds all of them."""

from __future__ import annotations

import functools

import numpy as np

WIDER = {
    "U16": "int32", "U32": "int64", "F8_E4M3": "float16", "F8_E5M2": "float16", "F8_E8M0": "float32",
    "F8_E4M3FNUZ": "float16", "F8_E5M2FNUZ": "float16",
}  # fmt: skip
"""safetensors' name of a dtype -> nnlite's name of the one that holds its values."""

_FLOATS = {"F8_E4M3": (4, 7), "F8_E5M2": (5, 15), "F8_E4M3FNUZ": (4, 8), "F8_E5M2FNUZ": (5, 16)}
"""Bits of the exponent, and what is taken from it."""


@functools.cache
def _values(code: str) -> np.ndarray:
    """The 256 values of an 8-bit format (https://arxiv.org/abs/2209.05433; E8M0: OCP Microscaling Formats 1.0)."""
    bits = np.arange(256)
    if code == "F8_E8M0":
        return np.where(bits == 255, np.nan, np.exp2(bits - 127.0)).astype(np.float32)
    width, bias = _FLOATS[code]
    exponent = bits >> (7 - width) & ((1 << width) - 1)
    fraction = (bits & ((1 << (7 - width)) - 1)) / (1 << (7 - width))
    size = np.where(exponent == 0, fraction * 2.0, 1 + fraction) * np.exp2(exponent - float(bias))
    values = np.where(bits & 128, -size, size)
    if code.endswith("FNUZ"):  # one NaN, in the place of -0
        values[128] = np.nan
    elif code == "F8_E4M3":  # no infinities
        values[[127, 255]] = np.nan
    else:
        special = exponent == 31
        values[special] = np.where(fraction[special] == 0, np.copysign(np.inf, values[special]), np.nan)
    return values.astype(np.float16)


def widened(raw: np.ndarray, code: str) -> np.ndarray:
    """The numbers that the bytes are in the format ``code``."""
    if code in ("U16", "U32"):
        return raw.view(f"<u{int(code[1:]) // 8}").astype(WIDER[code])
    return _values(code)[raw]
