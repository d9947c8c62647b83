"""Names of PyTorch's builds of C++ and CUDA code, which are not offered."""

from __future__ import annotations

from .._unavailable import module_getattr

CUDA_HOME = None
ROCM_HOME = None

__getattr__ = module_getattr(
    __name__,
    ("BuildExtension", "CUDAExtension", "CppExtension", "SyclExtension", "include_paths", "is_ninja_available", "load",
     "load_inline", "library_paths", "verify_ninja_availability"),
    "nothing is linked against PyTorch's C++; write a kernel for a device in backends/, or use Numba",
)  # fmt: skip
