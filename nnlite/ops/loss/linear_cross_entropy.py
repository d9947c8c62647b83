"""The cross entropy of a linear layer's output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..linalg.matmul import linear
from .common import check_tensors
from .cross_entropy import cross_entropy

_POLICIES = ("accurate", "balanced", "compact", "auto")


@dataclass
class LinearCrossEntropyOptions:
    """How PyTorch may compute :func:`linear_cross_entropy` piece by piece. nnlite takes the options and computes the
    same numbers at once.

    Attributes:
        allow_retain_graph: whether backward may run twice (it always may).
        batch_chunk_size: rows of the input at a time.
        chunking_method: how that number is chosen.
        acc_policy: how gradients are added up.
        acc_dtype: the dtype in which they are.

    Raises:
        ValueError: a number is not positive, or there is no such method or policy.

    Example:
        >>> import nnlite
        >>> nnlite.nn.LinearCrossEntropyOptions(batch_chunk_size=64).batch_chunk_size
        64
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.batch_chunk_size is not None and self.batch_chunk_size < 1:
            raise ValueError(f"batch_chunk_size must be a positive integer or None, got {self.batch_chunk_size}")
        if self.acc_policy not in _POLICIES:
            raise ValueError(f"acc_policy must be one of {_POLICIES}, got {self.acc_policy!r}")


def _check(input: Any, linear_weight: Any, linear_bias: Any) -> None:
    shape, weight = tuple(input._a.shape), tuple(linear_weight._a.shape)
    if len(shape) not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {len(shape)} (linear_cross_entropy)")
    if len(weight) < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {len(weight)} (linear_cross_entropy)"
        )
    if shape[-1] != weight[-1]:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {shape[-1]} and {weight[-1]}, "
            "respectively (linear_cross_entropy)"
        )
    if linear_bias is not None and tuple(linear_bias._a.shape) != weight[:-1]:
        raise RuntimeError(
            f"expected linear_bias shape {weight[:-1]}, got {tuple(linear_bias._a.shape)} (linear_cross_entropy)"
        )
    if len(weight) > 2 and len(shape) == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {weight} requires batched input, (N, {shape[-1]}), got "
            f"unbatched input with shape {shape}"
        )


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Any:
    """The cross entropy of x A^T + b and labels, or probabilities.

    Args:
        linear_weight: A.
        target: class numbers, or probabilities if it has the logits' shape.
        linear_bias: b.
        weight, reduction, label_smoothing: as for ``cross_entropy``.
        ignore_index: positions with this label are left out; -100 unless given.
        options: how PyTorch may go about it; the result is the same.

    Shape: input (N, I) or (I), linear_weight (C, I) or (C, d1, ..., I), linear_bias (C) or (C, d1, ...); target (N),
    (N, d1, ...) or (); the result is a number, or has one for each position with ``"none"``.

    Raises:
        RuntimeError: the shapes do not belong together, or ``ignore_index`` is given with probabilities.

    Example:
        >>> import nnlite
        >>> x, a = nnlite.zeros(2, 3), nnlite.ones(4, 3)
        >>> nnlite.nn.functional.linear_cross_entropy(x, a, nnlite.tensor([0, 3]))
        tensor(1.3863)
    """
    check_tensors("linear_cross_entropy", input, linear_weight, target, linear_bias, weight)
    _check(input, linear_weight, linear_bias)
    outputs = tuple(linear_weight._a.shape[:-1])
    shape = (*input._a.shape[:-1], *outputs)
    if tuple(target._a.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities (linear_cross_entropy)")
    if len(outputs) > 1:
        linear_weight = linear_weight.reshape(math.prod(outputs), -1)
        linear_bias = None if linear_bias is None else linear_bias.reshape(-1)
    return cross_entropy(
        linear(input, linear_weight, linear_bias).reshape(shape),
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )
