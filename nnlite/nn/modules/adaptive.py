"""Softmax over many classes in clusters by frequency."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...ops.shape.views import cat
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log softmax over many classes, frequent ones first, and its loss.

    The most frequent classes and one entry for each cluster of rarer ones form the head; a class in a cluster has the
    probability of its cluster times that within it. The rarer a cluster, the smaller the vectors that it computes with.

    Args:
        in_features: size of an input.
        n_classes: number of classes.
        cutoffs: where the clusters begin, ascending.
        div_value: by how much the vectors get smaller from one cluster to the next.
        head_bias: whether the head has a bias.
        device, dtype: of the parameters.

    Shape: input (N, in_features) or (in_features), target (N) or (), class numbers; the output is a pair, the log
    probabilities of the targets (N) or (), and minus their mean.

    Raises:
        ValueError: the cutoffs are not ascending numbers from 1 to n_classes - 1.
        RuntimeError: (when called) the shapes do not belong together, or a target is out of range.

    Source: E. Grave and others, "Efficient softmax approximation for GPUs", 2017.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.AdaptiveLogSoftmaxWithLoss(16, 100, [10, 50])
        >>> result = layer(nnlite.randn(4, 16), nnlite.tensor([0, 20, 99, 5]))
        >>> result.output.shape, result.loss.shape
        (torch.Size([4]), torch.Size([]))
    """

    in_features: int
    n_classes: int
    cutoffs: list[int]
    div_value: float
    head_bias: bool
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        starts = list(cutoffs)
        if not starts:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        ascending = all(a < b for a, b in itertools.pairwise(starts))
        if not ascending or starts[0] <= 0 or starts[-1] > n_classes - 1 or any(int(c) != c for c in starts):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1 (they are {starts}, n_classes is {n_classes})"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*starts, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(starts)
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for i, (first, end) in enumerate(self._clusters()):
            size = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(Linear(in_features, size, bias=False, **kind), Linear(size, end - first, bias=False, **kind))
            )

    def _clusters(self) -> list[tuple[int, int]]:
        """First class and end of each cluster."""
        return list(itertools.pairwise(self.cutoffs))

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        self.head.reset_parameters()
        for layer in self.tail.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> _ASMoutput:
        """The targets' log probabilities and minus their mean."""
        self._check(input_, target_)
        single = target_.dim() == 0
        rows, target = (t.unsqueeze(0) if single else t for t in (input_, target_))
        if bool(((target < 0) | (target >= self.n_classes)).any()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        place = target.clone()
        output = rows.new_zeros(target.size(0))
        for i, (first, end) in enumerate(self._clusters()):
            inside = (target >= first) & (target < end)
            where = inside.nonzero()[:, 0]
            if not where.numel():
                continue
            place = place.masked_fill(inside, self.shortlist_size + i)
            logp = F.log_softmax(self.tail[i](rows[where]), dim=1)
            own = logp.gather(1, (target[where] - first).unsqueeze(1)).squeeze(1)
            output = output.index_put((where,), own)
        head = F.log_softmax(self.head(rows), dim=1)
        output = output + head.gather(1, place.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output.squeeze(0) if single else output, loss)

    def _check(self, input: Any, target: Any) -> None:
        ndim = target.dim()
        if ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if ndim == 1 and input.size(0) != target.size(0):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        if input.dim() != ndim + 1:
            raise RuntimeError(
                f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with size {input.size()}"
            )

    def log_prob(self, input: Any) -> Any:
        """The log probabilities of all classes, (N, n_classes)."""
        head = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i in range(self.n_clusters):
            entry = self.shortlist_size + i
            parts.append(F.log_softmax(self.tail[i](input), dim=1) + head[:, entry : entry + 1])
        return cat(parts, 1)

    def predict(self, input: Any) -> Any:
        """The most probable class of each row, (N): within the head, or in all clusters where the head has a cluster
        in front."""
        first = self.head(input).argmax(1)
        rare = first >= self.shortlist_size
        where = rare.nonzero()[:, 0]
        if where.numel():
            first[where] = self.log_prob(input[where]).argmax(1)
        return first
