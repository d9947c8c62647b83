"""Connectionist temporal classification: the likelihood of a sequence of labels over all its alignments in time.

The labels l of a sample are set between blanks, b l1 b l2 b ...; a path goes through these places in order, may stay,
and may leave out a blank between two different labels. alpha[t, s] is the logarithm of the probability of all paths
that are at place s at time t, beta[t, s] that of all ways from there to the end; both are computed in time, for all
samples and places at once.

Source: A. Graves and others, "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with
Recurrent Neural Networks", 2006, sections 4.1 and 4.2.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..._core.op import TensorBase, op
from ..._core.tensor_base import wrap
from ...backends import backend_of
from ..activation.softmax import title_of, widen
from ..pointwise import elementwise as e
from .common import check_reduction, check_tensors
from .pairs import named, register


class _Places:
    """The places of the labels of all samples.

    Attributes:
        labels: the class at each place, (N, S).
        skips: whether a path may come from two places before, (N, S).
        steps, ends: number of times, and of the last place, of each sample, (N, 1).
    """

    def __init__(self, xp: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int) -> None:
        n, longest = targets.shape
        self.labels = xp.full((n, 2 * longest + 1), blank, dtype="int64")
        self.labels[:, 1::2] = targets
        self.skips = xp.zeros(self.labels.shape, dtype="bool")
        self.skips[:, 3::2] = targets[:, 1:] != targets[:, :-1]
        self.steps = xp.asarray(np.asarray(input_lengths, np.int64))[:, None]
        self.ends = 2 * xp.asarray(np.asarray(target_lengths, np.int64))[:, None]
        self.numbers = xp.arange(self.labels.shape[1])[None]

    def emissions(self, xp: Any, x: Any) -> Any:
        """The log probability of each place's class at each time, (T, N, S)."""
        return xp.take_along_axis(x, xp.broadcast_to(self.labels[None], (x.shape[0], *self.labels.shape)), axis=2)


def _shifted(xp: Any, a: Any, by: int) -> Any:
    """``a`` moved along its places, -inf coming in."""
    out = xp.full_like(a, -math.inf)
    if by > 0:
        out[:, by:] = a[:, :-by]
    else:
        out[:, :by] = a[:, -by:]
    return out


def _forward(xp: Any, places: _Places, emitted: Any) -> Any:
    """alpha, (T, N, S)."""
    alpha = xp.full_like(emitted, -math.inf)
    if len(alpha):
        alpha[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(alpha)):
        before = alpha[t - 1]
        two = xp.where(places.skips, _shifted(xp, before, 2), xp.full_like(before, -math.inf))
        alpha[t] = xp.logaddexp(xp.logaddexp(before, _shifted(xp, before, 1)), two) + emitted[t]
    return alpha


def _backward(xp: Any, places: _Places, emitted: Any) -> Any:
    """beta, (T, N, S); with the emission at its own time."""
    beta = xp.full_like(emitted, -math.inf)
    nothing = xp.full_like(emitted[0], -math.inf)
    last = (places.numbers == places.ends) | (places.numbers == places.ends - 1)
    skips = xp.zeros_like(places.skips)
    skips[:, :-2] = places.skips[:, 2:]
    inside = places.numbers <= places.ends
    after = nothing
    for t in range(len(beta) - 1, -1, -1):
        two = xp.where(skips, _shifted(xp, after, -2), nothing)
        ways = xp.logaddexp(xp.logaddexp(after, _shifted(xp, after, -1)), two) + emitted[t]
        ways = xp.where(places.steps - 1 == t, xp.where(last, emitted[t], nothing), ways)
        after = beta[t] = xp.where((places.steps > t) & inside, ways, nothing)
    return beta


@op(saves=("x", "targets", "alpha", "losses"), residuals=("alpha", "losses"))
def _ctc_loss(
    xp: Any,
    x: Any,
    targets: Any,
    *,
    input_lengths: tuple[int, ...],
    target_lengths: tuple[int, ...],
    blank: int,
    zero_infinity: bool,
) -> Any:
    places = _Places(xp, targets, input_lengths, target_lengths, blank)
    wide = widen(x)
    alpha = _forward(xp, places, places.emissions(xp, wide))
    samples = xp.arange(targets.shape[0])
    final = alpha[xp.maximum(places.steps[:, 0] - 1, 0), samples]
    ends = xp.take_along_axis(final, places.ends, axis=1)[:, 0]
    labelled = xp.take_along_axis(final, xp.maximum(places.ends - 1, 0), axis=1)[:, 0]
    none = places.ends[:, 0] == 0
    losses = -xp.where(none, ends, xp.logaddexp(ends, labelled))
    # Without time there is one path for no labels, and none for some.
    impossible = xp.where(none, xp.zeros_like(losses), xp.full_like(losses, math.inf))
    losses = xp.where(places.steps[:, 0] == 0, impossible, losses)
    out = xp.where(xp.isinf(losses), xp.zeros_like(losses), losses) if zero_infinity else losses
    return out.astype(x.dtype, copy=False), alpha, losses


