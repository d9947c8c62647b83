"""Data types, and the type that an operation on several of them has.

NumPy promotes int32 with float32 to float64 and knows no bfloat16; PyTorch's rules stand here, once.
Source: https://docs.pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

BOOL, INTEGER, FLOAT, COMPLEX = range(4)
"""Categories of types, in the order in which one absorbs another."""


class dtype:
    """A data type of tensors, such as ``nnlite.float32``.

    Attributes:
        itemsize: size of an element in bytes.
        is_floating_point, is_complex, is_signed: what kind of numbers it holds.
        kind: NumPy's letter for it, so that rules ask arrays and tensors alike: ``x.dtype.kind == "c"``.

    Example:
        >>> import nnlite
        >>> nnlite.float32, nnlite.float32.itemsize
        (torch.float32, 4)
    """

    __slots__ = ("_np", "category", "is_complex", "is_floating_point", "is_signed", "itemsize", "kind", "name")

    def __init__(self, name: str, numpy_dtype: Any, category: int) -> None:
        self.name = name
        self._np = numpy_dtype
        self.category = category
        self.is_floating_point = category == FLOAT
        self.is_complex = category == COMPLEX
        self.is_signed = category >= INTEGER and not name.startswith("uint")
        self.itemsize = numpy_dtype.itemsize if numpy_dtype is not None else 4 if self.is_complex else 2
        self.kind = numpy_dtype.kind if numpy_dtype is not None else "c" if self.is_complex else "V"

    @property
    def np(self) -> np.dtype:
        """The NumPy dtype of the raw arrays."""
        if self._np is None and self is bfloat16:
            self._np = _bfloat16()
        if self._np is None:
            if self.is_complex:
                raise NotImplementedError(
                    "tensors of complex32 are not implemented, since array libraries have no such type; use complex64"
                )
            raise ModuleNotFoundError(
                "bfloat16 needs the package ml_dtypes: pip install ml_dtypes (or nnlite-framework[bf16])"
            )
        return self._np

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type."""
        return {float16: complex32, float64: complex128}.get(self, self if self.is_complex else complex64)

    def to_real(self) -> dtype:
        """The type of the real part."""
        return {complex32: float16, complex64: float32, complex128: float64}.get(self, self)

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _by_name, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> dtype:
        return self


def _by_name(name: str) -> dtype:
    return BY_NAME[name]


def _bfloat16() -> np.dtype | None:
    """bfloat16 as the package ml_dtypes has it, whose import takes 10 ms; None without the package."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    known = np.dtype(ml_dtypes.bfloat16)
    from_numpy[known] = bfloat16
    return known


bool_ = dtype("bool", np.dtype(np.bool_), BOOL)
uint8 = dtype("uint8", np.dtype(np.uint8), INTEGER)
uint64 = dtype("uint64", np.dtype(np.uint64), INTEGER)
int8 = dtype("int8", np.dtype(np.int8), INTEGER)
int16 = dtype("int16", np.dtype(np.int16), INTEGER)
int32 = dtype("int32", np.dtype(np.int32), INTEGER)
int64 = dtype("int64", np.dtype(np.int64), INTEGER)
float16 = dtype("float16", np.dtype(np.float16), FLOAT)
bfloat16 = dtype("bfloat16", None, FLOAT)
float32 = dtype("float32", np.dtype(np.float32), FLOAT)
float64 = dtype("float64", np.dtype(np.float64), FLOAT)
complex32 = dtype("complex32", None, COMPLEX)
complex64 = dtype("complex64", np.dtype(np.complex64), COMPLEX)
complex128 = dtype("complex128", np.dtype(np.complex128), COMPLEX)

ALL = (bool_, uint8, uint64, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex32, complex64,
       complex128)  # fmt: skip
BY_NAME = {t.name: t for t in ALL}


class _FromNumpy(dict[Any, dtype]):
    def __missing__(self, numpy_dtype: Any) -> dtype:
        # Dtype objects that users made and that equal a known one.
        if np.dtype(numpy_dtype).name == "bfloat16":
            bfloat16.np  # noqa: B018 (of whoever imported ml_dtypes)
        if not np.dtype(numpy_dtype).isnative:
            raise ValueError("given numpy array has byte order different from the native byte order. "
                             "Conversion between byte orders is currently not supported.")  # fmt: skip
        for known in ALL:
            if known._np is not None and known._np == np.dtype(numpy_dtype):
                return known
        raise TypeError(
            f"can't convert np.ndarray of type {np.dtype(numpy_dtype).name}. The only supported types are: "
            "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, and bool."
        )


from_numpy = _FromNumpy({t._np: t for t in ALL if t._np is not None})
"""NumPy dtype -> nnlite dtype."""


class _Default:
    __slots__ = ("complex", "float", "numpy_float")

    def set(self, value: dtype) -> None:
        self.float = value
        self.numpy_float = value.np
        self.complex = complex64 if value is float16 else value.to_complex()


default = _Default()
default.set(float32)


def get_default_dtype() -> dtype:
    """The type of new floating-point tensors.

    Example:
        >>> import nnlite
        >>> nnlite.get_default_dtype()
        torch.float32
    """
    return default.float


def set_default_dtype(d: dtype, /) -> None:
    """Set the type of new floating-point tensors.

    Raises:
        TypeError: ``d`` is not a floating-point type.
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    default.set(d)


