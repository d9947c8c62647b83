"""CUDA kernels on the CPU, so that wrappers and kernels are tested together on the strict device.

``NNLITE_EMULATE_CUDA=1`` gives them to the strict device; whatever runs there (``pytest --device strict``) then starts
each kernel as on a GPU, only slower. ``NNLITE_EMULATE_CUDA=backwards`` runs threads and blocks in the reverse order.
"""

from __future__ import annotations

import os
from typing import Any

from ...cupy.gemm import Gemm, Products
from ...cupy.launch import Gpu
from ...cupy.overrides import equip
from ...kernels import Override
from .build import Module
from .cublas import gemm_strided_batched

VARIABLE = "NNLITE_EMULATE_CUDA"


def overrides(backend: Any) -> dict[str, Override]:
    """The kernels of CUDA, on the CPU; products of matrices go the way they go on CUDA, to what stands for cuBLAS."""
    xp = backend.xp
    products = Products(Gemm(gemm_strided_batched, lambda: 0, xp), xp.matmul)
    xp.matmul, xp.add_product = products.matmul, products.add_product
    backwards = os.environ.get(VARIABLE) == "backwards"
    return equip(backend, Gpu(xp, lambda text, label: Module(text, label, backwards)))
