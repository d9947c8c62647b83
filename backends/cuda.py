"""Settings of CUDA's libraries.

Two of them say how results are computed on CUDA: ``matmul.allow_tf32`` (with its other name, ``matmul.fp32_precision``)
lets products of float32 matrices multiply in TF32, and :func:`enable_cudnn_sdp` lets cuDNN take attention. The rest is
remembered and changes no result. The array backend of CUDA is ``nnlite.backends.cupy``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ._flags import check, shared

__all__ = [
    "can_use_cudnn_attention",
    "can_use_efficient_attention",
    "can_use_flash_attention",
    "cuBLASModule",
    "cuFFTPlanCache",
    "cudnn_sdp_enabled",
    "cufft_plan_cache",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "preferred_blas_library",
    "preferred_linalg_library",
    "sdp_kernel",
]


def is_built() -> bool:
    """Whether CuPy is installed; ``nnlite.cuda.is_available()`` says whether there is a GPU too."""
    return importlib.util.find_spec("cupy") is not None


class cuBLASModule:
    """Settings of products of matrices; the one object of this class is ``matmul``.

    ``allow_tf32`` and ``fp32_precision`` are two names of what ``nnlite.set_float32_matmul_precision`` sets: whether
    CUDA multiplies matrices of float32 in TF32, with 10 bits of mantissa. The others are remembered alone: products of
    float16 and bfloat16 are summed in float32.
    """

    __slots__ = ("_reduced",)

    def __init__(self) -> None:
        object.__setattr__(self, "_reduced", {
            "allow_fp16_accumulation": False,
            "allow_fp16_reduced_precision_reduction": True,
            "allow_bf16_reduced_precision_reduction": True,
        })  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        if name == "allow_tf32":
            return shared.matmul_precision != "highest"
        if name == "fp32_precision":
            return "ieee" if shared.matmul_precision == "highest" else "tf32"
        if name not in self._reduced:
            raise AttributeError(f"Unknown attribute {name}")
        return self._reduced[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "allow_tf32":
            check(f"cuda.matmul.{name}", value, bool)
            shared.matmul_precision = "high" if value else "highest"
        elif name == "fp32_precision":
            if value not in ("ieee", "tf32", "none"):
                raise RuntimeError(f"torch.backends.cuda.matmul.fp32_precision expects ieee, tf32 or none, got {value}")
            shared.matmul_precision = "high" if value == "tf32" else "highest"
        elif name in self._reduced:
            check(f"cuda.matmul.{name}", value, bool)
            self._reduced[name] = value
        else:
            raise AttributeError(f"Unknown attribute {name}")


matmul = cuBLASModule()


class cuFFTPlanCache:
    """The cache of plans for Fourier transforms: CuPy keeps its own, this one is always empty."""

    size = 0
    max_size = 0

    def clear(self) -> None:
        """Nothing: there are no plans here."""

    def __getitem__(self, device: Any) -> cuFFTPlanCache:
        return self


cufft_plan_cache = cuFFTPlanCache()

_attention = {"flash": True, "math": True, "mem_efficient": True, "cudnn": True}


def flash_sdp_enabled() -> bool:
    """What :func:`enable_flash_sdp` was told."""
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Remember the setting; what cuDNN does not take goes through the scores in blocks."""
    _attention["flash"] = bool(enabled)


def mem_efficient_sdp_enabled() -> bool:
    """What :func:`enable_mem_efficient_sdp` was told."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Remember the setting; what cuDNN does not take goes through the scores in blocks."""
    _attention["mem_efficient"] = bool(enabled)


def math_sdp_enabled() -> bool:
    """What :func:`enable_math_sdp` was told."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Remember the setting; what cuDNN does not take goes through the scores in blocks."""
    _attention["math"] = bool(enabled)


def cudnn_sdp_enabled() -> bool:
    """What :func:`enable_cudnn_sdp` was told."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Whether cuDNN may take attention on CUDA, as it may unless this is told otherwise."""
    _attention["cudnn"] = bool(enabled)


def is_flash_attention_available() -> bool:
    """False: PyTorch's own kernels are not here. Attention goes through the scores in blocks, or through cuDNN."""
    return False


def can_use_flash_attention(params: Any, debug: bool = False) -> bool:
    """False; see :func:`is_flash_attention_available`."""
    return False


def can_use_efficient_attention(params: Any, debug: bool = False) -> bool:
    """False; see :func:`is_flash_attention_available`."""
    return False


def can_use_cudnn_attention(params: Any, debug: bool = False) -> bool:
    """False: nothing is promised beforehand. ``nnlite.backends.cudnn.explain()`` tells what cuDNN took and refused."""
    return False


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """Settings of attention inside a ``with`` statement; ``nnlite.nn.attention.sdpa_kernel`` is the newer form.

    Example:
        >>> import nnlite
        >>> with nnlite.backends.cuda.sdp_kernel(enable_flash=False):
        ...     nnlite.backends.cuda.flash_sdp_enabled()
        False
    """
    before = dict(_attention)
    _attention.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield
    finally:
        _attention.update(before)


def preferred_linalg_library(backend: str | None = None) -> str:
    """``"default"``: CuPy chooses the library for linear algebra.

    Raises:
        RuntimeError: ``backend`` is not one of PyTorch's names.
    """
    if backend not in (None, "default", "cusolver", "magma"):
        raise RuntimeError(f"Unknown input value {backend!r}; expected 'default', 'cusolver' or 'magma'")
    return "default"


def preferred_blas_library(backend: str | None = None) -> str:
    """``"cublas"``: CuPy's products of matrices.

    Raises:
        RuntimeError: ``backend`` is not one of PyTorch's names.
    """
    if backend not in (None, "default", "cublas", "cublaslt", "hipblaslt", "ck"):
        raise RuntimeError(f"Unknown input value {backend!r}; expected 'default', 'cublas' or 'cublaslt'")
    return "cublas"
