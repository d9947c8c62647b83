"""Losses as modules."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...ops.loss.linear_cross_entropy import LinearCrossEntropyOptions
from .. import functional as F
from ._loss_bases import _Loss, _WeightedLoss
from ._margin_losses import (
    CosineEmbeddingLoss,
    CTCLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)
from .linear import Linear

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LinearCrossEntropyLoss",
    "LinearCrossEntropyOptions",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


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


class SmoothL1Loss(_Loss):
    r"""d^2 / (2 beta) where d = \|x_i - y_i\| < beta, d - beta / 2 elsewhere: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        beta: where the parabola ends; with 0 the loss is :class:`L1Loss`.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.SmoothL1Loss()(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.5, 4.0]))
        tensor(0.8125)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    beta: float

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.smooth_l1_loss`."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    r"""d^2 / 2 where d = \|x_i - y_i\| <= delta, delta (d - delta / 2) elsewhere: their mean, their sum, or each.

    Args:
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        delta: where the parabola ends.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.HuberLoss()(nnlite.tensor([1.0, 2.0]), nnlite.tensor([1.5, 4.0]))
        tensor(0.8125)
    """

    __constants__ = ["reduction", "delta"]  # noqa: RUF012

    delta: float

    def __init__(
        self,
        reduction: str = "mean",
        delta: float = 1.0,
    ) -> None:
        super().__init__(reduction=reduction)
        if not isinstance(delta, int | float):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.huber_loss`."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_WeightedLoss):
    """-(y_i log x_i + (1 - y_i) log(1 - x_i)) of probabilities x: their mean, their sum, or each.

    Args:
        weight: factors, to be broadcast with the target.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.BCELoss()(nnlite.tensor([0.5, 1.0]), nnlite.tensor([1.0, 1.0]))
        tensor(0.3466)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.binary_cross_entropy`."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """The binary cross entropy of sigmoid(x_i) and y_i, without overflow: their mean, their sum, or each.

    Args:
        weight: factors, to be broadcast with the target.
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        pos_weight: the weight of positive examples, to be broadcast with the target.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> logits, target = nnlite.tensor([0.0, 1000.0]), nnlite.tensor([1.0, 1.0])
        >>> nnlite.nn.BCEWithLogitsLoss()(logits, target)
        tensor(0.3466)
    """

    weight: Any
    pos_weight: Any

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.binary_cross_entropy_with_logits`."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence, y_i (log y_i - x_i) of log probabilities x_i and probabilities y_i.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"batchmean"`` (the sum over the first size), ``"mean"`` (over all elements, with a warning),
            ``"sum"`` or ``"none"``.
        log_target: whether the target holds logarithms.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> logp = nnlite.tensor([[0.5, 0.5]]).log()
        >>> nnlite.nn.KLDivLoss(reduction="batchmean")(logp, nnlite.tensor([[1.0, 0.0]]))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    log_target: bool

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.kl_div`."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """The negative log likelihood of counts y_i with Poisson's distribution: e^(x_i) - y_i x_i.

    Args:
        log_input: False: the input holds expected counts, not their logarithms.
        full: add Stirling's approximation of log y_i! where y_i > 1.
        size_average, reduce: superseded by ``reduction``.
        eps: keeps the logarithm of the input finite.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.PoissonNLLLoss()(nnlite.tensor([0.0, 0.0]), nnlite.tensor([1.0, 3.0]))
        tensor(1.)
    """

    __constants__ = ["log_input", "full", "eps", "reduction"]  # noqa: RUF012

    log_input: bool
    full: bool
    eps: float

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.poisson_nll_loss`."""
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """The negative log likelihood (log v + (x_i - y_i)^2 / v) / 2 of targets with normal distributions.

    Args:
        full: add log(2 pi) / 2.
        eps: variances below it are replaced by it.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input, target and var (*) of one shape, var also with a last size of 1 or without it.

    Example:
        >>> import nnlite
        >>> nnlite.nn.GaussianNLLLoss()(nnlite.zeros(2), nnlite.ones(2), nnlite.ones(2))
        tensor(0.5000)
    """

    __constants__ = ["full", "eps", "reduction"]  # noqa: RUF012

    full: bool
    eps: float

    def __init__(
        self,
        *,
        full: bool = False,
        eps: float = 1e-6,
        reduction: str = "mean",
    ) -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.gaussian_nll_loss`."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + e^(-y_i x_i)), where the target y_i is 1 or -1: their mean, their sum, or each.

    Args:
        size_average, reduce: superseded by ``reduction``.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.

    Shape: input and target (*) of one shape; the output is a number, or (*) with ``"none"``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.SoftMarginLoss()(nnlite.tensor([0.0, 100.0]), nnlite.tensor([1.0, 1.0]))
        tensor(0.3466)
    """

    __constants__ = ["reduction"]  # noqa: RUF012

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.soft_margin_loss`."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """The former name of :class:`NLLLoss` for images."""

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn(
            "NLLLoss2d has been deprecated. Please use NLLLoss instead as a drop-in replacement.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of a linear layer's output, x A^T + b, and labels or probabilities.

    Args:
        in_features: size of an input.
        num_classes: number of classes.
        out_features: sizes after the classes, one label for each place.
        bias: whether there is a b.
        device, dtype: of the parameters.
        reduction, weight, ignore_index, label_smoothing: as for :class:`CrossEntropyLoss`.
        options: how PyTorch may go about it; the result is the same.

    Shape: input (N, in_features) or (in_features); target (N), () or (N, *out_features).

    Raises:
        RuntimeError: the weight has another size, or ``label_smoothing`` is not in [0, 1].

    Example:
        >>> import nnlite
        >>> loss = nnlite.nn.LinearCrossEntropyLoss(3, 4)
        >>> nnlite.nn.init.zeros_(loss.linear.weight).shape
        torch.Size([4, 3])
        >>> loss(nnlite.ones(2, 3), nnlite.tensor([0, 3])).item()
        1.3862943649291992
    """

    __constants__ = ["num_classes", "out_features", "reduction", "ignore_index", "label_smoothing"]  # noqa: RUF012

    num_classes: int
    out_features: tuple[int, ...]
    ignore_index: int | None
    label_smoothing: float
    options: LinearCrossEntropyOptions | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Any, target: Any) -> Any:
        """The loss; see :func:`nnlite.nn.functional.linear_cross_entropy`."""
        outputs, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*outputs, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(outputs),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """All settings."""
        linear = self.linear
        settings = {
            "in_features": linear.in_features,
            "num_classes": self.num_classes,
            "out_features": self.out_features,
            "bias": linear.bias is not None,
            "reduction": self.reduction,
            "ignore_index": self.ignore_index,
            "label_smoothing": self.label_smoothing,
            "options": self.options,
        }
        return ", ".join(f"{name}={value}" for name, value in settings.items())