@functools.cache
def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest type that both types can be converted to, as PyTorch has it.

    Example:
        >>> import nnlite
        >>> nnlite.promote_types(nnlite.int32, nnlite.float32)
        torch.float32
    """
    for position, value in enumerate((a, b), 1):
        if not isinstance(value, dtype):
            raise TypeError(f"promote_types(): argument 'type{position}' (position {position}) must be torch.dtype, "
                            f"not {type(value).__name__}")  # fmt: skip
    if a is b:
        return a
    if uint64 in (a, b) and max(a.category, b.category) == INTEGER:
        raise RuntimeError(
            f"Promotion for uint16, uint32, uint64 types is not supported, attempted to promote {TITLES[a.name]} and "
            f"{TITLES[b.name]}. (Convert one of them with .to(dtype).)"
        )
    if a.category != b.category:
        low, high = (a, b) if a.category < b.category else (b, a)
        if high.is_complex and low.is_floating_point:
            return promote_types(high.to_real(), low).to_complex()
        return high
    if a.category == FLOAT and {a, b} == {float16, bfloat16}:
        return float32
    if a.category == INTEGER and {a, b} == {uint8, int8}:
        return int16
    if a.category == INTEGER and a.itemsize == b.itemsize:
        return a if a.is_signed else b
    return a if a.itemsize > b.itemsize else b


def of_scalar(value: Any) -> dtype:
    """The type that a Python number has where nothing else decides."""
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, int | np.integer):
        return int64
    if isinstance(value, float | np.floating):
        return default.float
    if isinstance(value, complex | np.complexfloating):
        return default.complex
    raise TypeError(f"expected a number or a Tensor, got {type(value).__name__}")


def _with_imaginary_part(kind: dtype) -> dtype:
    """The complex type for results with parts of a type: float16's are complex64, since no array holds complex32."""
    return complex64 if kind is float16 else kind.to_complex()


def _absorb(high: dtype | None, low: dtype | None) -> dtype | None:
    """The type of operands of a higher rank (``high``) with operands of a lower one."""
    if high is None:
        return low
    if low is None or high.is_complex:
        return high
    if high.is_floating_point:
        return _with_imaginary_part(high) if low.is_complex else high
    return promote_types(high, low) if high is bool_ or low.category > INTEGER else high


def result(operands: tuple[Any, ...]) -> dtype:
    """The type of an operation on raw arrays and Python numbers.

    Arrays with dimensions rank above 0-d arrays, and these above numbers: a lower rank decides only where its category
    (bool, integer, float, complex) is higher.
    """
    ranks: list[dtype | None] = [None, None, None]
    for value in operands:
        if hasattr(value, "ndim") and not isinstance(value, np.generic):
            rank, kind = (0 if value.ndim else 1), from_numpy[value.dtype]
        else:
            rank, kind = 2, of_scalar(value)
        before = ranks[rank]
        ranks[rank] = kind if before is None else promote_types(before, kind)
    kind_ = _absorb(_absorb(ranks[0], ranks[1]), ranks[2])
    assert kind_ is not None
    return kind_


TITLES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long",
    "uint64": "UInt64",
    "float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double",
    "complex32": "ComplexHalf", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip
"""The names that PyTorch's messages give to types."""

_LARGEST = {
    "float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38,
    "complex64": 3.4028234663852886e38,
}  # fmt: skip


def number(value: Any, kind: dtype) -> Any:
    """A Python or NumPy number as one that ``kind`` holds, converted as PyTorch does where it fills a tensor.

    Raises:
        RuntimeError: it is out of range, or has an imaginary part that ``kind`` cannot hold.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if kind is bool_:
        return bool(value)
    if isinstance(value, complex) and not kind.is_complex and not value.imag:
        value = value.real
    if isinstance(value, complex):
        fits = kind.is_complex and all(_in_range(part, kind) for part in (value.real, value.imag))
    else:
        fits = _in_range(value, kind)
    if not fits:
        raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow (got {value})")
    if kind.category == INTEGER:
        value = int(value)
        return value % (1 << 8 * kind.itemsize) if not kind.is_signed else value
    return value


def _in_range(value: float, kind: dtype) -> bool:
    if kind.category == INTEGER:
        high = (1 << 8 * kind.itemsize - kind.is_signed) - 1
        # PyTorch lets negative integers wrap into uint8.
        low = -high - 1 if kind.is_signed else -high if isinstance(value, int) else 0
        return low <= value <= high
    return not _LARGEST.get(kind.name, math.inf) < abs(value) < math.inf


def as_dtype(value: Any, function: str) -> dtype:
    """``value`` as an nnlite dtype; Python's ``float``, ``int``, ``bool``, ``complex`` are understood as in PyTorch."""
    if isinstance(value, dtype):
        return value
    python_types = {float: float64, int: int64, bool: bool_, complex: complex128}
    if isinstance(value, type) and value in python_types:
        return python_types[value]
    raise TypeError(f"{function}(): argument 'dtype' must be torch.dtype, not {type(value).__name__}")
