"""Losses of margins, distances and sequences, as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from ._loss_bases import _Loss, _WeightedLoss
from .distance import PairwiseDistance


class HingeEmbeddingLoss(_Loss):
    """x_i where the target y_i is 1, max(0, margin - x_i) where it is -1: their mean, their sum, or each.

    Args:
        margin: the distance beyond which pairs that do not belong together count nothing.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.HingeEmbeddingLoss()(nnlite.tensor([0.5, 0.25]), nnlite.tensor([1.0, -1.0]))
        tensor(0.6250)
    """

    __constants__ = ["margin", "reduction"]  # noqa: RUF012

    margin: float

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.hinge_embedding_loss`."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """The sum of max(0, 1 - x_j + x_i) / C over the labels j of a sample and the classes i that are no label of it.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (N, C) or (C); a sample's labels are those before the first -1.

    Example:
        >>> import nnlite
        >>> x, y = nnlite.tensor([[0.1, 0.2, 0.4, 0.8]]), nnlite.tensor([[3, 0, -1, 1]])
        >>> nnlite.nn.MultiLabelMarginLoss()(x, y)
        tensor(0.8500)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.multilabel_margin_loss`."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over the classes of the binary cross entropy of sigmoid(x_c) and y_c.

    Args:
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (N, C) or (C); the output is a number, or (N) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MultiLabelSoftMarginLoss()(nnlite.zeros(1, 3), nnlite.ones(1, 3))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.multilabel_soft_margin_loss`."""
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1.

    Args:
        margin: the cosine below which pairs that do not belong together count nothing.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: inputs (N, D) and target (N), or (D) and ().

    Example:
        >>> import nnlite
        >>> a, b = nnlite.tensor([[3.0, 4.0]]), nnlite.tensor([[3.0, 0.0]])
        >>> nnlite.nn.CosineEmbeddingLoss()(a, b, nnlite.tensor([1.0]))
        tensor(0.4000)
    """

    __constants__ = ["margin", "reduction"]  # noqa: RUF012

    margin: float

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.cosine_embedding_loss`."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, margin - y_i (a_i - b_i)), where y_i is 1 or -1: their mean, their sum, or each.

    Args:
        margin: by how much one has to be the larger one.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: both inputs and the target (N) or ().

    Example:
        >>> import nnlite
        >>> a, b = nnlite.tensor([1.0, 2.0]), nnlite.tensor([3.0, 1.0])
        >>> nnlite.nn.MarginRankingLoss()(a, b, nnlite.tensor([1.0, 1.0]))
        tensor(1.)
    """

    __constants__ = ["margin", "reduction"]  # noqa: RUF012

    margin: float

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.margin_ranking_loss`."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """The sum over the other classes c of w_y max(0, margin - x_y + x_c)^p / C, where y is the sample's class.

    Args:
        p: 1 or 2.
        margin: by how much the right class has to be ahead.
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input (N, C) or (C), target (N) or ().

    Raises:
        ValueError: ``p`` is neither 1 nor 2, or the weight is not a vector.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MultiMarginLoss()(nnlite.tensor([[0.1, 0.2, 0.4, 0.8]]), nnlite.tensor([3]))
        tensor(0.3250)
    """

    __constants__ = ["p", "margin", "reduction"]  # noqa: RUF012

    margin: float
    p: int

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError(f"only p == 1 and p == 2 supported (MultiMarginLoss: p is {p})")
        if weight is not None and weight.dim() != 1:
            raise ValueError(f"weight must be one-dimensional (MultiMarginLoss: it has {weight.dim()} dimensions)")
        self.p = p
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.multi_margin_loss`."""
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, d(a, p) - d(a, n) + margin), with the distances of :class:`PairwiseDistance`.

    Args:
        margin: by how much n has to be farther away.
        p, eps: of the distance.
        swap: take the smaller one of d(a, n) and d(p, n).
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: all (N, D) or (D).

    Raises:
        ValueError: the margin is not positive.

    Example:
        >>> import nnlite
        >>> a = nnlite.zeros(1, 2)
        >>> nnlite.nn.TripletMarginLoss()(a, a + 1, a + 2)
        tensor(0.)
    """

    __constants__ = ["margin", "p", "eps", "swap", "reduction"]  # noqa: RUF012

    margin: float
    p: float
    eps: float
    swap: bool

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.triplet_margin_loss`."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """max(0, d(a, p) - d(a, n) + margin), with any distance.

    Args:
        distance_function: d of two tensors; :class:`PairwiseDistance` unless given.
        margin: by how much n has to be farther away.
        swap: take the smaller one of d(a, n) and d(p, n).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: what the distance takes.

    Raises:
        ValueError: the margin is not positive.

    Example:
        >>> import nnlite
        >>> a, d = nnlite.zeros(1, 2), lambda x, y: (x - y).abs().max(1).values
        >>> nnlite.nn.TripletMarginWithDistanceLoss(distance_function=d)(a, a + 2, a + 1)
        tensor(2.)
    """

    __constants__ = ["margin", "swap", "reduction"]  # noqa: RUF012

    margin: float
    swap: bool

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(None, None, reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function: Any = distance_function if distance_function is not None else PairwiseDistance()
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.triplet_margin_with_distance_loss`."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification: minus the log probability of labels, over all their alignments in time.

    Args:
        blank: the class that stands for no label.
        reduction: ``"mean"`` (each loss divided by its number of labels, then the mean), ``"sum"`` or ``"none"``.
        zero_infinity: set infinite losses, of labels that do not fit into the time, and their gradients to 0.

    Shape: log_probs (T, N, C) or (T, C); targets (N, S) or concatenated; lengths (N) or ().

    Example:
        >>> import nnlite
        >>> log_probs = nnlite.zeros(4, 1, 3).log_softmax(2)
        >>> nnlite.nn.CTCLoss()(log_probs, nnlite.tensor([[1, 2]]), (4,), (2,))
        tensor(0.8432)
    """

    __constants__ = ["blank", "reduction"]  # noqa: RUF012

    blank: int
    zero_infinity: bool

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.ctc_loss`."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
