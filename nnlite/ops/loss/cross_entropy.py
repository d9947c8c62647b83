"""Losses of class labels: the negative log likelihood, and the cross entropy of logits.

Labels stand for one position each: a sample, or a sample's pixel. In all bodies the classes are axis 1.
"""

from __future__ import annotations

import math
from typing import Any

from ..._core import dtypes
from ..._core.node import Node, next_seq
from ..._core.op import cast, op, recorded
from ..._core.operands import all_examples
from ..._core.tensor_base import wrap
from ..._core.views import node_of
from ...backends import backend_of
from ...backends.registry import tables
from .._axes import axis_of
from ..activation.softmax import _log_softmax, _softmax, title_of, widen
from ..pointwise import elementwise as e
from .common import as_type, check_reduction, check_tensors, legacy_reduction, reduced

# ---------------------------------------------------------------------------------------------------------------------
# What both operations do with labels


def _rows(x: Any, target: Any) -> tuple[Any, Any]:
    """Numbers (N, C, ...) and labels (N, ...); a single sample without a batch axis gets one."""
    if x.ndim == 1:
        x, target = x[None], target.reshape(1)
    return x, target.astype("int64", copy=False)


def _places(xp: Any, labels: Any) -> tuple[Any, ...]:
    """The index that picks one class at each position."""
    n = labels.ndim
    grid = [xp.arange(size).reshape((-1,) + (1,) * (n - i - 1)) for i, size in enumerate(labels.shape)]
    return (grid[0], labels, *grid[1:])


def _column(a: Any) -> Any:
    """A number for each position with the axis of classes, of size 1; what is one number stays so."""
    return a[:, None] if a.ndim else a


def _along_classes(a: Any, ndim: int) -> Any:
    """A number for each class, to be broadcast with (N, C, ...)."""
    return a.reshape((-1,) + (1,) * (ndim - 2))


class _Shares:
    """How much each position counts.

    Attributes:
        labels: class of each position, 0 where it is ignored.
        valid: where it is not ignored; None for everywhere.
        weight: the weight of its class, None for 1.
        total: what the mean divides by.
        unit: 1 / total for the mean, else 1; 0 where ignored. A number, or an array over the positions.
    """

    def __init__(
        self, xp: Any, labels: Any, weight: Any, kind: Any, reduction: str, ignore_index: int, masked: bool
    ) -> None:
        self.valid = valid = labels != ignore_index if masked else None
        self.labels = labels if valid is None else labels * valid
        self.weight = None if weight is None else widen(weight)[self.labels]
        self.total: Any = 1
        if reduction == "mean":
            if self.weight is not None:
                self.total = xp.sum(self.weight if valid is None else self.weight * valid)
            elif valid is not None:
                self.total = xp.sum(valid).astype(kind)
            else:
                self.total = labels.size or math.nan
        self.unit: Any = 1 / self.total
        if valid is not None:
            self.unit = xp.where(valid, xp.asarray(self.unit, dtype=kind), xp.zeros((), kind))

    def only_valid(self, xp: Any, losses: Any) -> Any:
        """Losses with 0 at the ignored positions, whatever stood there."""
        return losses if self.valid is None else xp.where(self.valid, losses, 0.0).astype(losses.dtype, copy=False)


def _result(xp: Any, losses: Any, x: Any, reduction: str, total: Any) -> Any:
    out = as_type(reduced(xp, losses, reduction, total), x.dtype)
    return out.reshape(()) if x.ndim == 1 else out


def _title(node: Any) -> str:
    if node.attrs.get("smoothing"):
        return "AddBackward0"
    ndim = len(node.shapes[0])
    if ndim <= 2:
        return "NllLossBackward0"
    # PyTorch computes other numbers of dimensions as 4 and shapes the result.
    return "NllLoss2DBackward0" if ndim == 4 or node.attrs["reduction"] != "none" else "ViewBackward0"


# ---------------------------------------------------------------------------------------------------------------------
# Negative log likelihood


