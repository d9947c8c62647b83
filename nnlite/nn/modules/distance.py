"""Distances and similarities as modules."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last dimension.

    Args:
        p: the order of the norm.
        eps: added to each difference.
        keepdim: keep the last dimension, of size 1.

    Shape: both inputs (N, D) or (D); the output is (N) or ().

    Example:
        >>> import nnlite
        >>> nnlite.nn.PairwiseDistance()(nnlite.tensor([[3.0, 4.0]]), nnlite.zeros(1, 2))
        tensor([5.0000])
    """

    __constants__ = ["norm", "eps", "keepdim"]  # noqa: RUF012

    norm: float
    eps: float
    keepdim: bool

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        """The distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    r"""The cosine of the angle between vectors along ``dim``: x1 . x2 / (max(\|x1\|, eps) max(\|x2\|, eps)).

    Args:
        dim: the dimension along which the vectors lie.
        eps: the least length that is divided by.

    Shape: both inputs any, broadcast together; the output lacks ``dim``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.CosineSimilarity()(nnlite.tensor([[3.0, 4.0]]), nnlite.tensor([[3.0, 0.0]]))
        tensor([0.6000])
    """

    __constants__ = ["dim", "eps"]  # noqa: RUF012

    dim: int
    eps: float

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Any, x2: Any) -> Any:
        """The cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
