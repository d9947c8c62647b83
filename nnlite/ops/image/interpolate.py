"""Resizing of signals, images and volumes: each axis is resampled on its own."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..._core import dtypes
from ..._core.op import TensorBase, cast, not_a_tensor
from ..._core.warn import warn
from ..activation.softmax import title_of
from ..pointwise.arithmetic import clamp
from ..pointwise.elementwise import floor
from ..pooling.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from ._taps import taps
from .resample import resample

_FLOAT32 = dtypes.float32.np
_AREA = {3: adaptive_avg_pool1d, 4: adaptive_avg_pool2d, 5: adaptive_avg_pool3d}
_ALONG = {"linear": ("linear", 3), "bilinear": ("linear", 4), "trilinear": ("linear", 5), "bicubic": ("cubic", 4),
          "lanczos": ("lanczos", 4)}  # fmt: skip
"""The mode along one axis, and the number of dimensions that a mode is for."""

_NAMES = {"nearest": "Nearest", "nearest-exact": "NearestExact", "linear": "Linear", "bilinear": "Bilinear",
          "trilinear": "Trilinear", "bicubic": "Bicubic", "lanczos": "Lanczos"}  # fmt: skip

Numbers = list[Any]


def _each(input: Any, value: Any, what: str) -> Numbers:
    """A number for each spatial axis."""
    dims = input._a.ndim - 2
    if not isinstance(value, tuple | list):
        return [value] * dims
    if len(value) != dims:
        if what == "size":
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(input.shape[2:])} and output size of {value}. Please provide input tensor in "
                "(N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
            )
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(input.shape[2:])} and scale_factor of shape {value}. Please provide input tensor in "
            "(N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
        )
    return list(value)


def _is_whole(value: Any) -> bool:
    return not isinstance(value, bool) and (
        (hasattr(value, "__index__") and not isinstance(value, TensorBase))
        or (isinstance(value, TensorBase) and value._a.ndim == 0 and value._a.dtype.kind in "iu")
    )


def _sizes(input: Any, size: Any) -> Numbers:
    """The sizes that the user gave."""
    sizes = _each(input, size, "size")
    if not all(map(_is_whole, sizes)):
        raise TypeError(
            "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
            f"with types {[type(v) for v in sizes]}"
        )
    return [operator.index(v) for v in sizes]


def _targets(
    input: Any, mode: str, size: Any, scale_factor: Any, recompute: Any, antialias: bool
) -> tuple[Numbers, Numbers]:
    """The sizes of the output, and the factors that positions are computed with (None: from the sizes)."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        sizes = _sizes(input, size)
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return sizes, [None] * len(sizes)
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors = _each(input, scale_factor, "scale_factor")
    try:
        factors = [float(v) for v in factors]
    except (TypeError, ValueError):
        _check_mode(mode, input._a.ndim, antialias)
        raise TypeError(f"interpolate: scale_factor must be a number or several, but got {scale_factor!r}") from None
    sizes = [int(n * factor) for n, factor in zip(input.shape[2:], factors, strict=True)]
    return sizes, [None] * len(sizes) if recompute or mode == "area" else factors