@op(residuals=("labels", "share"), saves=("target", "labels", "share"), title=_title)
def _nll_loss(xp: Any, x: Any, target: Any, weight: Any, *, reduction: str, ignore_index: int, masked: bool) -> Any:
    rows, labels = _rows(x, target)
    kind = widen(x[:0]).dtype
    shares = _Shares(xp, labels, weight, kind, reduction, ignore_index, masked)
    losses = -widen(rows[_places(xp, shares.labels)])
    share = -shares.unit if shares.valid is not None else xp.full(labels.shape, -shares.unit, kind)
    if shares.weight is not None:
        losses *= shares.weight
        share *= shares.weight
    out = _result(xp, shares.only_valid(xp, losses), x, reduction, shares.total)
    return out, shares.labels[:, None], share.astype(x.dtype, copy=False)[:, None]


@_nll_loss.vjp
def _(f: Any, g: Any, node: Any, target: Any, labels: Any, share: Any) -> tuple[Any, ...]:
    shape = node.shapes[0]
    rows = (1, *shape) if len(shape) == 1 else shape
    if f is recorded:
        if len(shape) > 1 and g.ndim:
            g = f.reshape(g, shape=share.shape)
        gx = f.put_along_axis(g * share, labels, axis=1, shape=rows)
    else:
        gx = f.nll_loss_backward(g, labels, share, shape=rows)
    return (gx if len(shape) > 1 else f.reshape(gx, shape=shape)), None, None


