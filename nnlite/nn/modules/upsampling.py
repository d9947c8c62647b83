"""Resizing as modules."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """The input at another resolution.

    Args:
        size: the spatial sizes of the output, a number or one for each axis.
        scale_factor: the size of the output divided by that of the input, a number or one for each axis.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"``, ``"bilinear"``, ``"bicubic"``, ``"trilinear"`` or
            ``"area"``.
        align_corners: whether the outermost numbers stay where they are.
        recompute_scale_factor: compute positions with the ratio of the sizes in place of the given ``scale_factor``.

    Shape: (N, C, L), (N, C, H, W) or (N, C, D, H, W), with other spatial sizes.

    Raises:
        ValueError: (when called) not exactly one of ``size`` and ``scale_factor``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Upsample(scale_factor=2)(nnlite.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 1., 2., 2.]]])
    """

    __constants__ = ["size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor"]  # noqa: RUF012

    name: str
    size: Any
    scale_factor: Any
    mode: str
    align_corners: bool | None
    recompute_scale_factor: bool | None

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        """The resized input."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The factor or the size, and the mode."""
        name = "scale_factor" if self.scale_factor is not None else "size"
        return f"{name}={getattr(self, name)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """:class:`Upsample` of images, each number that of its neighbour.

    Shape: (N, C, H, W), with other spatial sizes.

    Example:
        >>> import nnlite
        >>> nnlite.nn.UpsamplingNearest2d(scale_factor=2)(nnlite.ones(1, 1, 2, 3)).shape
        torch.Size([1, 1, 4, 6])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """:class:`Upsample` of images, bilinear, with the outermost numbers where they are.

    Shape: (N, C, H, W), with other spatial sizes.

    Example:
        >>> import nnlite
        >>> nnlite.nn.UpsamplingBilinear2d(size=3)(nnlite.tensor([[[[0.0, 2.0]]]]))[0, 0, 0]
        tensor([0., 1., 2.])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
