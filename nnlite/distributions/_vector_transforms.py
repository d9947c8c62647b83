"""Transforms of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from .._functions import eye
from .._info import finfo
from ..nn.functional import pad, softplus
from . import constraints
from ._elementwise_transforms import SigmoidTransform, _SameKind
from .utils import tril_matrix_to_vec, vec_to_tril_matrix


class SoftmaxTransform(_SameKind):
    """Vectors to probabilities by the softmax; the inverse is the logarithm, since the softmax has none.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.SoftmaxTransform()(nnlite.zeros(2))
        tensor([0.5000, 0.5000])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex

    def _call(self, x: Any) -> Any:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        return _of_dims(shape, 1)

    def inverse_shape(self, shape: Any) -> Any:
        return _of_dims(shape, 1)


class StickBreakingTransform(_SameKind):
    """Vectors of n numbers to n + 1 probabilities: each number says what part of the rest of a stick is broken off.

    y_i = z_i (1 - z_1) ... (1 - z_(i - 1)), z_i = sigmoid(x_i - log(n + 1 - i)), so that x = 0 gives equal parts.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.StickBreakingTransform()(nnlite.zeros(3))
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def _call(self, x: Any) -> Any:
        z = SigmoidTransform()(x - _places_left(x).log())
        rest = (1 - z).cumprod(-1)
        return pad(z, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        parts = y[..., :-1]
        rest = (1 - parts.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return parts.log() - rest.log() + _places_left(parts).log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        x = x - _places_left(x).log()
        return (-x - softplus(-x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return (*_of_dims(shape, 1)[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Any) -> Any:
        return (*_of_dims(shape, 1)[:-1], shape[-1] - 1)


def _places_left(x: Any) -> Any:
    """n, n - 1, ..., 1."""
    return x.new_ones(x.shape[-1]).cumsum(-1).flip(-1)


class CorrCholeskyTransform(_SameKind):
    """Vectors of n (n - 1) / 2 numbers to Cholesky factors (n, n) of correlation matrices.

    The tanh of the numbers are partial correlations, row by row below the diagonal: each says how much of the length 1
    that a row has left goes to its element (D. Lewandowski, D. Kurowicka and H. Joe, "Generating random correlation
    matrices based on vines and extended onion method", Journal of Multivariate Analysis 100, 2009).

    Raises:
        ValueError: (``forward_shape``, ``inverse_shape``) the shape does not fit.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.CorrCholeskyTransform()(nnlite.zeros(1))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Any) -> Any:
        x = x.tanh()
        eps = finfo(x.dtype).eps
        r = vec_to_tril_matrix(x.clamp(min=-1 + eps, max=1 - eps), diag=-1)
        # What is left of each row's length 1 before each element; 1 on the diagonal where nothing was used.
        left = (1 - r.square()).sqrt().cumprod(-1)
        r = r + eye(r.shape[-1], dtype=r.dtype, device=r.device)
        return r * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        left = (1 - (y * y).cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        shifted = pad(left[..., :-1], [1, 0], value=1)
        t = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(shifted, diag=-1).sqrt()
        return (t.log1p() - t.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        left = 1 - (y * y).cumsum(-1)
        used = tril_matrix_to_vec(left, -2).log().sum(-1)
        tanh = 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)
        return 0.5 * used - tanh

    def forward_shape(self, shape: Any) -> Any:
        count = _of_dims(shape, 1)[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Any) -> Any:
        n = _of_dims(shape, 2)[-1]
        if shape[-2] != n:
            raise ValueError("Input is not square")
        return (*shape[:-2], n * (n - 1) // 2)


class LowerCholeskyTransform(_SameKind):
    """Matrices to lower triangular ones with a positive diagonal, which is the exponential of theirs.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.LowerCholeskyTransform()(nnlite.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(_SameKind):
    """Matrices to positive definite ones: L L^T with the L of `LowerCholeskyTransform`.

    Example:
        >>> import nnlite
        >>> nnlite.distributions.PositiveDefiniteTransform()(nnlite.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Any) -> Any:
        tril = LowerCholeskyTransform()(x)
        return tril @ tril.mT

    def _inverse(self, y: Any) -> Any:
        from ..linalg import cholesky

        return LowerCholeskyTransform().inv(cholesky(y))


def _of_dims(shape: Any, dims: int) -> Any:
    """A shape, of at least ``dims`` dimensions."""
    if len(shape) < dims:
        raise ValueError("Too few dimensions on input")
    return shape
