"""Losses of distances and of margins between classes, and the Gaussian likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..._core.op import TensorBase, op
from ...backends import backend_of
from .._blocks import blocks
from ..activation.softmax import title_of, widen
from ..distance.vectors import pairwise_distance
from ..pointwise import elementwise as e
from .common import check_reduction, check_tensors, reduced
from .likelihood import _binary_cross_entropy_with_logits
from .pairs import _reduction_of, _same_kind, _total, named, register


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, margin - y_i (a_i - b_i)): their mean, their sum, or each.

    Args:
        input1, input2: the scores a and b.
        target: y, 1 where a has to be the larger one, -1 where b has to be.
        margin: by how much.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: all with the same number of dimensions, broadcast together.

    Raises:
        ValueError: ``reduction`` is none of these.
        RuntimeError: the numbers of dimensions differ.

    Example:
        >>> import nnlite
        >>> a, b = nnlite.tensor([1.0, 2.0]), nnlite.tensor([3.0, 1.0])
        >>> nnlite.nn.functional.margin_ranking_loss(a, b, nnlite.tensor([1.0, 1.0]))
        tensor(1.)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("margin_ranking_loss", input1, input2, target)
    if not input1._a.ndim == input2._a.ndim == target._a.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return _total((margin - target * (input1 - input2)).clamp(min=0), reduction)


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The mean over the classes of the binary cross entropy of sigmoid(x_c) and y_c.

    Args:
        input: logits.
        target: 0 or 1 for each class.
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, over the samples.

    Shape: input and target (N, C) or (C); the result is a number, or (N) with ``"none"``.

    Raises:
        ValueError: ``reduction`` is none of these.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.multilabel_soft_margin_loss(nnlite.zeros(1, 3), nnlite.ones(1, 3))
        tensor(0.6931)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    input, target = _same_kind("multilabel_soft_margin_loss", input, target)
    losses = _binary_cross_entropy_with_logits(input, target, reduction="none")
    if weight is not None:
        losses = e.mul(losses, weight)
    return _total(losses.sum(-1) / input._a.shape[-1], reduction)


# ---------------------------------------------------------------------------------------------------------------------
# Margins between classes


def _check_rows(name: str, a: Any) -> None:
    if a.ndim > 2 or (a.ndim and not a.shape[-1]):
        raise RuntimeError(
            f"{name}: Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(a.shape)}"
        )
    if a.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"{name}_out_frame\" not implemented for '{title_of(a)}' ({name} needs floating-point numbers)"
        )


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The sum over the other classes c of w_y max(0, margin - x_y + x_c)^p / C, where y is the sample's class.

    Args:
        input: scores.
        target: class numbers.
        p: 1 or 2.
        margin: by how much the right class has to be ahead.
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input (N, C) or (C), target (N) or (); the result is a number, or has the target's shape with ``"none"``.

    Raises:
        ValueError: ``reduction`` is none of these, ``p`` is neither 1 nor 2, or the weight is not a vector.
        RuntimeError: shapes or dtypes do not fit, or a target is out of range.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.multi_margin_loss(nnlite.tensor([[0.1, 0.2, 0.4, 0.8]]), nnlite.tensor([3]))
        tensor(0.3250)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"only p == 1 and p == 2 supported (multi_margin_loss: p is {p})")
    check_tensors("multi_margin_loss", input, target, weight)
    if weight is not None and weight._a.ndim != 1:
        raise ValueError(f"weight must be one-dimensional (multi_margin_loss: it has {weight._a.ndim} dimensions)")
    a, t = input._a, target._a
    _check_rows("multi_margin_loss", a)
    samples, classes = (a.shape[0] if a.ndim > 1 else 1), (a.shape[-1] if a.ndim else 1)
    if t.ndim > 1 or t.size != samples:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of samples. Expected target "
            f"size [{samples}], but got {list(t.shape)}"
        )
    if weight is not None and weight._a.size != classes:
        raise RuntimeError(
            f"multi_margin_loss: inconsistent weight size, expected {classes} but got {list(weight._a.shape)}"
        )
    if t.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {title_of(t)} (multi_margin_loss: target.long())")
    backend_of(t).check_index(t, classes, "multi_margin_loss: target out of range", RuntimeError, 0)
    rows = input.reshape(samples, classes)
    labels = target.reshape(samples, 1)
    gaps = (margin - rows.gather(1, labels) + rows).clamp(min=0)
    losses = (gaps * gaps if p == 2 else gaps).scatter(1, labels, 0.0)
    if weight is not None:
        losses = losses * weight.detach()[labels.reshape(-1)].unsqueeze(1)
    losses = losses.sum(1) / classes
    return _total(losses if t.ndim and a.ndim > 1 else losses.reshape(()), reduction)


@op(residuals=("slope",), saves=("slope",), title="MultilabelMarginLossBackward0")
def _multilabel_margin_loss(xp: Any, x: Any, target: Any, *, reduction: str) -> Any:
    shape = x.shape
    classes = shape[-1] if shape else 1
    wide, labels = widen(x).reshape(-1, classes), target.reshape(-1, classes)
    places = xp.arange(classes)
    # A label counts up to the first -1.
    valid = xp.cumsum((labels < 0).astype("int64"), axis=1) == 0
    losses, slope = xp.empty(wide.shape[:1], wide.dtype), xp.empty(wide.shape, wide.dtype)
    for part in blocks(xp, wide.shape[0], 4 * wide.dtype.itemsize * classes * classes):
        rows, used = wide[part], valid[part]
        where = labels[part] * used
        marks = (where[:, :, None] == places) & used[:, :, None]  # sample, label, class
        others = ~xp.any(marks, axis=1)[:, None, :]
        gaps = 1 - xp.take_along_axis(rows, where, axis=1)[:, :, None] + rows[:, None, :]
        gaps = xp.maximum(gaps, 0) * (used[:, :, None] & others)
        active = gaps > 0
        losses[part] = xp.sum(gaps, axis=(1, 2)) / classes
        ahead = xp.sum(active, axis=2).astype(wide.dtype)
        slope[part] = (xp.sum(active, axis=1).astype(wide.dtype) - xp.sum(marks * ahead[:, :, None], axis=1)) / classes
    if reduction == "mean":
        slope /= max(len(losses), 1)
    out = reduced(xp, losses, reduction, len(losses) or math.nan).astype(x.dtype, copy=False)
    return (out if len(shape) > 1 else out.reshape(())), slope.astype(x.dtype, copy=False).reshape(shape)


@_multilabel_margin_loss.vjp
def _(f: Any, g: Any, node: Any, slope: Any) -> tuple[Any, ...]:
    if node.attrs["reduction"] == "none" and len(slope.shape) > 1:
        g = f.reshape(g, shape=(*g.shape, 1))
    return g * slope, None


def multilabel_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The sum of max(0, 1 - x_j + x_i) / C over the labels j of a sample and the classes i that are no label of it.

    Args:
        input: scores.
        target: class numbers; those before the first -1 in a row are the sample's labels.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (N, C) or (C); the result is a number, or (N) with ``"none"``.

    Raises:
        ValueError: ``reduction`` is none of these.
        RuntimeError: shapes or dtypes do not fit, or a target is out of range.

    Example:
        >>> import nnlite
        >>> x, y = nnlite.tensor([[0.1, 0.2, 0.4, 0.8]]), nnlite.tensor([[3, 0, -1, 1]])
        >>> nnlite.nn.functional.multilabel_margin_loss(x, y)
        tensor(0.8500)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("multilabel_margin_loss", input, target)
    a, t = input._a, target._a
    _check_rows("multilabel_margin_loss", a)
    if t.shape != a.shape and not (a.size == t.size == 1 and t.ndim <= 1):
        raise RuntimeError(f"inconsistent target size: {list(t.shape)} for input of size: {list(a.shape)}")
    if t.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {title_of(t)} (multilabel_margin_loss: target.long())")
    classes = a.shape[-1] if a.ndim else 1
    backend_of(t).check_index(t * (t >= 0), classes, "multilabel_margin_loss: target out of range", RuntimeError, 0)
    return _multilabel_margin_loss(input, target, reduction=reduction)


# ---------------------------------------------------------------------------------------------------------------------
# Distances


_COSINE_EPS = 1e-12


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1.

    Args:
        input1, input2: the vectors a and b.
        target: 1 or -1 for each pair.
        margin: the cosine below which pairs that do not belong together count nothing.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: inputs (N, D) and target (N), or (D) and (); the result is a number, or has the target's shape with
    ``"none"``.

    Raises:
        ValueError: ``reduction`` is none of these.
        RuntimeError: the shapes do not belong together.

    Example:
        >>> import nnlite
        >>> a, b = nnlite.tensor([[3.0, 4.0]]), nnlite.tensor([[3.0, 0.0]])
        >>> nnlite.nn.functional.cosine_embedding_loss(a, b, nnlite.tensor([1.0]))
        tensor(0.4000)
    """
    reduction = _reduction_of(reduction, size_average, reduce)
    check_tensors("cosine_embedding_loss", input1, input2, target)
    ndim = target._a.ndim
    if ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported (cosine_embedding_loss)")
    if input1._a.ndim != ndim + 1 or input2._a.ndim != ndim + 1:
        raise RuntimeError(
            f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1._a.shape)} and {list(input2._a.shape)}."
        )
    squares = [(x * x).sum(ndim) + _COSINE_EPS for x in (input1, input2)]
    cosine = (input1 * input2).sum(ndim) / (squares[0] * squares[1]).sqrt()
    zeros = e.zeros_like(cosine)
    together = (1 - cosine).where(target == 1, zeros)
    apart = (cosine - margin).clamp(min=0).where(target == -1, zeros)
    return _total(together + apart, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, d(a, p) - d(a, n) + margin), with the distances of :func:`pairwise_distance`.

    Args:
        anchor, positive, negative: the vectors a, p (like a) and n (unlike a).
        margin: by how much n has to be farther away.
        p, eps: of the distance.
        swap: take the smaller one of d(a, n) and d(p, n).
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: all (N, D) or (D); the result is a number, or (N) or () with ``"none"``.

    Raises:
        ValueError: ``reduction`` is none of these, or the margin is not positive.
        RuntimeError: the numbers of dimensions differ.

    Source: V. Balntas and others, "Learning local feature descriptors with triplets and shallow convolutional neural
    networks", 2016.

    Example:
        >>> import nnlite
        >>> a = nnlite.zeros(1, 2)
        >>> nnlite.nn.functional.triplet_margin_loss(a, a + 1, a + 2)
        tensor(0.)
    """
    reduction = _reduction_of(reduction, size_average, reduce)

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, d(a, p) - d(a, n) + margin), with any distance.

    Args:
        anchor, positive, negative: a, p (like a) and n (unlike a).
        distance_function: d of two tensors; :func:`pairwise_distance` unless given.
        margin: by how much n has to be farther away.
        swap: take the smaller one of d(a, n) and d(p, n).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: what the distance takes.

    Raises:
        ValueError: ``reduction`` is none of these, or the margin is not positive.
        RuntimeError: the numbers of dimensions differ.

    Example:
        >>> import nnlite
        >>> a, d = nnlite.zeros(1, 2), lambda x, y: (x - y).abs().max(1).values
        >>> nnlite.nn.functional.triplet_margin_with_distance_loss(a, a + 2, a + 1, distance_function=d)
        tensor(2.)
    """
    reduction = check_reduction(reduction)
    return _triplet(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplet(
    anchor: Any, positive: Any, negative: Any, distance: Any, margin: float, swap: bool, reduction: str
) -> Any:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    check_tensors("triplet_margin_loss", anchor, positive, negative)
    dims = [t._a.ndim for t in (anchor, positive, negative)]
    if len(set(dims)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = e.minimum(far, distance(positive, negative))
    return _total((margin + near - far).clamp(min=0), reduction)


# ---------------------------------------------------------------------------------------------------------------------
# Gaussian likelihood


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """The negative log likelihood (log v + (x_i - y_i)^2 / v) / 2 of targets with normal distributions.

    Args:
        input: the expectations x.
        target: the samples y.
        var: the variances v: a number, a tensor of the input's shape, or one for all along the last dimension or one
            other.
        full: add log(2 pi) / 2.
        eps: variances below it are replaced by it, without effect on the gradient.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target any, of one shape or broadcast.

    Raises:
        ValueError: a variance is negative or of another size, or ``reduction`` is none of these.

    Source: D. Nix, A. Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.gaussian_nll_loss(nnlite.zeros(2), nnlite.ones(2), nnlite.ones(2))
        tensor(0.5000)
    """
    if isinstance(var, TensorBase):
        negative = bool(e.lt(var, 0).any())
    else:
        negative = bool(var < 0)
        var = e.zeros_like(input.detach()) + var
    if negative:
        raise ValueError("var has negative entry/entries (gaussian_nll_loss)")
    check_tensors("gaussian_nll_loss", input, target, var)
    shape, own = tuple(input._a.shape), tuple(var._a.shape)
    if own != shape:
        if own == shape[:-1]:
            var = var.unsqueeze(-1)
        elif not (len(own) == len(shape) and sum(m for n, m in zip(shape, own, strict=True) if n != m) == 1):
            raise ValueError(f"var is of incorrect size (gaussian_nll_loss: {list(own)}, the input is {list(shape)})")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid (gaussian_nll_loss: 'none', 'mean' or 'sum')")
    # The larger value, with the gradient of the variance itself.
    spread = var + (var.detach().clamp(min=eps) - var.detach())
    difference = input - target
    losses = 0.5 * (spread.log() + difference * difference / spread)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return _total(losses, reduction)


# ---------------------------------------------------------------------------------------------------------------------
# As functions of nnlite, whose reductions are numbers: 0 none, 1 mean, 2 sum


def _public_ranking(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """See :func:`nnlite.nn.functional.margin_ranking_loss`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    return margin_ranking_loss(input1, input2, target, margin, reduction=named(reduction))


def _public_cosine(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Any:
    """See :func:`nnlite.nn.functional.cosine_embedding_loss`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    return cosine_embedding_loss(input1, input2, target, margin, reduction=named(reduction))


def _public_triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Any:
    """See :func:`nnlite.nn.functional.triplet_margin_loss`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    return triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=named(reduction))


for _name, _function in (
    ("margin_ranking_loss", _public_ranking),
    ("cosine_embedding_loss", _public_cosine),
    ("triplet_margin_loss", _public_triplet),
):
    register(_name, _function)
