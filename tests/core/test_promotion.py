"""The dtype of a result: a fixed table (``tests/parity`` compares it with PyTorch's where PyTorch is installed)."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

import nnlite

NAMES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]

TABLE = """
bool       bool       uint8      int8       int16      int32      int64      float16    bfloat16   float32    float64    complex64  complex128
uint8      uint8      uint8      int16      int16      int32      int64      float16    bfloat16   float32    float64    complex64  complex128
int8       int8       int16      int8       int16      int32      int64      float16    bfloat16   float32    float64    complex64  complex128
int16      int16      int16      int16      int16      int32      int64      float16    bfloat16   float32    float64    complex64  complex128
int32      int32      int32      int32      int32      int32      int64      float16    bfloat16   float32    float64    complex64  complex128
int64      int64      int64      int64      int64      int64      int64      float16    bfloat16   float32    float64    complex64  complex128
float16    float16    float16    float16    float16    float16    float16    float16    float32    float32    float64    complex64  complex128
bfloat16   bfloat16   bfloat16   bfloat16   bfloat16   bfloat16   bfloat16   float32    bfloat16   float32    float64    complex64  complex128
float32    float32    float32    float32    float32    float32    float32    float32    float32    float32    float64    complex64  complex128
float64    float64    float64    float64    float64    float64    float64    float64    float64    float64    float64    complex128 complex128
complex64  complex64  complex64  complex64  complex64  complex64  complex64  complex64  complex64  complex64  complex128 complex64  complex128
complex128 complex128 complex128 complex128 complex128 complex128 complex128 complex128 complex128 complex128 complex128 complex128 complex128
"""  # noqa: E501

PROMOTED = {
    (row[0], name): entry
    for row in (line.split() for line in TABLE.split("\n") if line)
    for name, entry in zip(NAMES, row[1:], strict=True)
}
CATEGORY = {name: 0 if name == "bool" else 1 if "int" in name else 2 if "float" in name else 3 for name in NAMES}


def dtype(name):
    return getattr(nnlite, name)


def tensor(name, device, ndim=1):
    return nnlite.ones((2,) * ndim, dtype=dtype(name), device=device)


@pytest.mark.parametrize("a, b", list(itertools.product(NAMES, NAMES)))
def test_two_tensors(a, b, device):
    want = dtype(PROMOTED[a, b])
    assert nnlite.promote_types(dtype(a), dtype(b)) is want
    assert (tensor(a, device) + tensor(b, device)).dtype is want
    assert (tensor(a, device, 0) * tensor(b, device, 0)).dtype is want
    assert nnlite.cat([tensor(a, device), tensor(b, device)]).dtype is want
    assert nnlite.where(tensor("bool", device), tensor(a, device), tensor(b, device)).dtype is want
    assert (tensor(a, device) == tensor(b, device)).dtype is nnlite.bool


@pytest.mark.parametrize("a, b", list(itertools.product(NAMES, NAMES)))
def test_a_tensor_of_no_dimensions_is_weak(a, b, device):
    """It decides only where its category is the higher one."""
    if CATEGORY[b] <= CATEGORY[a]:
        want = a
    elif CATEGORY[b] == 3 and a == "float64":
        want = "complex128"
    elif CATEGORY[b] == 3 and CATEGORY[a] == 2:
        want = "complex64"
    else:
        want = b
    for result in (tensor(a, device) + tensor(b, device, 0), tensor(b, device, 0) * tensor(a, device)):
        assert result.dtype is dtype(want)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [True, 2, 2.5, 1j, np.int64(2), np.float32(2.5), np.float64(2.5)], ids=repr)
@pytest.mark.parametrize("ndim", [0, 1])
def test_numbers_are_weaker_still(name, number, ndim, device):
    level = 0 if number is True else 3 if number == 1j else 1 if number == 2 else 2
    if level <= CATEGORY[name]:
        want = name
    elif level == 3:
        want = "complex128" if name == "float64" else "complex64"
    else:
        want = {1: "int64", 2: "float32"}[level]
    x = tensor(name, device, ndim)
    for result in (x + number, x * number, nnlite.add(x, number)):
        assert result.dtype is dtype(want)
    if not isinstance(number, np.generic):
        assert (number + x).dtype is dtype(want)


@pytest.mark.parametrize("name", NAMES[:6])
def test_division_and_functions_make_floats(name, device):
    x = tensor(name, device)
    for result in (
        x / x,
        x / 2,
        2 / x,
        x.exp(),
        x.sqrt(),
        x.sigmoid(),
        x.mean(dtype=nnlite.float32),
        nnlite.atan2(x, x),
    ):
        assert result.dtype is nnlite.float32
    nnlite.set_default_dtype(nnlite.float64)
    try:
        assert (x / x).dtype is nnlite.float64 and x.exp().dtype is nnlite.float64
        assert (x + 0.5).dtype is nnlite.float64 and (x + 1j).dtype is nnlite.complex128
    finally:
        nnlite.set_default_dtype(nnlite.float32)


@pytest.mark.parametrize("name", NAMES[:6])
def test_sums_of_integers_are_int64(name, device):
    x = tensor(name, device)
    for result in (x.sum(), x.sum(0), x.prod(), x.cumsum(0)):
        assert result.dtype is nnlite.int64
    assert x.sum(dtype=nnlite.int32).dtype is nnlite.int32
    assert x.sum(dtype=nnlite.float64).dtype is nnlite.float64
    if name != "bool":
        assert x.max().dtype is x.max(0).values.dtype is dtype(name)


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_floats_keep_their_type(name, device):
    x = tensor(name, device, 2)
    results = [
        x.sum(),
        x.mean(0),
        x.prod(),
        x.var(),
        x.std(0),
        x.norm(),
        x.cumsum(0),
        x.max(),
        x.max(0).values,
        x @ x,
        x / 2,
        2 / x,
        x**2,
        x**0.5,
        2**x,
        x.exp(),
        x.softmax(0),
        x.clamp(0.1, 0.5),
        x.clamp(min=np.float64(0.5)),
        x.floor(),
        x // 2,
        x % 2,
        nnlite.relu(x),
        x.abs(),
        nnlite.where(x > 0, x, 0.5),
        x.masked_fill(x > 0, 0.5),
        nnlite.maximum(x, x),
        x.square(),
    ]
    assert {r.dtype for r in results} == {dtype(name)}


def test_complex_numbers_with_floats(device):
    assert (tensor("float16", device) + tensor("complex64", device)).dtype is nnlite.complex64
    assert (tensor("float64", device) + 1j).dtype is nnlite.complex128
    x = nnlite.tensor([1 + 2j, 3.0], device=device)
    assert x.dtype is nnlite.complex64 and (x * x).tolist() == [-3 + 4j, 9 + 0j]


class TestIntegerRange:
    """Integers that a dtype cannot hold."""

    @pytest.mark.parametrize(
        "name, number, want", [("uint8", 300, 45), ("uint8", -1, 0), ("int8", 300, 45), ("int32", 2**40, 1)]
    )
    def test_arithmetic_wraps(self, name, number, want, device):
        assert (tensor(name, device) + number).tolist() == [want, want]
        assert tensor(name, device).add_(number).tolist() == [want, want]

    @pytest.mark.parametrize(
        "name, number", [("uint8", 300), ("int8", -129), ("int32", 2**40), ("uint8", float("nan")), ("int64", 1e30)]
    )
    def test_filling_is_refused(self, name, number, device):
        x = tensor(name, device)
        for fill in (
            lambda: x.fill_(number),
            lambda: x.__setitem__(0, number),
            lambda: x.__setitem__(x > 0, number),
            lambda: x.masked_fill(x > 0, number),
            lambda: nnlite.full((2,), number, dtype=dtype(name), device=device),
            lambda: nnlite.tensor([number], dtype=dtype(name), device=device),
            lambda: nnlite.full_like(x, number),
        ):
            with pytest.raises(RuntimeError, match="without overflow"):
                fill()
        assert x.tolist() == [1, 1]

    def test_negative_integers_wrap_in_uint8(self, device):
        assert nnlite.full((1,), -3, dtype=nnlite.uint8, device=device).item() == 253

    def test_imaginary_parts_are_refused(self, device):
        with pytest.raises(RuntimeError, match="without overflow"):
            tensor("float32", device).fill_(1j)
        with pytest.raises(TypeError, match="complex"):
            nnlite.tensor([1j], dtype=nnlite.float32, device=device)


class TestDtypeObjects:
    def test_attributes(self):
        assert (
            repr(nnlite.float32) == "torch.float32" and nnlite.float is nnlite.float32 and nnlite.long is nnlite.int64
        )
        assert nnlite.half is nnlite.float16 and nnlite.double is nnlite.float64 and nnlite.int is nnlite.int32
        assert [dtype(n).itemsize for n in NAMES] == [1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16]
        assert [dtype(n).is_floating_point for n in NAMES] == [CATEGORY[n] == 2 for n in NAMES]
        assert [dtype(n).is_complex for n in NAMES] == [CATEGORY[n] == 3 for n in NAMES]
        assert [dtype(n).is_signed for n in NAMES] == [n not in ("bool", "uint8") for n in NAMES]
        assert nnlite.float64.to_complex() is nnlite.complex128 and nnlite.complex64.to_real() is nnlite.float32

    @pytest.mark.parametrize("name", NAMES)
    def test_pickle_keeps_identity(self, name):
        assert pickle.loads(pickle.dumps(dtype(name))) is dtype(name)

    def test_python_types(self):
        kinds = [nnlite.tensor([1], dtype=t).dtype for t in (float, int, bool, complex)]
        assert kinds == [nnlite.float64, nnlite.int64, nnlite.bool, nnlite.complex128]

    def test_only_floats_are_default(self):
        with pytest.raises(TypeError, match="floating-point"):
            nnlite.set_default_dtype(nnlite.int32)
        assert nnlite.get_default_dtype() is nnlite.float32

    @pytest.mark.parametrize("wrong", ["float32", np.float32, 1])
    def test_no_dtype(self, wrong):
        with pytest.raises(TypeError, match=r"must be torch\.dtype"):
            nnlite.zeros(2, dtype=wrong)
