"""The sources of CUDA kernels: they compile for the devices we mean, and the Philox kernel computes NumPy's words."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest

from nnlite.backends.cupy.launch import KERNELS, OPTIONS, source

# The Philox kernel


HOST = """
#define __device__
#define __global__
#define __forceinline__ inline
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}
struct triple { unsigned x; };
static triple blockIdx, blockDim, gridDim, threadIdx;
#include "philox.cu"
extern "C" void run(unsigned blocks, unsigned threads, unsigned* out, long long n, u64 k0, u64 k1, u64 c0, u64 c1) {
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
        for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x)
            philox_bits(out, n, k0, k1, c0, c1);
}
"""


@pytest.fixture(scope="module")
def philox_on_host(tmp_path_factory):
    """The kernel compiled for the CPU."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    folder = tmp_path_factory.mktemp("philox")
    (folder / "host.cpp").write_text(HOST)
    library = folder / "philox.so"
    command = ["g++", "-std=c++17", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{KERNELS}", "-o", str(library)]
    subprocess.run([*command, str(folder / "host.cpp")], check=True)
    run = ctypes.CDLL(str(library)).run
    run.argtypes = [ctypes.c_uint] * 2 + [ctypes.c_void_p, ctypes.c_longlong] + [ctypes.c_ulonglong] * 4

    def bits(seed, counter, n, blocks=3, threads=4):
        out = np.full(n + 1, 0xDEADBEEF, np.uint32)  # one more, to see a write past the end
        words = [v & (2**64 - 1) for v in (seed, seed >> 64, counter, counter >> 64)]
        run(blocks, threads, out.ctypes.data, n, *words)
        assert out[n] == 0xDEADBEEF
        return out[:n]

    return bits


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8, 9, 96, 97, 1001])
@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**64 - 1, 2**100 + 3])
@pytest.mark.parametrize("counter", [0, 1, 2**32 - 1, 2**64 - 2, 2**64 - 1, 2**128 - 2, 2**128 - 1])
def test_philox_kernel_gives_numpys_words(philox_on_host, n, seed, counter):
    expected = np.random.Philox(key=seed, counter=counter).random_raw((n + 1) // 2).view(np.uint32)[:n]
    np.testing.assert_array_equal(philox_on_host(seed, counter, n), expected)


def nvrtc():
    """The run-time compiler of CUDA, which needs no GPU."""
    if importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.pathfinder") is None:
        pytest.skip("cuda-pathfinder is not installed")
    from cuda.pathfinder import load_nvidia_dynamic_lib

    try:
        return ctypes.CDLL(load_nvidia_dynamic_lib("nvrtc").abs_path)
    except Exception as error:
        pytest.skip(f"NVRTC is not installed: {str(error).splitlines()[0]}")


def variants(path):
    """All ways to compile a source: its lines ``// T: float32 float64`` name the types (or constants) to define."""
    lines = re.findall(r"^// ([A-Z][A-Z0-9_]*): ([\w ]+)$", path.read_text("utf-8"), re.MULTILINE)
    return list(itertools.product(*[[(name, value) for value in values.split()] for name, values in lines]))


SOURCES = [
    pytest.param(path.stem, macros, id="-".join([path.stem, *(value for _, value in macros)]))
    for path in sorted(KERNELS.glob("*.cu"))
    for macros in variants(path)
]


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize(("family", "macros"), SOURCES)
def test_kernels_compile(family, macros, architecture):
    library = nvrtc()
    program = ctypes.c_void_p()
    text = source(family, macros).encode()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text, family.encode(), 0, None, None) == 0
    options = [f"-arch={architecture}".encode(), *(option.encode() for option in OPTIONS)]
    status = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    assert (status, log.value.decode().strip("\0 \n")) == (0, "")  # not even a warning
    library.nvrtcGetCUBINSize(program, ctypes.byref(size))
    assert size.value > 0
