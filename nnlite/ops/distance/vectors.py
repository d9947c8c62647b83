"""Distances and similarities of vectors, and vectors of length 1."""

from __future__ import annotations

from typing import Any

from ..._core import dtypes
from ..._core.op import TensorBase, not_a_tensor
from .._public import FUNCTIONS, public
from ..activation.softmax import title_of
from ..loss.common import check_tensors


def _floats(name: str, x: Any, y: Any) -> tuple[Any, Any]:
    """Both in their common floating-point dtype and shape."""
    check_tensors(name, x, y)
    kind = dtypes.result((x._a, y._a))
    x, y = (v if v.dtype is kind else v.to(kind) for v in (x, y))
    return (x, y) if x._a.shape == y._a.shape else tuple(FUNCTIONS["broadcast_tensors"](x, y))


@public(method=False)
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    r"""The cosine of the angle between vectors along ``dim``: x1 . x2 / (max(\|x1\|, eps) max(\|x2\|, eps)).

    Args:
        dim: the dimension along which the vectors lie.
        eps: the least length that is divided by.

    Shape: both any, broadcast together; the result lacks ``dim``.

    Raises:
        RuntimeError: the numbers are not floating point.

    Example:
        >>> import nnlite
        >>> nnlite.cosine_similarity(nnlite.tensor([[3.0, 4.0]]), nnlite.tensor([[3.0, 0.0]]))
        tensor([0.6000])
    """
    x1, x2 = _floats("cosine_similarity", x1, x2)
    if x1._a.dtype.kind not in "fVc":
        raise RuntimeError(
            "expected common dtype to be floating point, yet common dtype is "
            f"{title_of(x1._a)} (cosine_similarity: call .float())"
        )
    units = [x / x.norm(2, dim, keepdim=True).clamp(min=eps) for x in (x1, x2)]
    return (units[0] * units[1]).sum(dim)


@public(method=False)
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last dimension.

    Args:
        p: the order of the norm.
        eps: added to each difference, so that the root has a derivative where they are 0.
        keepdim: keep the last dimension, of size 1.

    Shape: both (N, D) or (D), broadcast together; the result is (N) or ().

    Raises:
        RuntimeError: the shapes cannot be broadcast.

    Example:
        >>> import nnlite
        >>> nnlite.pairwise_distance(nnlite.tensor([[3.0, 4.0]]), nnlite.zeros(1, 2))
        tensor([5.0000])
    """
    check_tensors("pairwise_distance", x1, x2)
    return ((x1 - x2) + eps).norm(p, -1, keepdim=keepdim)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    r"""Vectors along ``dim`` divided by their p-norms: x / max(\|x\|_p, eps).

    Args:
        p: the order of the norm.
        dim: the dimension or dimensions along which the vectors lie.
        eps: the least length that is divided by.

    Shape: any; the result has the input's.

    Example:
        >>> import nnlite
        >>> nnlite.nn.functional.normalize(nnlite.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("normalize", 0, input)
    length = FUNCTIONS["clamp_min"](FUNCTIONS["norm"](input, p, dim, keepdim=True), eps)
    return FUNCTIONS["div"](input, length.expand_as(input), out=out)