@op()
def _nll_loss_backward(xp: Any, g: Any, labels: Any, share: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros, with g share at the labels."""
    out = xp.zeros(shape, g.dtype)
    out[_places(xp, labels[:, 0])] = g * share[:, 0]
    return out


# ---------------------------------------------------------------------------------------------------------------------
# Cross entropy of logits: log softmax and negative log likelihood in one


@op(outputs=3)
def _exponentials(xp: Any, x: Any, *, axis: int) -> tuple[Any, Any, Any]:
    """e^(x - top), its sums along an axis, which stays, and top, the largest x along that axis."""
    top = xp.max(x, axis=axis, keepdims=True) if x.size else x.sum(axis=axis, keepdims=True)
    exps = x - top
    xp.exp(exps, out=exps)
    return exps, xp.sum(exps, axis=axis, keepdims=True), top


@op(
    saves=("target", "weight", "exps", "sums", "labels", "share", "even"),
    residuals=("exps", "sums", "labels", "share", "even"),
    title=_title,
)
def _cross_entropy(
    xp: Any,
    x: Any,
    target: Any,
    weight: Any,
    *,
    reduction: str,
    ignore_index: int,
    masked: bool,
    smoothing: float,
) -> Any:
    """The exponentials are kept, and divided by their sums when the gradient is made: one pass for both."""
    rows, labels = _rows(x, target)
    rows = widen(rows)
    shares = _Shares(xp, labels, weight, rows.dtype, reduction, ignore_index, masked)
    exps, sums, tops = tables[type(rows)].exponentials(rows, axis=1)
    log_sums = xp.log(sums[:, 0])
    losses = log_sums - (rows[_places(xp, shares.labels)] - tops[:, 0])
    share, even = shares.unit, None
    if shares.weight is not None:
        losses *= shares.weight
        share = share * shares.weight
    if smoothing:
        # Minus the sum over the classes of weight times log probability.
        shifted = rows - tops
        spread = -xp.sum(shifted if weight is None else shifted * _along_classes(widen(weight), rows.ndim), axis=1)
        classes = rows.shape[1]
        spread += log_sums * (classes if weight is None else xp.sum(widen(weight)))
        losses = losses * (1 - smoothing) + spread * (smoothing / classes)
        share = share * (1 - smoothing)
        even = shares.unit * (smoothing / classes)
    out = _result(xp, shares.only_valid(xp, losses), x, reduction, shares.total)
    return out, exps, sums, shares.labels, share, even


@_cross_entropy.vjp
def _(f: Any, g: Any, node: Any, target: Any, weight: Any, *residuals: Any) -> tuple[Any, ...]:
    exps, sums, labels, share, even = residuals
    if f is recorded:
        even = None if even is None else g * even
        return _recorded_gradient(f, g * share, even, weight, _probabilities(node, exps, sums, g), labels), None, None
    gx = f.cross_entropy_backward(g, share, even, weight, exps, sums, labels)
    return gx.reshape(node.shapes[0]), None, None


@op()
def _cross_entropy_backward(
    xp: Any, g: Any, share: Any, even: Any, weight: Any, exps: Any, sums: Any, labels: Any
) -> Any:
    """g share (p - onehot) + g even (p sum w - w) in the dtype of g, where p is the softmax, exps / sums."""
    share, even = g * share, None if even is None else g * even
    factor = share
    if even is not None:
        factor = share + even * (exps.shape[1] if weight is None else xp.sum(widen(weight)))
    out = exps * (_column(factor) / sums)
    out[_places(xp, labels)] -= share
    if even is not None:
        column = _column(even)
        out -= column if weight is None else column * _along_classes(widen(weight), out.ndim)
    return out.astype(g.dtype, copy=False)


def _probabilities(node: Any, exps: Any, sums: Any, g: Any) -> Any:
    """The softmax as a tensor made from the logits, as a softmax operation would have left it.

    The logits are not kept: double backward needs only the node before them.
    """
    p = wrap((exps._a / sums._a).astype(g._a.dtype, copy=False).reshape(node.shapes[0]))
    n = p._node = Node()
    n.op = _softmax.op
    n.edges, n.shapes = node.edges[:1], node.shapes[:1]
    n.attrs = {"axis": 1 if len(node.shapes[0]) > 1 else 0}
    n.saved, n.versions = (p._a,), (p._vc, p._vc[0])
    n.hooks, n.outputs, n.where, n.seq = None, 1, node.where, next_seq()
    return p


def _recorded_gradient(f: Any, share: Any, even: Any, weight: Any, p: Any, labels: Any) -> Any:
    """What ``cross_entropy_backward`` computes, in recorded operations."""
    shape = p.shape
    rows = shape if len(shape) > 1 else (1, *shape)
    column = (rows[0], 1, *rows[2:])
    p = f.reshape(p, shape=rows)
    share = f.broadcast_to(f.reshape(share, shape=column if share.ndim else (1,) * len(rows)), shape=column)
    factor = share
    if even is not None:
        even = f.reshape(even, shape=column if even.ndim else (1,) * len(rows))
        factor = share + even * (rows[1] if weight is None else weight.sum())
    out = p * factor - f.put_along_axis(share, f.reshape(labels, shape=column), axis=1, shape=rows)
    if even is not None:
        out = out - (even if weight is None else even * f.reshape(weight, shape=(-1,) + (1,) * (len(rows) - 2)))
    return f.reshape(f.cast(out, dtype=p._a.dtype, source=out._a.dtype), shape=shape)


def _soft_title(node: Any) -> str:
    return "DivBackward1" if node.attrs["reduction"] == "mean" else "NegBackward0"


@op(saves=("logp", "y"), title=_soft_title)
def _soft_target_loss(xp: Any, logp: Any, y: Any, *, axis: int, reduction: str) -> Any:
    losses = -xp.sum(widen(logp) * widen(y), axis=axis)
    return reduced(xp, losses, reduction, losses.size or math.nan).astype(logp.dtype, copy=False)


@_soft_target_loss.vjp
def _(f: Any, g: Any, node: Any, logp: Any, y: Any) -> tuple[Any, ...]:
    shape, axis, reduction = node.shapes[0], node.attrs["axis"], node.attrs["reduction"]
    g = -g
    if reduction == "none":
        g = f.reshape(g, shape=(*shape[:axis], 1, *shape[axis + 1 :]))
    elif reduction == "mean":
        g = g / (math.prod(shape) / shape[axis])
    xn, yn = node.edges
    kind, wide = (getattr(v, "_a", v).dtype for v in (y, g))
    if kind != wide:  # 16-bit numbers divided by a Python number
        g = f.cast(g, dtype=kind, source=wide)
    return None if xn is None else g * y, None if yn is None else g * logp


# ---------------------------------------------------------------------------------------------------------------------
# Checks


def _check_shapes(name: str, a: Any, t: Any) -> None:
    """Raise PyTorch's errors for an input and labels whose shapes do not belong together."""
    if not a.ndim:
        raise ValueError(f"Expected 1 or more dimensions (got 0) ({name}: the input is (C), (N, C) or (N, C, d1, ...))")
    if a.ndim > 1 and t.shape[:1] != a.shape[:1]:
        size = t.shape[0] if t.ndim else 0
        raise ValueError(f"Expected input batch_size ({a.shape[0]}) to match target batch_size ({size}).")
    if a.ndim <= 2:
        if t.ndim > 1:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported ({name}: the target has {list(t.shape)}; "
                "it holds one class number a sample)"
            )
        if a.ndim == 1 and t.size != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t.shape[0]}")
    elif a.ndim == 4 and t.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {t.ndim}"
        )
    elif a.ndim == 4 and t.shape[1:] != a.shape[2:]:
        raise RuntimeError(f"size mismatch (got input: {list(a.shape)} , target: {list(t.shape)}")
    elif t.shape[1:] != a.shape[2:]:
        raise RuntimeError(f"Expected target size {[a.shape[0], *a.shape[2:]]}, got {list(t.shape)}")


