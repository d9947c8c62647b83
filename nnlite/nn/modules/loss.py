"""Losses as modules."""

from __future__ import annotations

from typing import Any

from ...ops.loss import legacy_reduction
from .. import functional as F
from .module import Module

__all__ = ["CrossEntropyLoss", "L1Loss", "MSELoss", "NLLLoss"]


class _Loss(Module):
    """A loss with a reduction."""

    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy_reduction(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a weight for each class."""

    weight: Any

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    r"""The magnitudes of the differences, \|x_i - y_i\|: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.L1Loss()(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.0, 4.0]))
        tensor(1.)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.l1_loss`."""
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """The squared differences, (x_i - y_i)^2: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.MSELoss()(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.0, 4.0]))
        tensor(2.)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.mse_loss`."""
        return F.mse_loss(input, target, reduction=self.reduction)


class NLLLoss(_WeightedLoss):
    """The negative log likelihood of labels: -w_y x_y at each position, where y is its label.

    Args:
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        ignore_index: positions with this label are left out.
        reduction: ``"mean"`` (divides by the sum of the weights w_y), ``"sum"`` or ``"none"``.

    Shape: input (C), (N, C) or (N, C, d1, ...), log probabilities; target (), (N) or (N, d1, ...), class numbers; the
    output is a number, or has the target's shape with ``"none"``.

    Example:
        >>> import nnlite
        >>> logp = nnlite.tensor([[-0.1, -2.4], [-1.2, -0.4]])
        >>> nnlite.nn.NLLLoss()(logp, nnlite.tensor([0, 1]))
        tensor(0.2500)
    """

    __constants__ = ["ignore_index", "reduction"]  # noqa: RUF012

    ignore_index: int

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.nll_loss`."""
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """The cross entropy of logits and labels: -w_y log softmax(x)_y at each position, where y is its label.

    Args:
        weight: a factor for each class.
        size_average, reduce: superseded by ``reduction``.
        ignore_index: positions with this label are left out.
        reduction: ``"mean"`` (divides by the sum of the weights w_y), ``"sum"`` or ``"none"``.
        label_smoothing: how much of a label is spread over all classes, from 0 to 1.

    Shape: input (C), (N, C) or (N, C, d1, ...), logits; target (), (N) or (N, d1, ...), class numbers, or the input's
    shape, probabilities; the output is a number, or has one for each position with ``"none"``.

    Example:
        >>> import nnlite
        >>> logits = nnlite.tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)
        >>> loss = nnlite.nn.CrossEntropyLoss()(logits, nnlite.tensor([0, 1]))
        >>> loss
        tensor(0.4100, grad_fn=<NllLossBackward0>)
        >>> loss.backward()
        >>> logits.grad
        tensor([[-0.0596,  0.0596],
                [ 0.2500, -0.2500]])
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]  # noqa: RUF012

    ignore_index: int
    label_smoothing: float

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.cross_entropy`."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )
