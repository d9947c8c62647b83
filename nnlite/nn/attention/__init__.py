"""Which implementation of attention is used.

``scaled_dot_product_attention`` goes through the scores in blocks and never keeps them, on every device, which is what
the choice is about in PyTorch. On CUDA cuDNN takes some of it, where ``CUDNN_ATTENTION`` is allowed.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ...backends import cuda as _cuda

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The names of PyTorch's implementations."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | Iterable[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """A context, or a decorator, that allows these implementations alone: cuDNN takes nothing where
    ``CUDNN_ATTENTION`` is not among them. The other names are remembered and change no result.

    Raises:
        TypeError: ``backends`` holds something other than an SDPBackend. ValueError: it is empty.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.attention import SDPBackend, sdpa_kernel
        >>> q = nnlite.ones(1, 1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     nnlite.nn.functional.scaled_dot_product_attention(q, q, q).shape
        torch.Size([1, 1, 2, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    for backend in chosen:
        if not isinstance(backend, SDPBackend):
            raise TypeError(f"sdpa_kernel(): expected SDPBackend or a list of them, got {type(backend).__name__}")
    if not chosen:
        raise ValueError("sdpa_kernel(): expected at least one SDPBackend")
    with _cuda.sdp_kernel(
        enable_flash=SDPBackend.FLASH_ATTENTION in chosen,
        enable_math=SDPBackend.MATH in chosen,
        enable_mem_efficient=SDPBackend.EFFICIENT_ATTENTION in chosen,
        enable_cudnn=SDPBackend.CUDNN_ATTENTION in chosen,
    ):
        yield
