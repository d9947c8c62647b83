"""Convolution weights in another memory format."""

from __future__ import annotations

from typing import Any, TypeVar

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..modules.module import Module

__all__: list[str] = []

_M = TypeVar("_M", bound=Module)


def convert_conv2d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Lay the weights of all ``Conv2d`` and ``ConvTranspose2d`` in a module out in a memory format.

    The values stay. The layers here compute with any layout, and the contiguous one suits them best.

    Args:
        module: what has the layers, or is one.
        memory_format: ``nnlite.channels_last`` or ``nnlite.contiguous_format``.

    Returns:
        the module.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Conv2d(8, 4, 2)
        >>> layer = nnlite.nn.utils.convert_conv2d_weight_memory_format(layer, nnlite.channels_last)
        >>> layer.weight.is_contiguous(memory_format=nnlite.channels_last)
        True
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: _M, memory_format: Any) -> _M:
    """Lay the weights of all ``Conv3d`` and ``ConvTranspose3d`` in a module out in a memory format.

    Args:
        module: what has the layers, or is one.
        memory_format: ``nnlite.channels_last_3d`` or ``nnlite.contiguous_format``.

    Returns:
        the module.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Conv3d(8, 4, 2)
        >>> layer = nnlite.nn.utils.convert_conv3d_weight_memory_format(layer, nnlite.channels_last_3d)
        >>> layer.weight.shape
        torch.Size([4, 8, 2, 2, 2])
    """
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))


def _convert(module: _M, memory_format: Any, kinds: tuple[type, ...]) -> _M:
    for part in module.modules():
        if isinstance(part, kinds):
            weight: Any = part.weight
            weight.data = weight.detach().clone(memory_format=memory_format)
    return module
