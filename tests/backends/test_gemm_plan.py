"""The layout arguments of cuBLAS' strided-batched GEMM, with a stand-in for cuBLAS that reads memory as it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite
from nnlite.backends import backend_for
from nnlite.backends.cupy import gemm
from nnlite.backends.strict.emulator import cublas

strict = backend_for("strict")


class FakeCublas:
    """``gemmStridedBatchedEx`` on host memory, with the sizes it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, handle, ta, tb, m, n, k, *rest):
        assert handle == 42
        assert rest[-1] == -1
        cublas.gemm_strided_batched(handle, ta, tb, m, n, k, *rest)
        self.calls.append((m, n, k, rest[-3]))


class Copies:
    """The strict device's ``xp`` with a count of copies."""

    def __init__(self):
        self.copied = 0

    def __getattr__(self, name):
        return getattr(strict.xp, name)

    def ascontiguousarray(self, x):
        self.copied += 1
        return strict.xp.ascontiguousarray(x)


def multiply(a, b, out=None, **factors):
    """The product, the calls made and the copies."""
    calls, xp = FakeCublas(), Copies()
    result = gemm.Gemm(calls, lambda: 42, xp).matmul(a, b, out, **factors)
    return result, calls.calls, xp.copied


def normal(*shape, dtype="float64"):
    return strict.from_host(np.random.default_rng(0).standard_normal(shape).astype(dtype))


def check(a, b):
    result, calls, copied = multiply(a, b)
    expected = np.matmul(a.get(), b.get())
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result.get(), expected, rtol=1e-6 if a.dtype == np.float64 else 2e-2, atol=1e-3)
    return calls, copied


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("m, n, k", [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (1, 1, 7)])
@pytest.mark.parametrize("left", ["plain", "transposed"])
@pytest.mark.parametrize("right", ["plain", "transposed"])
@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_plain_and_transposed_operands_need_no_copy(dtype, m, n, k, left, right, batch):
    a = normal(*batch, m, k, dtype=dtype) if left == "plain" else normal(*batch, k, m, dtype=dtype).swapaxes(-1, -2)
    b = normal(*batch, k, n, dtype=dtype) if right == "plain" else normal(*batch, n, k, dtype=dtype).swapaxes(-1, -2)
    calls, copied = check(a, b)
    assert len(calls) == 1
    assert copied == 0


def test_linear_layer_is_one_large_product():
    calls, copied = check(normal(4, 6, 5), normal(7, 5).T)
    assert calls == [(7, 24, 5, 1)]
    assert copied == 0


def test_broadcast_operand_has_step_zero():
    calls, copied = check(normal(5, 6), normal(4, 6, 7))
    assert calls == [(7, 5, 6, 4)]
    assert copied == 0


def test_column_slices_and_row_slices_need_no_copy():
    big = normal(6, 10)
    assert check(big[:, 2:7], normal(5, 4))[1] == 0
    assert check(big[::2, 2:7], normal(5, 4))[1] == 0
    assert check(normal(3, 6), big[:, 1:9].T.swapaxes(0, 1))[1] == 0


def test_attention_heads_are_copied_once_each():
    heads = normal(2, 5, 3, 4).transpose(0, 2, 1, 3)  # (batch, head, length, width) from (batch, length, head, width)
    assert check(heads, heads.swapaxes(-1, -2))[1] == 2
    assert check(heads[:1], heads[:1].swapaxes(-1, -2))[1] == 0  # one batch axis is left


@pytest.mark.parametrize(
    "a",
    [normal(6, 10)[:, ::2], normal(6, 5)[::-1], normal(6, 5)[:, ::-1], strict.xp.broadcast_to(normal(1, 5), (6, 5))],
    ids=["every second column", "rows backwards", "columns backwards", "one row repeated"],
)
def test_layouts_that_cublas_cannot_read_are_copied(a):
    assert check(a, normal(5, 3))[1] == 1
    assert check(normal(2, 6), a)[1] == 1


def test_batches_that_run_backwards_are_copied():
    assert check(normal(4, 3, 5)[::-1], normal(4, 5, 2))[1] == 1
    assert check(normal(4, 3, 5), normal(4, 5, 2)[::-1])[1] == 1


def test_vectors():
    check(normal(5), normal(5))
    check(normal(5), normal(5, 3))
    check(normal(2, 4, 5), normal(5))
    check(normal(5), normal(2, 5, 3))
    check(normal(10)[::2], normal(5, 3))