def _check_weight(name: str, a: Any, weight: Any) -> None:
    if weight is None:
        return
    classes, w = a.shape[1 if a.ndim > 1 else 0], weight._a
    if w.shape != (classes,):
        if a.ndim > 2:
            raise RuntimeError(
                f"weight tensor should be defined either for all or no classes ({name}: {classes} classes, weight "
                f"{list(w.shape)})"
            )
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(w.shape)}"
        )
    if w.dtype != a.dtype:
        raise RuntimeError(
            f"expected scalar type {title_of(a)} but found {title_of(w)} ({name}: convert the weight with "
            ".to(input.dtype))"
        )
    if node_of(weight) is not None:
        raise RuntimeError("The function 'nll_loss_forward' is not differentiable with respect to argument 'weight'. "
                           "This input cannot have requires_grad True.")  # fmt: skip


def _check_labels(name: str, a: Any, t: Any, ignore_index: int) -> bool:
    """Raise for labels that are no class; whether some positions may have to be ignored."""
    classes = a.shape[1 if a.ndim > 1 else 0]
    t = all_examples(t)
    backend = backend_of(t)
    if not backend.checks_indices:
        t = t.astype("int64", copy=False)  # which can be compared with a negative number
        backend.check_index(t, classes, name, IndexError, 0, ignore_index)
        return True
    if not t.size or (backend.are_indices(t, classes) and not 0 <= ignore_index < classes):
        return False
    wrong = t[((t < 0) | (t >= classes)) & (t != ignore_index)]
    if wrong.size:
        raise IndexError(
            f"Target {wrong[0]} is out of bounds. ({name}: the input has {classes} classes, so that targets are 0 to "
            f"{classes - 1}, or {ignore_index} to be ignored)"
        )
    return True