@_ctc_loss.vjp
def _(f: Any, g: Any, node: Any, x: Any, targets: Any, alpha: Any, losses: Any) -> tuple[Any, ...]:
    return f.ctc_loss_backward(g, x, targets, alpha, losses, **node.attrs), None


@op()
def _ctc_loss_backward(
    xp: Any,
    g: Any,
    x: Any,
    targets: Any,
    alpha: Any,
    losses: Any,
    *,
    input_lengths: tuple[int, ...],
    target_lengths: tuple[int, ...],
    blank: int,
    zero_infinity: bool,
) -> Any:
    """e^x less the probability, given the labels, that a path has the class at that time: the gradient of the loss by
    what the log softmax was made of, as PyTorch defines it for the log probabilities."""
    places = _Places(xp, targets, input_lengths, target_lengths, blank)
    wide = widen(x)
    emitted = places.emissions(xp, wide)
    beta = _backward(xp, places, emitted)
    shares = alpha + beta
    shares += losses[:, None]
    shares -= emitted
    possible = (alpha > -math.inf) & (beta > -math.inf)
    shares = xp.where(possible, xp.exp(shares), xp.zeros_like(shares))
    marks = (places.labels[:, :, None] == xp.arange(x.shape[2])).astype(wide.dtype)  # sample, place, class
    taken = xp.matmul(shares.transpose(1, 0, 2), marks).transpose(1, 0, 2)
    out = xp.exp(wide) - taken
    lost = xp.zeros_like(losses) if zero_infinity else xp.full_like(losses, math.nan)
    out = xp.where(xp.isinf(losses)[:, None], lost[:, None], out)
    out *= widen(g)[:, None]
    times = xp.arange(x.shape[0])[:, None, None]
    if zero_infinity:
        times = xp.where(xp.isinf(losses)[None, :, None], x.shape[0], times)
    out = xp.where(times < places.steps[None], out, xp.zeros_like(out))
    return out.astype(x.dtype, copy=False)


# ---------------------------------------------------------------------------------------------------------------------
# Checks


def _lengths(name: str, value: Any, batch: int, most: int | None) -> tuple[int, ...]:
    """Lengths on the host, checked."""
    if isinstance(value, TensorBase):
        if value._a.dtype.kind not in "iu":
            raise RuntimeError(f"{name} must be integral (ctc_loss: it is {value.dtype})")
        value = value.reshape(-1).tolist()
    if not isinstance(value, tuple | list):
        raise TypeError(
            f"ctc_loss(): argument '{name}' must be a tensor or a tuple of ints, not {type(value).__name__}"
        )
    lengths = tuple(map(operator.index, value))
    if len(lengths) != batch:
        raise RuntimeError(f"{name} must be of size batch_size (ctc_loss: {batch}, not {len(lengths)})")
    for length in lengths:
        if length < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value {length} (ctc_loss)")
        if most is not None and length > most:
            raise RuntimeError(f"Expected {name} to have value at most {most}, but got value {length} (ctc_loss)")
    return lengths


