"""The grid of positions that an affine map gives, for ``grid_sample``."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, cast, not_a_tensor
from ..._core.tensor_base import wrap
from ..._core.warn import warn
from ...backends import backend_of
from ...backends.constants import constant
from .._public import public
from ..linalg.matmul import matmul
from ..shape.views import reshape, transpose
from .grid_sample import warn_of_corners


def _steps(n: int, aligned: bool, kind: Any) -> np.ndarray:
    """The positions of the centres of ``n`` elements between -1 and 1."""
    if n <= 1:
        return np.zeros(n, kind)
    steps = np.linspace(-1, 1, n, dtype=kind)
    return steps if aligned else steps * kind((n - 1) / n)


def _base(sizes: list[int], aligned: bool, kind: Any) -> np.ndarray:
    """(positions, dims + 1): x, y (, z), 1 for each element."""
    dims = len(sizes)
    base = np.ones((*sizes, dims + 1), kind)
    for i, n in enumerate(sizes):
        base[..., dims - 1 - i] = _steps(n, aligned, kind).reshape(n, *[1] * (dims - 1 - i))
    return base.reshape(-1, dims + 1)


@public(method=False)
def affine_grid_generator(theta: Any, size: Any, align_corners: bool) -> Any:
    """:func:`nnlite.nn.functional.affine_grid` without its checks of sizes.

    Raises:
        RuntimeError: the shape of ``theta`` does not go with ``size``.
    """
    if not isinstance(theta, TensorBase):
        raise not_a_tensor("affine_grid_generator", 0, theta)
    try:
        sizes = [operator.index(n) for n in size]
    except TypeError:
        raise TypeError(f"affine_grid_generator(): argument 'size' must be tuple of ints, but got {size!r}") from None
    a = theta._a
    dims = len(sizes) - 2
    if a.ndim == 3 and a.shape[0] != sizes[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {[sizes[0], a.shape[2]]} but got: "
            f"{[a.shape[0], a.shape[2]]}. (affine_grid: theta has to have one map for each of size[0])"
        )
    if dims not in (2, 3) or a.shape[1:] != (dims, dims + 1):
        raise RuntimeError(
            f"affine_grid_generator(): expected theta of shape (N, {dims}, {dims + 1}) for size {sizes}, but got "
            f"{list(a.shape)}"
        )
    kind = a.dtype
    half = kind.itemsize == 2
    wide = cast(theta, dtypes.float32.np) if half else theta
    base = _base(sizes[2:], bool(align_corners), np.float64 if kind == np.float64 else np.float32)
    grid = matmul(wrap(constant(backend_of(a).xp, base)), transpose(wide, 1, 2))
    return reshape(cast(grid, kind) if half else grid, sizes[0], *sizes[2:], dims)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """For each element of an output the position of the input that affine maps send it to: theta[n] (x, y, 1).

    Args:
        theta: the maps.
        size: the shape (N, C, H, W) or (N, C, D, H, W) of the output of ``grid_sample``.
        align_corners: whether -1 and 1 are the centres of the outermost elements, or their outer borders; False unless
            given, with a warning.

    Shape: theta (N, 2, 3) gives (N, H, W, 2), and (N, 3, 4) gives (N, D, H, W, 3).

    Raises:
        ValueError: ``theta`` has another shape or is not of floating point numbers, or a size is not positive.
        NotImplementedError: ``size`` has other than 4 or 5 numbers.

    Example:
        >>> import nnlite
        >>> theta = nnlite.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
        >>> nnlite.nn.functional.affine_grid(theta, (1, 1, 1, 2), align_corners=False)
        tensor([[[[0., 0.],
                  [1., 0.]]]])
    """
    if not isinstance(theta, TensorBase):
        raise not_a_tensor("affine_grid", 0, theta)
    if align_corners is None:
        warn_of_corners()
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    dims = len(size) - 2
    if tuple(theta._a.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            UserWarning,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_generator(theta, size, bool(align_corners))