def _check_labels_dtype(name: str, t: Any) -> None:
    if t.dtype not in (dtypes.int64.np, dtypes.uint8.np):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {title_of(t)} ({name}: convert the target with .long())"
        )


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    r"""The negative log likelihood of labels: -w_y x_y at each position, where y is its label.

    The mean is the sum of these over the sum of the weights w_y. Positions that are ignored count in neither; where all
    are, the mean is NaN.

    Args:
        input: log probabilities.
        target: class numbers, int64 or uint8.
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        ignore_index: positions with this label are left out.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input (C), (N, C) or (N, C, d1, ...); target (), (N) or (N, d1, ...); with ``"none"`` the result has the
    target's shape, else it is a number.

    Raises:
        IndexError: a label is no class. On a device that works on its own it comes at the next synchronisation.
        ValueError: the batch sizes differ, or there is no such reduction.
        RuntimeError: other shapes do not fit, or a dtype does not.

    Example:
        >>> import nnlite
        >>> logp = nnlite.tensor([[-0.1, -2.4], [-1.2, -0.4]])
        >>> nnlite.nn.functional.nll_loss(logp, nnlite.tensor([0, 1]))
        tensor(0.2500)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_tensors("nll_loss", input, target, weight)
    reduction = check_reduction(reduction)
    a, t = input._a, target._a
    _check_shapes("nll_loss", a, t)
    if a.dtype.kind not in "fV":
        kernel = "nll_loss_out_frame" if a.ndim <= 2 else "nll_loss2d_forward_out_frame"
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{title_of(a)}' (nll_loss needs floating-point log probabilities)"
        )
    _check_labels_dtype("nll_loss", t)
    _check_weight("nll_loss", a, weight)
    masked = _check_labels("nll_loss", a, t, ignore_index)
    return _nll_loss(input, target, weight, reduction=reduction, ignore_index=ignore_index, masked=masked)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    r"""The cross entropy of logits and labels: -w_y log softmax(x)_y at each position, where y is its label.

    With label smoothing s and C classes it is (1 - s) of that and s / C of the sum of -w_c log softmax(x)_c over all
    classes c. The mean is the sum over the positions divided by the sum of the weights w_y. Positions that are ignored
    count in neither; where all are, the mean is NaN.

    A target of the input's shape holds probabilities p_c: the loss is then the sum of -w_c p_c log softmax(x)_c, and
    the mean divides by the number of positions.

    Args:
        input: logits, that is, numbers before a softmax.
        target: class numbers, int64 or uint8; or probabilities.
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        ignore_index: positions with this label are left out.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        label_smoothing: from 0 to 1.

    Shape: input (C), (N, C) or (N, C, d1, ...); target (), (N) or (N, d1, ...) for class numbers, the input's for
    probabilities; with ``"none"`` the result has a number for each position, else it is one number.

    Raises:
        IndexError: a label is no class. On a device that works on its own it comes at the next synchronisation.
        ValueError: the batch sizes differ, or there is no such reduction.
        RuntimeError: other shapes do not fit, a dtype does not, or the label smoothing is above 1.

    Example:
        >>> import nnlite
        >>> logits = nnlite.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> nnlite.nn.functional.cross_entropy(logits, nnlite.tensor([0, 1]))
        tensor(0.4100)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy_reduction(size_average, reduce)
    check_tensors("cross_entropy", input, target, weight)
    reduction = check_reduction(reduction)
    smoothing = max(label_smoothing, 0.0)
    if smoothing > 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    a, t = input._a, target._a
    if a.shape == t.shape:
        return _of_probabilities(input, target, weight, ignore_index, reduction, smoothing)
    _check_logits(a)
    _check_shapes("cross_entropy", a, t)
    _check_labels_dtype("cross_entropy", t)
    _check_weight("cross_entropy", a, weight)
    masked = _check_labels("cross_entropy", a, t, ignore_index)
    return _cross_entropy(
        input, target, weight, reduction=reduction, ignore_index=ignore_index, masked=masked, smoothing=smoothing
    )


def _check_logits(a: Any) -> None:
    if a.dtype.kind not in "fV":
        kernel = "log_softmax_lastdim_kernel_impl" if a.ndim <= 2 else "log_softmax_kernel_impl"
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{title_of(a)}' (cross_entropy needs floating-point logits)"
        )


def _of_probabilities(input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float) -> Any:
    """The cross entropy of logits and probabilities."""
    a, t = input._a, target._a
    if t.dtype.kind not in "fV":
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {title_of(t)} (cross_entropy: a "
            "target of the input's shape holds probabilities; class numbers have no axis of classes)"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _check_logits(a)
    axis = axis_of(1, a.ndim) if a.ndim != 1 else 0
    if weight is not None and weight._a.shape != (a.shape[axis],):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {a.shape[axis]} classes or no classes but "
            f"got weight tensor of shape: {list(weight._a.shape)}"
        )
    logp = _log_softmax(input, axis=axis)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / a.shape[axis]
    if weight is not None:
        target = e.mul(target, weight.reshape((-1,) + (1,) * (a.ndim - axis - 1)))
    kind = dtypes.result((logp._a, target._a)).np
    logp, target = (v if v._a.dtype == kind else cast(v, kind) for v in (logp, target))
    return _soft_target_loss(logp, target, axis=axis, reduction=reduction)
