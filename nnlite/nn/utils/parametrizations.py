"""Parametrizations of weights: by length and direction, by the largest singular value, orthogonal matrices."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from ... import linalg
from ..._core.grad_mode import no_grad
from ..._info import finfo
from ...creation import zeros_like
from ...creation.patterns import eye
from ...ops.distance.vectors import normalize
from ...ops.linalg.functions import matrix_exp
from ...ops.linalg.householder import geqrf, householder_product
from ...ops.linalg.solvers import solve
from ...ops.shape.views import cat
from ...tensor import Tensor
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module
from . import parametrize

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _is_orthogonal(Q: Any) -> bool:
    """Whether Q^H Q is the identity, up to rounding."""
    n, k = Q.size(-2), Q.size(-1)
    identity = eye(k, dtype=Q.dtype, device=Q.device)
    tolerance = 10.0 * n * finfo(Q.dtype).eps
    return bool(((Q.mH @ Q - identity).abs() <= tolerance).all())


def _make_orthogonal(A: Any) -> Any:
    """The Q of the QR decomposition of A whose R has a positive diagonal."""
    X, tau = geqrf(A)
    return householder_product(X, tau) * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    """Any matrix -> a matrix with orthonormal columns (rows, if it is wider than high)."""

    base: Any

    def __init__(self, weight: Any, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        wide = X.size(-2) < X.size(-1)
        if wide:
            X = X.mT
        n, k = X.size(-2), X.size(-1)
        Q = _by_reflections(X) if self.orthogonal_map is _OrthMaps.householder else self._by_skew_matrix(X, n, k)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _by_skew_matrix(self, X: Any, n: int, k: int) -> Any:
        """Exponential or Cayley transform of a skew-Hermitian matrix that is made of the lower triangle."""
        X = X.tril()
        if n != k:
            X = cat([X, X.new_zeros(n, n - k).expand(*X.shape[:-2], -1, -1)], dim=-1)
        A = X - X.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            Q = matrix_exp(A)
        else:
            identity = eye(n, dtype=A.dtype, device=A.device)
            Q = solve(identity.add(A, alpha=-0.5), identity.add(A, alpha=0.5))
        return Q[..., :k] if n != k else Q

    def right_inverse(self, Q: Any) -> Any:
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        given = Q
        wide = Q.size(-2) < Q.size(-1)
        if wide:
            Q = Q.mT
        n, k = Q.size(-2), Q.size(-1)
        if not hasattr(self, "base"):
            if self.orthogonal_map is not _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            A = _reflections_of(Q)
            return A.mT if wide else A
        if n != k:
            # Any completion to a basis will do.
            rest = Q.new_empty(*Q.shape[:-1], n - k).normal_()
            self.base = _make_orthogonal(cat([Q, rest], dim=-1))
        else:
            self.base = Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
        # Minus the identity is what all three maps take to the identity.
        negative = zeros_like(given)
        negative.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return negative


def _by_reflections(X: Any) -> Any:
    """The product of the Householder reflections whose vectors stand below the diagonal; its signs are the factors."""
    A = X.tril(diagonal=-1)
    tau = 2.0 / (1.0 + (A * A).sum(dim=-2))
    return householder_product(A, tau) * X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)


def _reflections_of(Q: Any) -> Any:
    """What ``_by_reflections`` takes to Q."""
    A, tau = geqrf(Q)
    diagonal = A.diagonal(dim1=-2, dim2=-1)
    diagonal.sign_()
    # LAPACK gives tau = 0 for the identity, for which the formula of tau would give a reflection.
    diagonal.mul_((tau != 0).to(A.dtype) * 2 - 1)
    return A


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    r"""Let a matrix of the module be orthogonal (unitary, if it is complex): Q^H Q = I, or Q Q^H = I if it is wide.

    Args:
        module: what has the matrix, or batch of matrices.
        name: its attribute.
        orthogonal_map: ``"matrix_exp"``, exp(A) of a skew-Hermitian A; ``"cayley"``,
            (I - A/2)^-1 (I + A/2); or ``"householder"``, a product of reflections. Default: ``"matrix_exp"`` for square
            and complex matrices, else ``"householder"``.
        use_trivialization: whether the map is taken around the present value, which costs a matrix more and makes
            training better conditioned, and lets the matrix be assigned to.

    Raises:
        ValueError: the tensor is no matrix, there is no such tensor or map, or Householder of a complex matrix.

    Source: Lezcano-Casado, https://arxiv.org/abs/1909.09501.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.parametrizations.orthogonal(nnlite.nn.Linear(20, 40))
        >>> bool((layer.weight.T @ layer.weight - nnlite.eye(20)).abs().max() < 1e-5)
        True
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ValueError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    orth = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, orth, unsafe=True)


