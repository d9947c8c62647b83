"""Names of ``nnlite`` that programs touch seldom, loaded at first use: small functions, and names that are refused."""

from __future__ import annotations

import importlib
import math
from typing import Any

from ._core.device import device as _Device
from ._core.layout import contiguous_format
from ._unavailable import Unavailable
from .autograd.anomaly_mode import set_detect_anomaly
from .backends import mkl as _mkl
from .backends.errors import AcceleratorError as AcceleratorError
from .ops import METHODS

_REFUSED = {
    "float32, float16 and bfloat16 are the floating-point types; there are no types of 8 bits": (
        "float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu"
    ),
    "uint8 and the signed integers are there; use the next larger signed type": "uint16 uint32",
    "there are no quantised tensors; nnlite.amp gives mixed precision": (
        "dequantize fake_quantize_per_channel_affine fake_quantize_per_tensor_affine per_channel_affine "
        "per_channel_symmetric per_tensor_affine per_tensor_symmetric qint32 qint8 qscheme quantize_per_channel "
        "quantize_per_tensor quantize_per_tensor_dynamic quint2x4 quint4x2 quint8"
    ),
    "there are no symbolic numbers; sizes are Python's integers": "SymBool SymFloat SymInt",
    "use tensor.untyped_storage() or tensor.storage()": (
        "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage DoubleStorage "
        "FloatStorage HalfStorage IntStorage LongStorage ShortStorage"
    ),
    "it was removed from PyTorch; use nnlite.linalg.eig": "eig",
    "it was removed from PyTorch; use nnlite.linalg.eigh": "symeig",
    "it was removed from PyTorch; use nnlite.linalg.lstsq": "lstsq",
    "it was removed from PyTorch; use nnlite.linalg.matrix_rank": "matrix_rank",
    "it was removed from PyTorch; use nnlite.linalg.solve": "solve",
    "use nnlite.linalg.eigh, which finds all eigenvalues": "lobpcg",
    "there is no TorchScript": "CompilationUnit ScriptObject import_ir_module",
}
REFUSED = {name: instead for instead, names in _REFUSED.items() for name in names.split()}
"""Name -> what to use instead."""

has_lapack = True
has_mkl = _mkl.is_available()
has_openmp = False
has_spectral = True
legacy_contiguous_format = contiguous_format
set_anomaly_enabled = set_detect_anomaly


def addmv_(input: Any, *args: Any, **kwargs: Any) -> Any:
    """``addmv`` in place; see :func:`nnlite.addmv`."""
    return METHODS["addmv_"](input, *args, **kwargs)


def get_device_module(device: Any = None) -> Any:
    """The module of functions about a type of devices: ``nnlite.cuda``, ``nnlite.cpu``.

    Raises:
        RuntimeError: there is none.

    Example:
        >>> import nnlite
        >>> nnlite.get_device_module("cpu") is nnlite.cpu
        True
    """
    cuda = importlib.import_module("nnlite.cuda")
    if device is None:
        kind = "cuda" if cuda.is_available() else "cpu"
    else:
        kind = (device if isinstance(device, _Device) else _Device(device)).type
    if kind not in ("cpu", "cuda"):
        raise RuntimeError(f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'.")
    return importlib.import_module(f"nnlite.{kind}")


def sym_int(a: Any) -> int:
    """The integer towards zero."""
    return math.floor(a) if a >= 0 else math.ceil(a)


def sym_float(a: Any) -> float:
    """The number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """The opposite."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger number, as a float if one of them is."""
    largest = max(a, b)
    return float(largest) if isinstance(a, float) or isinstance(b, float) else largest


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number, as a float if one of them is."""
    smallest = min(a, b)
    return float(smallest) if isinstance(a, float) or isinstance(b, float) else smallest


def sym_sqrt(a: Any) -> float:
    """The square root."""
    return math.sqrt(a)


def sym_sum(args: Any) -> Any:
    """The sum."""
    return sum(args)


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """``t`` if ``b`` holds, else ``f``."""
    return t if b else f


def __getattr__(name: str) -> Any:
    if name not in REFUSED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = Unavailable(f"torch.{name}", REFUSED[name])
    return made