@pytest.mark.parametrize("shapes", [((0, 3), (3, 4)), ((2, 0), (0, 4)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 4))])
def test_empty(shapes):
    result, calls, _ = multiply(normal(*shapes[0]), normal(*shapes[1]))
    assert calls == []
    np.testing.assert_array_equal(result.get(), np.zeros(np.matmul(*(np.ones(s) for s in shapes)).shape))


def test_wrong_shapes():
    with pytest.raises(ValueError, match=r"matmul: expected \(\.\.\., m, k\)"):
        multiply(normal(2, 3), normal(4, 5))
    with pytest.raises(ValueError):
        multiply(normal(2, 2, 3), normal(3, 3, 5))


def test_which_operands_it_takes():
    takes = gemm.Gemm(FakeCublas(), lambda: 42, strict.xp).takes
    assert takes(normal(2, 2), normal(2, 2))
    assert not takes(normal(2, 2), normal(2, 2, dtype="float32"))
    assert not takes(normal(2, 2).astype("int64"), normal(2, 2).astype("int64"))
    assert not takes(normal(), normal(2, 2))
    assert not takes(normal(2, 2), np.ones((2, 2)))


def test_sums_are_added_in_the_same_call():
    a, b, c = normal(6, 4), normal(4, 5), normal(6, 5)
    expected = 2 * (a.get() @ b.get()) + 0.5 * c.get()
    result, calls, _ = multiply(a, b, c, alpha=2.0, beta=0.5)
    assert result is c and calls == [(5, 6, 4, 1)]
    np.testing.assert_allclose(c.get(), expected)


def test_an_out_with_gaps_gets_a_copy():
    a, b, wide = normal(6, 4), normal(4, 5), normal(6, 10)
    before = wide.get()
    out = wide[:, ::2]
    result, calls, _ = multiply(a, b, out, beta=1.0)
    assert result is out and len(calls) == 1
    np.testing.assert_allclose(wide.get()[:, ::2], before[:, ::2] + a.get() @ b.get())
    np.testing.assert_array_equal(wide.get()[:, 1::2], before[:, 1::2])


def test_an_out_of_another_dtype_or_shape():
    a, b = normal(6, 4), normal(4, 5)
    out = normal(6, 5, dtype="float32")
    multiply(a, b, out)
    np.testing.assert_allclose(out.get(), a.get() @ b.get(), rtol=1e-6)
    with pytest.raises(ValueError, match=r"expected out of shape \(6, 5\), got \(5, 6\)"):
        multiply(a, b, normal(5, 6))
    vector = normal(6)
    multiply(a, normal(4), vector)
    np.testing.assert_allclose(vector.get(), a.get() @ normal(4).get())


def test_nothing_to_add_up():
    out = normal(3, 4)
    before = out.get()
    _, calls, _ = multiply(normal(3, 0), normal(0, 4), out, beta=2.0)
    assert calls == []
    np.testing.assert_array_equal(out.get(), 2 * before)
    multiply(normal(3, 0), normal(0, 4), out)
    np.testing.assert_array_equal(out.get(), 0)


def test_tf32_only_where_it_is_allowed():
    a, b = normal(64, 64, dtype="float32"), normal(64, 64, dtype="float32")
    exact = a.get().astype(np.float64) @ b.get()

    def error():
        return np.abs(multiply(a, b)[0].get() - exact).max()

    assert error() < 1e-4
    nnlite.backends.cuda.matmul.allow_tf32 = True
    try:
        assert 1e-4 < error() < 1e-1
        double = normal(8, 8)
        np.testing.assert_allclose(multiply(double, double)[0].get(), double.get() @ double.get(), rtol=1e-12)
    finally:
        nnlite.backends.cuda.matmul.allow_tf32 = False
    assert error() < 1e-4


@st.composite
def operands(draw):
    """Two stacks with broadcast batches, permuted axes and slices."""
    m, n, k = (draw(st.integers(1, 3)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=3))

    def stack(rows, columns):
        own = [1 if draw(st.booleans()) else size for size in batch[draw(st.integers(0, len(batch))) :]]
        shape = [*own, rows, columns]
        order = draw(st.permutations(range(len(shape))))
        grow = [draw(st.integers(1, 2)) for _ in shape]
        stored = normal(*(shape[i] * grow[i] for i in order))
        made = stored.transpose(np.argsort(order).tolist())
        cut = tuple(
            slice(None, None, g) if draw(st.booleans()) else slice(0, s) for g, s in zip(grow, shape, strict=True)
        )
        made = made[cut]
        return made[tuple(slice(0, s) for s in shape)]

    return stack(m, k), stack(k, n)


@given(operands())
def test_any_strides(pair):
    check(*pair)
