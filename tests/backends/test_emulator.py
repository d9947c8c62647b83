"""The emulator of CUDA kernels: what runs on a device runs, and what is undefined there is an error."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from nnlite.backends.cupy.launch import KERNELS
from nnlite.backends.strict.array import from_host
from nnlite.backends.strict.emulator.build import Module

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


def kernel(body, parameters, backwards=False, bounds="__launch_bounds__(1024) "):
    head = (KERNELS / "types.cuh").read_text("utf-8")
    block = (KERNELS / "block.cuh").read_text("utf-8").replace('#include "types.cuh"\n', "")
    text = f'{head}\n{block}\nextern "C" __global__ void {bounds}k({parameters}) {{\n{body}\n}}\n'
    return Module(text, "test", backwards).get_function("k")


def zeros(n, dtype=np.float32):
    return from_host(np.zeros(n, dtype))


BOTH = pytest.mark.parametrize("backwards", [False, True])


@BOTH
def test_threads_blocks_and_steps(backwards):
    out = zeros(1000, np.int64)
    run = kernel("for (i64 i = first_place(); i < n; i += place_step()) out[i] = i * i;", "i64* out, i64 n", backwards)
    run((3,), (64,), (out, 1000))
    np.testing.assert_array_equal(out.get(), np.arange(1000) ** 2)


@BOTH
def test_two_and_three_dimensions(backwards):
    out = zeros(2 * 3 * 4 * 5, np.int32)
    body = """
        const int t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        out[(blockIdx.y * gridDim.x + blockIdx.x) * 20 + t] = blockIdx.y * 1000 + blockIdx.x * 100 + t;
    """
    kernel(body, "int* out", backwards)((3, 2), (2, 5, 2), (out,))
    expected = [y * 1000 + x * 100 + t for y in range(2) for x in range(3) for t in range(20)]
    np.testing.assert_array_equal(out.get(), expected)


@BOTH
@pytest.mark.parametrize("threads", [32, 96, 1024])
def test_sums_over_a_block(backwards, threads):
    x = np.random.default_rng(0).integers(0, 100, 5 * threads).astype(np.float32)
    body = "__shared__ float room[32]; out[first_place()] = over_block<sum_of>(x[first_place()], room);"
    out = zeros(5 * threads)
    kernel(body, "const float* x, float* out", backwards)((5,), (threads,), (from_host(x), out))
    np.testing.assert_array_equal(out.get(), np.repeat(x.reshape(5, -1).sum(1), threads))


def test_shuffles_and_votes():
    out = zeros(32 * 6, np.int32)
    body = """
        const int lane = threadIdx.x;
        out[lane] = __shfl_sync(0xFFFFFFFFu, lane, 5);
        out[32 + lane] = __shfl_up_sync(0xFFFFFFFFu, lane, 3);
        out[64 + lane] = __shfl_down_sync(0xFFFFFFFFu, lane, 3);
        out[96 + lane] = __shfl_down_sync(0xFFFFFFFFu, lane, 3, 8);
        out[128 + lane] = __popc(__ballot_sync(0xFFFFFFFFu, lane % 3 == 0));
        if (lane < 16) out[160 + lane] = __shfl_xor_sync(0xFFFFu, lane, 15);
    """
    kernel(body, "int* out")((1,), (32,), (out,))
    lane = np.arange(32)
    got = out.get().reshape(6, 32)
    np.testing.assert_array_equal(got[0], 5)
    np.testing.assert_array_equal(got[1], np.where(lane >= 3, lane - 3, lane))
    np.testing.assert_array_equal(got[2], np.where(lane < 29, lane + 3, lane))
    np.testing.assert_array_equal(got[3], np.where(lane % 8 < 5, lane + 3, lane))
    np.testing.assert_array_equal(got[4], 11)
    np.testing.assert_array_equal(got[5, :16], 15 - lane[:16])


@BOTH
def test_atomic_operations(backwards):
    out = zeros(3)
    body = """
        int* whole = (int*)out;
        atomicAdd(out, 1.0f);
        atomicMax(whole + 1, (int)threadIdx.x);
        atomicMin(whole + 2, -(int)threadIdx.x);
    """
    kernel(body, "float* out", backwards)((2,), (64,), (out,))
    assert out.get()[0] == 128 and out.get().view(np.int32)[1:].tolist() == [63, -63]


def test_half_precision_as_numpy_has_it():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    every = np.arange(1 << 16, dtype=np.uint16)
    for kind, name in ((np.float16, "float16"), (ml_dtypes.bfloat16, "bfloat16")):
        run = kernel(
            "for (i64 i = first_place(); i < n; i += place_step()) out[i] = load(x, i);",
            f"const {name}* x, float* out, i64 n",
        )
        out = zeros(1 << 16)
        run((8,), (256,), (from_host(every.view(kind)), out, 1 << 16))
        expected = every.view(kind).astype(np.float32)
        np.testing.assert_array_equal(out.get(), expected)
        rng = np.random.default_rng(0)
        small = rng.standard_normal(4096).astype(np.float32) * np.float32(1e-6)
        any_bits = rng.integers(0, 1 << 32, 1 << 16, dtype=np.uint32).view(np.float32)
        with np.errstate(invalid="ignore"):
            x = np.concatenate([expected, np.nextafter(expected, np.float32(np.inf)), small, any_bits])
        back = from_host(np.zeros(len(x), kind))
        run = kernel(
            "for (i64 i = first_place(); i < n; i += place_step()) store(out, i, x[i]);",
            f"const float* x, {name}* out, i64 n",
        )
        run((8,), (256,), (from_host(x), back, len(x)))
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = x.astype(kind)
        np.testing.assert_array_equal(back.get().astype(np.float32), rounded.astype(np.float32))


def test_a_missing_barrier_shows_in_one_of_the_two_orders():
    body = "__shared__ int room[64]; room[threadIdx.x] = threadIdx.x; out[threadIdx.x] = room[63 - threadIdx.x];"
    wrong = 0
    for backwards in (False, True):
        out = zeros(64, np.int32)
        kernel(body, "int* out", backwards)((1,), (64,), (out,))
        wrong += not np.array_equal(out.get(), 63 - np.arange(64))
    assert wrong


def test_shared_memory_is_not_zero():
    out = zeros(2)
    body = "__shared__ float room[1]; DYNAMIC_SHARED(float, more); out[0] = room[0]; out[1] = more[100];"
    kernel(body, "float* out")((1,), (1,), (out,), shared_mem=404)
    assert np.isnan(out.get()).all()


def test_dynamic_shared_memory():
    out = zeros(64)
    body = """
        DYNAMIC_SHARED(float, room);
        room[threadIdx.x] = threadIdx.x;
        __syncthreads();
        out[threadIdx.x] = room[63 - threadIdx.x];
    """
    kernel(body, "float* out")((1,), (64,), (out,), shared_mem=256)
    np.testing.assert_array_equal(out.get(), 63 - np.arange(64))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if (threadIdx.x < 32) __syncthreads();", "threads which have ended do not reach"),
        ("if (threadIdx.x < 32) __syncthreads(); else __syncwarp();", "threads which have ended do not reach"),
        ("if (threadIdx.x % 2) __syncwarp();", "a lane that has ended"),
        ("if (threadIdx.x % 2) __syncwarp(); else __syncthreads();", "different barriers"),
        ("__syncwarp(1);", "a mask of lanes that it is not in"),
        ("out[-1] = 0;", "outside an array"),
        ("out[4] = 0;", "outside an array"),
    ],
)
def test_what_is_undefined_is_an_error(body, message):
    run = kernel(body, "float* out")
    with pytest.raises(RuntimeError, match=message):
        run((1,), (64,), (zeros(4),))
    good = kernel("out[threadIdx.x] = 1;", "float* out")  # and the next launch runs
    out = zeros(64)
    good((1,), (64,), (out,))
    assert out.get().sum() == 64


def test_arguments_are_checked():
    run = kernel("", "const float* x, i64 n, float a, float16* h")
    x, half = zeros(4), zeros(4, np.float16)
    run((1,), (32,), (x, 4, np.float32(1), half))
    run((1,), (32,), (None, 4, np.float32(1), None))
    for bad, message in (
        ((x, 4, np.float32(1)), "takes 4 arguments, got 3"),
        ((zeros(4, np.float64), 4, np.float32(1), half), "reads float32, got an array of float64"),
        ((x, 4.0, np.float32(1), half), "takes int64, got float"),
        ((x, np.int32(4), np.float32(1), half), "takes int64, got int32"),
        ((x, 4, 1.0, half), "takes float32, got float"),
        ((1, 4, np.float32(1), half), "is a pointer, got int"),
    ):
        with pytest.raises(TypeError, match=message):
            run((1,), (32,), bad)
    with pytest.raises(ValueError, match="without gaps"):
        run((1,), (32,), (zeros(8)[::2], 4, np.float32(1), half))
    with pytest.raises(RuntimeError, match="1 to 1,024 threads"):
        run((1,), (1025,), (x, 4, np.float32(1), half))
    with pytest.raises(RuntimeError, match="65,535"):
        run((1, 65536), (1,), (x, 4, np.float32(1), half))


def test_more_threads_than_registers_are_sure_for():
    """A kernel may take 255 registers, of which a multiprocessor has 65,536."""
    for bounds, most in (("", 256), ("__launch_bounds__(512, 2) ", 512), ("__launch_bounds__(1024) ", 1024)):
        run = kernel("", "float* out", bounds=bounds)
        run((1,), (most,), (zeros(4),))
        if most < 1024:
            with pytest.raises(RuntimeError, match=f"for {most} only; declare more with __launch_bounds__"):
                run((1,), (2, most // 2 + 16), (zeros(4),))


def test_arrays_that_overlap_stay_one():
    x = from_host(np.arange(10, dtype=np.float32))
    run = kernel("const i64 i = threadIdx.x; if (i < 5) { a[i] += 1; b[i] += 1; }", "float* a, float* b")
    run((1,), (32,), (x[:5], x[3:8]))
    added = np.array([1, 1, 1, 2, 2, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(x.get(), np.arange(10) + added)
