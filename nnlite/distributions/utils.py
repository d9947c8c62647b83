"""What distributions share: broadcasting, probabilities and logits, properties worked out at first use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

from .._core.dtypes import get_default_dtype
from .._core.grad_mode import enable_grad
from .._core.rng import Generator
from .._functions import arange, broadcast_tensors, empty, tensor
from .._info import finfo
from ..nn.functional import binary_cross_entropy_with_logits, sigmoid, softmax
from ..tensor import Tensor

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

euler_constant = 0.57721566490153286060
"""The limit of 1 + 1/2 + ... + 1/n - log n."""


def broadcast_all(*values: Any) -> Any:
    """Numbers and tensors as tensors of one shape; numbers take the dtype and device of the first tensor.

    Raises:
        ValueError: something is neither a number nor a tensor.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.utils.broadcast_all(1.0, nnlite.zeros(2))
        (tensor([1., 1.]), tensor([0., 0.]))
    """
    if not all(isinstance(v, Tensor | Number) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    first = next((v for v in values if isinstance(v, Tensor)), None)
    options: dict[str, Any] = {"dtype": get_default_dtype()}
    if first is not None:
        options = {"dtype": first.dtype, "device": first.device}
    return broadcast_tensors(*(v if isinstance(v, Tensor) else tensor(v, **options) for v in values))


def _standard_normal(shape: Sequence[int], dtype: Any, device: Any, generator: Generator | None = None) -> Tensor:
    """Numbers of the normal distribution of mean 0 and deviation 1."""
    made: Tensor = empty(shape, dtype=dtype, device=device).normal_(generator=generator)
    return made


def _sum_rightmost(value: Any, dims: int) -> Any:
    """The sum over the last ``dims`` dimensions."""
    return value if dims == 0 else value.sum(tuple(range(-dims, 0)))


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities of logits: of log-odds where ``is_binary``, else the softmax over the last dimension.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.utils.logits_to_probs(nnlite.zeros(4))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return sigmoid(logits) if is_binary else softmax(logits, dim=-1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities at least the dtype's eps away from 0 and 1, so that their logarithms are finite.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.utils.clamp_probs(nnlite.tensor([0.0, 0.5]))
        tensor([1.1921e-07, 5.0000e-01])
    """
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Logits of probabilities, the opposite of `logits_to_probs`; 0 and 1 are moved inwards first.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.utils.probs_to_logits(nnlite.tensor(0.5), is_binary=True)
        tensor(0.)
    """
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def binary_cross_entropy(logits: Any, value: Any) -> Any:
    """-value log p - (1 - value) log(1 - p) of the log-odds of p, elementwise; both have one shape."""
    return binary_cross_entropy_with_logits(logits, value, reduction="none")


class lazy_property:
    """A method as an attribute that is worked out when it is first read, and kept.

    Example:
        >>> import nnlite
        >>> class Square:
        ...     def __init__(self, side):
        ...         self.side = side
        ...
        ...     @nnlite.distributions.utils.lazy_property
        ...     def area(self):
        ...         return self.side**2
        >>> square = Square(3)
        >>> square.area, "area" in vars(square)
        (9, True)
    """

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__
        self.__name__ = wrapped.__name__

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return property(self.wrapped)
        # The value outlives the place where it was first asked for, which may have been under no_grad.
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.__name__, value)
        return value


def check_one_given(**given: Any) -> None:
    """Raise unless exactly one of two parameters was given."""
    if sum(v is not None for v in given.values()) != 1:
        names = " or ".join(f"`{name}`" for name in given)
        raise ValueError(f"Either {names} must be specified, but not both.")


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The elements on and below a diagonal of (*, n, n), row by row.

    Raises:
        ValueError: ``diag`` lies outside the matrix.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.utils.tril_matrix_to_vec(nnlite.tensor([[1, 2], [3, 4]]))
        tensor([1, 3, 4])
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    places = arange(n, device=mat.device)
    return mat[..., places < places.view(-1, 1) + (diag + 1)]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """The matrix (*, n, n) of such elements, the opposite of `tril_matrix_to_vec`; 0 elsewhere.

    Raises:
        ValueError: no matrix has so many elements there.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.utils.vec_to_tril_matrix(nnlite.tensor([1, 3, 4]))
        tensor([[1, 0],
                [3, 4]])
    """
    count = vec.shape[-1]
    n = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype if vec.dtype.is_floating_point else get_default_dtype()).eps:
        raise ValueError(f"The size of last dimension is {count} which cannot be expressed as "
                         "the lower triangular part of a square D x D matrix.")  # fmt: skip
    size = round(n)
    places = arange(size, device=vec.device)
    made = vec.new_zeros((*vec.shape[:-1], size, size))
    made[..., places < places.view(-1, 1) + (diag + 1)] = vec
    return made
