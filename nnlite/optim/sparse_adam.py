"""``SparseAdam``: a name that says what to use instead."""

from __future__ import annotations

from typing import Any

from .optimizer import Optimizer

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Not offered: nnlite has no sparse gradients, and on dense ones `Adam` is what this would be.

    Raises:
        NotImplementedError: always.

    Example:
        >>> import nnlite
        >>> w = nnlite.ones(2, requires_grad=True)
        >>> nnlite.optim.SparseAdam([w])
        Traceback (most recent call last):
        NotImplementedError: SparseAdam: there are no sparse gradients here; use Adam, with Embedding(sparse=False)
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SparseAdam: there are no sparse gradients here; use Adam, with Embedding(sparse=False)"
        )