def _tensor_of(module: Module, name: str) -> Any:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


def norm_except_dim(v: Any, dim: int | None) -> Any:
    """The 2-norm over all dimensions but ``dim``; over all if that is None."""
    if dim is None or dim == -1:
        return linalg.vector_norm(v)
    kept = dim % v.ndim
    others = [d for d in range(v.ndim) if d != kept]
    return linalg.vector_norm(v, dim=others, keepdim=True) if others else v.abs()


class _WeightNorm(Module):
    """Length and direction -> weight."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight: Any) -> Any:
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    r"""Let a weight be learned as length and direction: w = g v / \|\|v\|\|.

    The parameters are ``parametrizations.weight.original0`` (g) and ``original1`` (v). Saved states of the old
    :func:`nnlite.nn.utils.weight_norm` can be loaded.

    Args:
        module: what has the weight.
        name: its attribute.
        dim: the dimension along which each slice has a length of its own; None for one length.

    Raises:
        ValueError: there is no such tensor.

    Source: Salimans and Kingma, https://arxiv.org/abs/1602.07868.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.parametrizations.weight_norm(nnlite.nn.Linear(20, 40), name="weight")
        >>> layer.parametrizations.weight.original0.shape
        torch.Size([40, 1])
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which a power iteration finds."""

    _u: Any
    _v: Any

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if dim >= ndim or dim < -ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight).detach()
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                vector = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(name, normalize(vector, dim=0, eps=self.eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        if self.dim != 0:
            weight = weight.permute(self.dim, *(d for d in range(weight.dim()) if d != self.dim))
        return weight.flatten(1)

    @no_grad()
    def _power_method(self, matrix: Any, steps: int) -> None:
        # In place, so that copies of the module which share these buffers stay in step.
        for _ in range(steps):
            self._u.copy_(normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(normalize(matrix.mH.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        # Copies, for the next call changes the buffers, which backward needs as they are now.
        u, v = self._u.clone(), self._v.clone()
        return weight / u.vdot(matrix.mv(v))

    def right_inverse(self, value: Any) -> Any:
        # An assigned value is taken to have been normalised already.
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Let a weight be divided by its largest singular value, so that the layer does not lengthen differences.

    In training, each access does ``n_power_iterations`` steps of the power method, from the vectors of the last one.
    A vector is divided by its length.

    Args:
        module: what has the weight.
        name: its attribute.
        n_power_iterations: steps at each access.
        eps: keeps divisors away from 0.
        dim: the dimension of outputs; default 1 for transposed convolutions, 0 for other layers.

    Raises:
        ValueError: there is no such tensor, or no steps. IndexError: there is no such dimension.

    Source: Miyato et al., https://arxiv.org/abs/1802.05957.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.utils.parametrizations.spectral_norm(nnlite.nn.Linear(20, 40))
        >>> layer.parametrizations.weight[0]._u.shape
        torch.Size([40])
    """
    weight = _tensor_of(module, name)
    if dim is None:
        dim = 1 if isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d) else 0
    return parametrize.register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps), unsafe=False
    )
