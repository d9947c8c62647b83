"""Softmax, losses, embedding, dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite
import nnlite.nn.functional as F
from nnlite.ops import dropout

from .base import OpSpec, distinct, normal, of, uniform

LABELS = np.array([2, 0, 1])


def _log_softmax(x: np.ndarray, dim: int) -> np.ndarray:
    shifted = x - x.max(axis=dim, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


def _reduced(losses: np.ndarray, reduction: str, count: float | None = None) -> Any:
    if reduction == "none":
        return losses
    return losses.sum() / ((losses.size if count is None else count) if reduction == "mean" else 1)


def _nll(
    logp: np.ndarray, target: np.ndarray, weight: Any = None, *, reduction: str = "mean", ignore_index: int = -100
) -> Any:
    weight = np.ones(logp.shape[1]) if weight is None else weight
    used = target != ignore_index
    labels = np.where(used, target, 0)
    share = weight[labels] * used
    losses = -np.take_along_axis(logp, labels[:, None], 1)[:, 0] * share
    return _reduced(losses, reduction, share.sum())


def _cross_entropy(
    x: np.ndarray,
    target: np.ndarray,
    weight: Any = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
    **options: Any,
) -> Any:
    logp = _log_softmax(x, 1)
    hard = _nll(logp, target, weight, reduction=reduction, **options)
    if not label_smoothing:
        return hard
    ones = np.ones(x.shape[1]) if weight is None else weight
    used = target != options.get("ignore_index", -100)
    even = -(logp * ones).sum(1) * used / x.shape[1]
    share = ones[np.where(used, target, 0)] * used
    return (1 - label_smoothing) * hard + label_smoothing * _reduced(even, reduction, share.sum())


def _soft(x: np.ndarray, target: np.ndarray, reduction: str = "mean") -> Any:
    losses = -(target * _log_softmax(x, 1)).sum(1)
    return _reduced(losses, reduction)


def _both(call: Any, reference: Any) -> Any:
    """Samples of a loss of two tensors, with each reduction."""
    return lambda rng: [
        of(distinct(rng, 2, 3), distinct(rng, 2, 3) + 0.0625, reduction=reduction)
        for reduction in ("mean", "sum", "none")
    ]


def _dropout(x: Any, p: float) -> Any:
    nnlite.manual_seed(5)
    return F.dropout(x, p)


def _drawn_dropout(x: Any, **options: Any) -> Any:
    return dropout._drawn_dropout(x, **options, seed=5, counter=3)


def _words(n: int) -> np.ndarray:
    return np.random.Philox(key=5, counter=3).random_raw((n + 1) // 2).view(np.uint32)[:n]


def _keep(x: np.ndarray, p: float) -> Any:
    nnlite.manual_seed(5)
    return x * F.dropout(nnlite.ones(x.shape, dtype=nnlite.float64), p).numpy()


_OF_LABELS = [
    of(LABELS),
    of(LABELS, reduction="sum"),
    of(LABELS, reduction="none"),
    of(LABELS, np.array([0.5, 2.0, 1.0])),
    of(LABELS, ignore_index=0),
]


def _labelled(extra: tuple[Any, ...] = ()) -> Any:
    return lambda rng: [((normal(rng, 3, 3), *args), kwargs) for args, kwargs in (*_OF_LABELS, *extra)]


SPECS = [
    OpSpec(
        "softmax",
        nnlite.softmax,
        lambda rng: [of(normal(rng, 2, 3), 1), of(normal(rng, 4), -1), of(normal(rng, 2, 2, 2), 0)],
        lambda x, dim: np.exp(_log_softmax(x, dim)),
        extreme=False,
        covers=("softmax_backward", "sum"),
        edges=lambda rng: [of(normal(rng), 0), of(np.zeros((0, 3)), 1), of(np.zeros((3, 0)), 1)],
    ),
    OpSpec(
        "log_softmax",
        nnlite.log_softmax,
        lambda rng: [of(normal(rng, 2, 3), 1), of(normal(rng, 4), -1)],
        _log_softmax,
        extreme=False,
        covers=("log_softmax_backward", "sum", "exp"),
        edges=lambda rng: [of(normal(rng), 0), of(np.zeros((0, 3)), 1)],
    ),
    OpSpec(
        "mse_loss",
        F.mse_loss,
        _both(F.mse_loss, None),
        lambda x, y, reduction: _reduced((x - y) ** 2, reduction),
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros(0), np.zeros(0), reduction="sum")],
    ),
    OpSpec(
        "l1_loss",
        F.l1_loss,
        _both(F.l1_loss, None),
        lambda x, y, reduction: _reduced(np.abs(x - y), reduction),
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros(0), np.zeros(0), reduction="sum")],
    ),
    OpSpec(
        "nll_loss",
        F.nll_loss,
        _labelled(),
        _nll,
        loose=4,
        extreme=False,
        inputs=(0,),
        covers=("nll_loss_backward",),
        edges=lambda rng: [of(np.zeros((0, 3)), np.zeros(0, np.int64), reduction="sum")],
    ),
    OpSpec(
        "cross_entropy",
        F.cross_entropy,
        _labelled(
            (
                of(LABELS, label_smoothing=0.1),
                of(LABELS, np.array([0.5, 2.0, 1.0]), label_smoothing=0.1, ignore_index=0),
            )
        ),
        _cross_entropy,
        loose=4,
        extreme=False,
        inputs=(0,),
        covers=("cross_entropy_backward", "exponentials"),
        edges=lambda rng: [of(np.zeros((0, 3)), np.zeros(0, np.int64), reduction="sum")],
    ),
    OpSpec(
        "soft_target_loss",
        F.cross_entropy,
        lambda rng: [of(normal(rng, 2, 3), uniform(rng, 0.1, 0.9, 2, 3), reduction=r) for r in ("mean", "sum", "none")],
        _soft,
        title="cross_entropy of probabilities",
        loose=4,
        extreme=False,
        inputs=(0, 1),
    ),
    OpSpec(
        "embedding",
        lambda weight, indices, **options: F.embedding(indices, weight, **options),
        lambda rng: [of(normal(rng, 3, 2), np.array([[2, 0], [2, 1]])), of(normal(rng, 3, 2), np.array([1, 1, 2]))],
        lambda weight, indices: weight[indices],
        extreme=False,
        covers=("embedding_gradient", "embedding_spread"),
        edges=lambda rng: [of(normal(rng, 3, 2), np.zeros((0, 2), np.int64)), of(normal(rng, 3, 2), np.array(1))],
    ),
    OpSpec(
        "dropout",
        _dropout,
        lambda rng: [of(normal(rng, 4, 3), 0.5), of(normal(rng, 4, 3), 0.1)],
        _keep,
        loose=2,
        edges=lambda rng: [of(np.zeros((0, 2)), 0.5), of(normal(rng), 0.0)],
    ),
    OpSpec(
        "drawn_dropout",
        _drawn_dropout,
        lambda rng: [of(normal(rng, 4, 3), scale=2.0, limit=1 << 31), of(normal(rng, 17, 5), scale=1.5, limit=1 << 30)],
        lambda x, scale, limit: x * scale * (_words(x.size) < limit).reshape(x.shape),
        loose=2,
        edges=lambda rng: [of(np.zeros((0, 2)), scale=2.0, limit=5), of(normal(rng), scale=2.0, limit=1 << 32)],
    ),
]
