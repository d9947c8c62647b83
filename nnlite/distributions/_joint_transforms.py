"""Several transforms, each for a part of the tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._functions import cat, stack
from . import constraints
from ._transform import Transform
from .utils import _sum_rightmost


class _Parts(Transform):
    """Transforms for parts of a tensor along a dimension."""

    def __init__(self, tseq: Sequence[Any], dim: int, cache_size: int) -> None:
        for i, t in enumerate(tseq):
            if not isinstance(t, Transform):
                raise AssertionError(f"tseq[{i}] must be a Transform, got {type(t).__name__}")
        super().__init__(cache_size=cache_size)
        self.transforms: list[Any] = [t.with_cache(cache_size) if cache_size else t for t in tseq]
        self.dim = dim

    @property
    def bijective(self) -> bool:
        return all(t.bijective for t in self.transforms)

    def _check(self, *tensors: Any) -> None:
        for t in tensors:
            if not -t.dim() <= self.dim < t.dim():
                raise AssertionError(f"dim {self.dim} out of range for {t.dim()} dimensions")


class CatTransform(_Parts):
    """Transforms for parts of ``lengths`` along ``dim``.

    Args:
        tseq: the transforms. lengths: how long their parts are; 1 each if not given.

    Raises:
        AssertionError: the lengths do not fit the tensor.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions
        >>> d.CatTransform([d.ExpTransform(), d.identity_transform], lengths=[1, 2])(nnlite.zeros(3))
        tensor([1., 0., 0.])
    """

    def __init__(
        self, tseq: Sequence[Any], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ) -> None:
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths must have same length as tseq: {len(self.lengths)} != {len(self.transforms)}"
            )

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """How long the parts are together."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Any:
        return self if self._cache_size == cache_size else CatTransform(
            self.transforms, self.dim, self.lengths, cache_size
        )  # fmt: skip

    def _split(self, value: Any) -> Any:
        self._check(value)
        if value.size(self.dim) != self.length:
            raise AssertionError(
                f"size {value.size(self.dim)} of dim {self.dim} is not the sum {self.length} of lengths"
            )
        return value.split(self.lengths, self.dim)

    def _call(self, x: Any) -> Any:
        return cat([t(part) for t, part in zip(self.transforms, self._split(x), strict=True)], self.dim)

    def _inverse(self, y: Any) -> Any:
        return cat([t.inv(part) for t, part in zip(self.transforms, self._split(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        terms = []
        for t, before, after in zip(self.transforms, self._split(x), self._split(y), strict=True):
            terms.append(_sum_rightmost(t.log_abs_det_jacobian(before, after), self.event_dim - t.event_dim))
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        if dim < 0:
            return cat(terms, dim)
        return sum(terms[1:], terms[0])

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Parts):
    """Transforms for the slices along ``dim``, one for each.

    Args:
        tseq: the transforms.

    Raises:
        AssertionError: the tensor has another number of slices.

    Example:
        >>> import nnlite
        >>> d = nnlite.distributions
        >>> d.StackTransform([d.ExpTransform(), d.identity_transform])(nnlite.zeros(2))
        tensor([1., 0.])
    """

    def __init__(self, tseq: Sequence[Any], dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, cache_size)

    def with_cache(self, cache_size: int = 1) -> Any:
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _slices(self, value: Any) -> Any:
        self._check(value)
        if value.size(self.dim) != len(self.transforms):
            raise AssertionError(f"{value.size(self.dim)} slices for {len(self.transforms)} transforms")
        return value.unbind(self.dim)

    def _call(self, x: Any) -> Any:
        return stack([t(part) for t, part in zip(self.transforms, self._slices(x), strict=True)], self.dim)

    def _inverse(self, y: Any) -> Any:
        return stack([t.inv(part) for t, part in zip(self.transforms, self._slices(y), strict=True)], self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        parts = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        return stack([t.log_abs_det_jacobian(before, after) for t, before, after in parts], self.dim)

    @constraints.dependent_property
    def domain(self) -> Any:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