def _padded(targets: Any, lengths: tuple[int, ...], classes: int) -> Any:
    """The labels as (N, S), checked, with 0 behind each sample's."""
    a = targets._a
    if a.ndim > 2:
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {a.ndim}-dimensional tensor for argument #2 'targets' (ctc_loss)"
        )
    longest = max(lengths, default=0)
    places = np.arange(longest)
    mask = places < np.asarray(lengths)[:, None]
    if a.ndim == 1:
        if a.shape[0] != sum(lengths):
            raise RuntimeError(
                f"Expected tensor to have size {sum(lengths)} at dimension 0, but got size {a.shape[0]} for argument #2"
                " 'targets' (ctc_loss: the labels of all samples behind one another)"
            )
        starts = np.cumsum((0, *lengths))[:-1]
        flat, index = targets, (starts[:, None] + places) * mask
    else:
        for dimension, size in enumerate((len(lengths), longest)):
            if (a.shape[dimension] < size) if dimension else (a.shape[dimension] != size):
                least = "at least " if dimension else ""
                raise RuntimeError(
                    f"Expected tensor to have size {least}{size} at dimension {dimension}, but got size "
                    f"{a.shape[dimension]} for argument #2 'targets' (ctc_loss)"
                )
        flat, index = targets[:, :longest], None
    xp = backend_of(a).xp
    labels = flat._a if index is None else flat._a[xp.asarray(index)] if a.size else xp.zeros(mask.shape, a.dtype)
    labels = labels.astype("int64") * xp.asarray(mask)
    backend_of(a).check_index(labels, classes, "ctc_loss: targets", RuntimeError, 0)
    return labels


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Connectionist temporal classification: minus the log probability of the labels, over all their alignments.

    Args:
        log_probs: log probabilities of the classes at each time, as ``log_softmax`` gives them.
        targets: class numbers, none of them the blank.
        input_lengths: how many times count of each sample.
        target_lengths: how many labels each sample has.
        blank: the class that stands for no label.
        reduction: ``"mean"`` (each loss divided by its number of labels, then the mean), ``"sum"`` or ``"none"``.
        zero_infinity: set infinite losses, of labels that do not fit into the time, and their gradients to 0.

    Shape: log_probs (T, N, C) or (T, C); targets (N, S), or (sum of the target lengths); lengths (N) or (), tensors or
    tuples; the result is a number, or (N) or () with ``"none"``.

    The gradient is the one that PyTorch defines: right for what the ``log_softmax`` was made of.

    Raises:
        ValueError: ``reduction`` is none of these.
        RuntimeError: lengths do not fit, the blank or a label is no class.
        NotImplementedError: the numbers are not floating point.

    Source: A. Graves and others, "Connectionist Temporal Classification", 2006.

    Example:
        >>> import nnlite
        >>> log_probs = nnlite.zeros(4, 1, 3).log_softmax(2)
        >>> nnlite.nn.functional.ctc_loss(log_probs, nnlite.tensor([[1, 2]]), (4,), (2,))
        tensor(0.8432)
    """
    reduction = check_reduction(reduction)
    check_tensors("ctc_loss", log_probs)
    if not isinstance(targets, TensorBase):
        raise TypeError(f"ctc_loss(): argument 'targets' (position 2) must be Tensor, not {type(targets).__name__}")
    single = log_probs._a.ndim == 2
    rows = log_probs.unsqueeze(1) if single else log_probs
    a = rows._a
    if a.ndim != 3:
        raise RuntimeError(f"ctc_loss: log_probs is (T, N, C) or (T, C), not {list(log_probs._a.shape)}")
    if not a.size:
        raise RuntimeError("log_probs tensor must not be empty (ctc_loss)")
    if a.dtype.kind not in "fV":
        raise NotImplementedError(f"\"ctc_loss\" not implemented for '{title_of(a)}' (ctc_loss: call .float())")
    times, batch, classes = a.shape
    if not 0 <= blank < classes:
        raise RuntimeError(f"blank must be in label range (ctc_loss: 0 to {classes - 1}, not {blank})")
    inputs = _lengths("input_lengths", input_lengths, batch, times)
    lengths = _lengths("target_lengths", target_lengths, batch, None)
    if type(targets._a) is not type(a):
        targets = targets.to(log_probs.device)
    if single and targets._a.ndim == 1:
        targets = targets.unsqueeze(0) if targets._a.shape[0] != sum(lengths) else targets
    labels = wrap(_padded(targets, lengths, classes))
    losses = _ctc_loss(
        rows, labels, input_lengths=inputs, target_lengths=lengths, blank=blank, zero_infinity=bool(zero_infinity)
    )
    if reduction == "mean":
        share = log_probs.new_tensor([1 / max(length, 1) / batch for length in lengths])
        return e.mul(losses, share).sum()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses


def _public_ctc(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """See :func:`nnlite.nn.functional.ctc_loss`; the reduction is 0 (none), 1 (mean) or 2 (sum)."""
    return ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, named(reduction), zero_infinity)


register("ctc_loss", _public_ctc)
