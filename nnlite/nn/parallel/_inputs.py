"""Inputs of a wrapped module on their way to its device."""

from __future__ import annotations

from typing import Any

from ...autograd._pytree import map_tree
from ...tensor import Tensor
from ..modules.module import Module


def device_of(module: Module) -> Any:
    """The device of the first parameter or buffer; None for a module without any."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return None


def moved(module: Module, args: Any) -> Any:
    """Tensors on the CPU inside ``args`` moved to the device of the module, as a scatter to one device does."""
    device = device_of(module)
    if device is None or device.type == "cpu":
        return args
    return map_tree(lambda x: x.to(device) if isinstance(x, Tensor) and x.is_cpu else x, args)