def _check_mode(mode: Any, ndim: int, antialias: bool) -> None:
    """Raise for a mode that does not go with the number of dimensions or the other arguments."""
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and ndim == 4 and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    flat = mode in ("nearest", "nearest-exact", "area")
    if 3 <= ndim <= 5 and (flat or (mode in _ALONG and _ALONG[mode][1] == ndim)):
        return
    if 3 <= ndim <= 5 and mode in ("linear", "bilinear", "trilinear"):
        raise NotImplementedError(f"Got {ndim}D input, but {mode} mode needs {_ALONG[mode][1]}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {ndim}D) for the modes: nearest | linear | "
        f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _check_sizes(mode: str, a: Any, sizes: Numbers, antialias: bool) -> None:
    """Raise for empty inputs and outputs, and dtypes that cannot be interpolated."""
    if 0 in a.shape[2:] or min(sizes) <= 0:
        names = "DHW"[-len(sizes) :]
        given, wanted = (
            ", ".join(f"{name}: {n}" for name, n in zip(names, numbers, strict=True))
            for numbers in (a.shape[2:], sizes)
        )
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given}) "
            f"{'and ' * (len(sizes) == 1)}output ({wanted})"
        )
    if not a.shape[1]:
        raise RuntimeError(f"Non-empty {a.ndim}D data tensor expected but got a tensor with sizes {list(a.shape)}")
    bytes_ = a.dtype.name == "uint8" and (mode in ("nearest", "nearest-exact") or a.ndim == 4)
    if a.dtype.kind in "bciu" and not bytes_:
        raise NotImplementedError(
            f"\"interpolate\" in mode '{mode}' not implemented for '{title_of(a)}' (convert the input with .float())"
        )
    if antialias and a.dtype.itemsize == 2:
        raise NotImplementedError(
            f"\"interpolate\" with antialias=True not implemented for '{title_of(a)}' (convert the input with .float())"
        )


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """The input at another resolution.

    Output position i lies at (i + 0.5) / scale - 0.5 of the input, with ``align_corners`` at i (n - 1) / (m - 1) for
    sizes n of the input and m of the output. The number there is that of a neighbour (``"nearest"``: at
    floor(i / scale), ``"nearest-exact"``: the one that is nearest), the line through two neighbours (``"linear"``,
    ``"bilinear"``, ``"trilinear"`` for 1, 2, 3 spatial axes), a cubic through four (``"bicubic"``), or the mean of the
    numbers that the output position covers (``"area"``).

    Args:
        size: the spatial sizes of the output, a number or one for each axis.
        scale_factor: the size of the output divided by that of the input, a number or one for each axis.
        mode: one of the above, or ``"lanczos"``, with ``antialias`` only.
        align_corners: whether the outermost numbers stay where they are; for the modes that end in linear or cubic.
        recompute_scale_factor: compute positions with the ratio of the sizes in place of the given ``scale_factor``.
        antialias: where the output is smaller, average over all that lies between its positions; for images.

    Shape: (N, C, L), (N, C, H, W) or (N, C, D, H, W), with other spatial sizes.

    Raises:
        ValueError: not exactly one of ``size`` and ``scale_factor``, or arguments that do not go together.
        NotImplementedError: a mode for another number of dimensions, or a dtype that cannot be interpolated.
        RuntimeError: an empty input or output.

    Example:
        >>> import nnlite
        >>> F = nnlite.nn.functional
        >>> x = nnlite.tensor([[[0.0, 4.0]]])
        >>> F.interpolate(x, scale_factor=2)
        tensor([[[0., 0., 4., 4.]]])
        >>> F.interpolate(x, scale_factor=2, mode="linear")
        tensor([[[0., 1., 3., 4.]]])
    """
    if not isinstance(input, TensorBase):
        raise not_a_tensor("interpolate", 0, input)
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    a = input._a
    if a.ndim < 3:
        _check_mode(mode, a.ndim, antialias)
    sizes, factors = _targets(input, mode, size, scale_factor, recompute_scale_factor, antialias)
    _check_mode(mode, a.ndim, antialias)
    if mode == "lanczos" and align_corners:
        raise ValueError("Lanczos mode does not support align_corners=True")
    if mode == "area":
        return _AREA[a.ndim](input, sizes)
    _check_sizes(mode, a, sizes, antialias)
    return _resized(input, sizes, factors, mode, bool(align_corners), antialias)


def _resized(input: Any, sizes: Numbers, factors: Numbers, mode: str, aligned: bool, antialias: bool) -> Any:
    kind = input._a.dtype
    picks = mode in ("nearest", "nearest-exact")
    wide = input if picks or kind.itemsize > 2 else cast(input, _FLOAT32)
    along = mode if picks else _ALONG[mode][0]
    weights = "float64" if kind == np.float64 else "float32"
    if mode == "nearest" and len(sizes) == 2:  # as in PyTorch: with 1 or 2 output positions for each, these
        factors = [
            None if out in (n, 2 * n) else factor
            for n, out, factor in zip(input.shape[2:], sizes, factors, strict=True)
        ]
    plans = [
        (axis, taps(along, n, out, aligned, factor, antialias, weights))
        for axis, (n, out, factor) in enumerate(zip(input.shape[2:], sizes, factors, strict=True), 2)
    ]
    title = f"Upsample{_NAMES[mode]}{len(sizes)}D{'Aa' if antialias else ''}"
    if kind.kind == "u" and not picks:
        for plan in reversed(plans):
            wide = clamp(floor(resample(wide, [plan], title) + 0.5), 0, 255)
        return cast(wide, kind)
    out = resample(wide, plans, title)
    return out if picks else cast(out, kind) if out._a.dtype != kind else out


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """The old name of :func:`interpolate`.

    Raises:
        ValueError: not exactly one of ``size`` and ``scale_factor``.
    """
    warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The old name of :func:`interpolate` with ``mode="nearest"``.

    Raises:
        ValueError: not exactly one of ``size`` and ``scale_factor``.
    """
    warn("`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning)
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The old name of :func:`interpolate` with ``mode="bilinear", align_corners=True``.

    Raises:
        ValueError: not exactly one of ``size`` and ``scale_factor``.
    """
    warn("`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning)
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
