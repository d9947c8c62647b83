"""``hash_tensor``, and the dtype that it gives."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite


def xor(x: np.ndarray, axis=None) -> np.ndarray:
    bits = x.astype(np.float64 if x.dtype.kind == "f" else np.int64).view(np.uint64)
    return np.bitwise_xor.reduce(bits, axis=axis)


@pytest.mark.parametrize("kind", ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(1,), (7,), (8,), (5, 6), (3, 4, 5)])
def test_the_exclusive_or_of_all_bits(shape, kind, device):
    a = (np.random.default_rng(0).standard_normal(shape) * 20).astype(kind)
    x = nnlite.tensor(a, device=device)
    assert x.hash_tensor().item() == int(xor(a))
    for dim in range(-len(shape), len(shape)):
        found = nnlite.hash_tensor(x, dim)
        assert found.dtype is nnlite.uint64
        np.testing.assert_array_equal(found.cpu().numpy(), xor(a, dim))
        assert nnlite.hash_tensor(x, dim, keepdim=True).squeeze(dim).tolist() == found.tolist()


def test_several_dimensions_and_layouts(device):
    a = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    x = nnlite.tensor(a, device=device)
    rows = a.transpose(1, 0, 2).reshape(4, -1)
    for t in (x, nnlite.tensor(a.transpose(2, 0, 1).copy(), device=device).permute(1, 2, 0)):
        assert t.hash_tensor((0, -1)).tolist() == xor(rows, 1).tolist()
        assert t.hash_tensor((0, -1), keepdim=True).shape == (1, 4, 1)
        assert t.hash_tensor(()).item() == int(xor(a))


def test_order_makes_no_difference_and_signs_of_zero_do(device):
    x = nnlite.randn(1000, device=device)
    assert nnlite.equal(x.hash_tensor(), x.flip(0).hash_tensor())
    assert nnlite.tensor([0.0], device=device).hash_tensor().item() == 0
    assert nnlite.tensor([-0.0], device=device).hash_tensor().item() == 1 << 63


def test_nothing_to_hash(device):
    with pytest.raises(RuntimeError, match="Expected reduction dim to be specified"):
        nnlite.zeros(0, device=device).hash_tensor()
    with pytest.raises(IndexError, match="Expected reduction dim 0 to have non-zero size"):
        nnlite.zeros(0, 3, device=device).hash_tensor(0)
    assert nnlite.zeros(0, 3, device=device).hash_tensor(1).shape == (0,)


def test_bad_input(device):
    x = nnlite.ones(2, 3, device=device)
    for error, match, call in (
        (RuntimeError, "Unknown hash_tensor mode: 1", lambda: x.hash_tensor(mode=1)),
        (IndexError, "Dimension out of range", lambda: x.hash_tensor(2)),
        (RuntimeError, "multiple times", lambda: x.hash_tensor((0, 0))),
        (NotImplementedError, "ComplexFloat", lambda: nnlite.ones(2, dtype=nnlite.complex64).hash_tensor()),
        (NotImplementedError, "UInt64", lambda: x.hash_tensor(1).hash_tensor()),
        (TypeError, "must be Tensor, not list", lambda: nnlite.hash_tensor([1])),
        (TypeError, "must be bool", lambda: x.hash_tensor(0, keepdim=2)),
        (RuntimeError, "Expected result to be of dtype uint64", lambda: nnlite.hash_tensor(x, 0, out=x)),
    ):
        with pytest.raises(error, match=match):
            call()
    out = nnlite.zeros(3, dtype=nnlite.uint64, device=device)
    assert nnlite.hash_tensor(x, 0, out=out) is out and out.tolist() == [0, 0, 0]


def test_uint64(device):
    """It holds all 64 bits, and is combined with no other integers."""
    x = nnlite.tensor([1, 2**63 + 5], dtype=nnlite.uint64, device=device)
    assert x.tolist() == [1, 2**63 + 5]
    assert x.view(nnlite.int64).tolist() == [1, -(2**63) + 5]
    assert repr(x.cpu()) == "tensor([                  1, 9223372036854775813], dtype=torch.uint64)"
    assert (x ^ x).tolist() == [0, 0] and bool((x == x).all())
    assert not nnlite.uint64.is_signed and nnlite.iinfo(nnlite.uint64).max == 2**64 - 1
    assert nnlite.promote_types(nnlite.uint64, nnlite.float32) is nnlite.float32
    for other in (nnlite.int64, nnlite.uint8, nnlite.bool):
        with pytest.raises(RuntimeError, match="Promotion for uint16, uint32, uint64 types is not supported"):
            nnlite.promote_types(nnlite.uint64, other)
    with pytest.raises(OverflowError):
        nnlite.tensor([-1], dtype=nnlite.uint64, device=device)
    with pytest.raises(ValueError, match="Overflow"):
        nnlite.tensor([2**63], device=device)
