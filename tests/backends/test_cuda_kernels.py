"""The sources of CUDA kernels: they compile for the devices we mean."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import re

import pytest

from nnlite.backends.cupy.launch import KERNELS, OPTIONS, source


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
