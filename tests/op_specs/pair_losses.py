"""Losses of pairs of elements, of margins, and of sequences."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

import nnlite.nn.functional as F

from .base import SINGLES, OpSpec, distinct, normal, of, uniform

REDUCTIONS = ("mean", "sum", "none")


def _reduced(losses: np.ndarray, reduction: str) -> Any:
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


def _of_pairs(losses: Any) -> Any:
    """A formula of each pair as a reference."""
    return lambda x, y, reduction="mean", **options: _reduced(losses(x, y, **options), reduction)


def _each(x: Any, y: Any, *more: dict[str, Any]) -> Any:
    """Samples with each reduction, and with further options."""
    options = [{"reduction": r} for r in REDUCTIONS] + [{"reduction": "mean", **o} for o in more]
    return lambda rng: [of(x(rng, 2, 3), y(rng, 2, 3), **given) for given in options]


def _apart(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return distinct(rng, *shape) + 0.03125


def _shares(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return uniform(rng, 0.2, 0.8, *shape)


def _signs(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.choice([-1.0, 1.0], shape)


def _huber(x: np.ndarray, y: np.ndarray, delta: float = 1.0) -> np.ndarray:
    d = np.abs(x - y)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def _bce(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return -(y * np.log(x) + (1 - y) * np.log1p(-x))


def _logits(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x) - x * y


def _poisson(x: np.ndarray, y: np.ndarray, log_input: bool = True, full: bool = False) -> np.ndarray:
    out = np.exp(x) - y * x if log_input else x - y * np.log(x + 1e-8)
    return out + np.where(y > 1, y * np.log(y) - y + 0.5 * np.log(2 * np.pi * y), 0) * full


def _multilabel(x: np.ndarray, target: np.ndarray, reduction: str = "mean") -> Any:
    losses = []
    for row, labels in zip(np.atleast_2d(x), np.atleast_2d(target), strict=True):
        mine = list(itertools.takewhile(lambda label: label >= 0, labels))
        others = [i for i in range(row.size) if i not in mine]
        losses.append(sum(max(0.0, 1 - row[j] + row[i]) for j in mine for i in others) / row.size)
    return _reduced(np.array(losses), reduction) if x.ndim > 1 else losses[0]


def _ctc(logits: np.ndarray, targets: np.ndarray, steps: Any, lengths: Any, **options: Any) -> np.ndarray:
    """The probabilities of all paths that collapse to the labels, added up."""
    logp = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    out = []
    for n, (time, length) in enumerate(zip(steps, lengths, strict=True)):
        total = 0.0
        for path in itertools.product(range(logits.shape[2]), repeat=time):
            labels = [c for c, _ in itertools.groupby(path) if c]
            if labels == list(targets[n, :length]):
                total += math.exp(sum(logp[t, n, c] for t, c in enumerate(path)))
        out.append(-math.log(total) if total else 0.0)
    return np.array(out)


def _ctc_call(logits: Any, targets: Any, steps: Any, lengths: Any, **options: Any) -> Any:
    return F.ctc_loss(logits.log_softmax(2), targets, steps, lengths, reduction="none", **options)


SPECS = [
    OpSpec(
        "smooth_l1_loss",
        F.smooth_l1_loss,
        _each(distinct, _apart, {"beta": 0.5}),
        _of_pairs(lambda x, y, beta=1.0: _huber(x, y, beta) / beta),
        covers=("clamp",),
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "huber_loss",
        F.huber_loss,
        _each(distinct, _apart, {"delta": 0.5}),
        _of_pairs(_huber),
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "soft_margin_loss",
        F.soft_margin_loss,
        _each(normal, _signs),
        _of_pairs(lambda x, y: np.logaddexp(0, -x * y)),
        inputs=(0,),
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "hinge_embedding_loss",
        F.hinge_embedding_loss,
        _each(distinct, _signs, {"margin": 0.3}),
        _of_pairs(lambda x, y, margin=1.0: np.where(y == 1, x, np.maximum(0, margin - x))),
        inputs=(0,),
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "binary_cross_entropy",
        lambda x, y, **options: F.binary_cross_entropy(x.nan_to_num(0.5).clamp(0, 1), y, **options),
        _each(_shares, _shares),
        _of_pairs(_bce),
        loose=8,
        extreme=False,
        dtypes=("float64", "float32", "float16"),
    ),
    OpSpec(
        "binary_cross_entropy_with_logits",
        F.binary_cross_entropy_with_logits,
        _each(normal, _shares),
        _of_pairs(_logits),
        loose=4,
        extreme=False,
    ),
    OpSpec(
        "kl_div",
        F.kl_div,
        lambda rng: [
            of(normal(rng, 2, 3), _shares(rng, 2, 3), reduction="sum"),
            of(normal(rng, 2, 3), _shares(rng, 2, 3), reduction="none"),
            of(normal(rng, 2, 3), normal(rng, 2, 3), reduction="sum", log_target=True),
        ],
        _of_pairs(lambda x, y, log_target=False: np.exp(y) * (y - x) if log_target else y * (np.log(y) - x)),
        loose=8,
        extreme=False,
    ),
    OpSpec(
        "poisson_nll_loss",
        F.poisson_nll_loss,
        _each(
            lambda rng, *s: uniform(rng, 0.5, 2, *s),
            lambda rng, *s: uniform(rng, 1.5, 4, *s),
            {"log_input": False},
            {"full": True},
            {"full": True, "log_input": False},
        ),
        _of_pairs(_poisson),
        loose=8,
        extreme=False,
    ),
    OpSpec(
        "multilabel_margin_loss",
        F.multilabel_margin_loss,
        lambda rng: [
            *(
                of(distinct(rng, 2, 4) / 2, np.array([[2, 0, -1, 1], [-1, 1, 2, 3]]), reduction=reduction)
                for reduction in REDUCTIONS
            ),
            of(distinct(rng, 4) / 2, np.array([3, 1, 2, -1])),
        ],
        _multilabel,
        inputs=(0,),
        loose=4,
        extreme=False,
        edges=lambda rng: [of(np.zeros((0, 3)), np.zeros((0, 3), np.int64), reduction="sum")],
    ),
    OpSpec(
        "ctc_loss",
        _ctc_call,
        lambda rng: [
            of(normal(rng, 4, 2, 3), np.array([[1, 2], [2, 2]]), (4, 3), (2, 2)),
            of(normal(rng, 5, 2, 3), np.array([[1, 2], [2, 0]]), (5, 3), (2, 1)),
            of(normal(rng, 2, 2, 3), np.array([[1, 1], [2, 0]]), (2, 2), (2, 0), zero_infinity=True),
        ],
        _ctc,
        inputs=(0,),
        covers=("ctc_loss_backward",),
        dtypes=SINGLES,
        loose=4,
        extreme=False,
        second=False,
    ),
]
