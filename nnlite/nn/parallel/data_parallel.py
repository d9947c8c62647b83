"""``DataParallel`` on one device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..modules.module import Module
from ._inputs import moved

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Calls ``module``, on the device it is on, whatever devices are listed.

    PyTorch splits the batch over GPUs in the threads of one process. Here the whole batch goes to one device, so that
    the outputs and gradients are the same and the memory of one device has to do. The names in ``state_dict`` begin
    with ``module.`` as in PyTorch.

    Args:
        module: what is called.
        device_ids, output_device: kept as attributes; inputs on the CPU are moved to the device of the module.
        dim: kept as an attribute: the dimension along which PyTorch splits.

    Shapes:
        as those of ``module``.

    Raises:
        TypeError: ``module`` is no Module.

    Example:
        >>> import nnlite
        >>> from nnlite import nn
        >>> model = nn.DataParallel(nn.Linear(3, 2))
        >>> model(nnlite.ones(4, 3)).shape, list(model.state_dict())
        (torch.Size([4, 2]), ['module.weight', 'module.bias'])
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        if not isinstance(module, Module):
            raise TypeError(f"DataParallel expects a Module, got {type(module).__name__}")
        self.dim = dim
        self.module = module
        self.device_ids = [] if device_ids is None else list(device_ids)
        self.output_device = self.device_ids[0] if output_device is None and self.device_ids else output_device

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What ``module`` makes of the arguments."""
        args, named = moved(self.module, (inputs, kwargs))
        return self.module(*args, **named)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Any] | None = None,
    output_device: Any = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """Call ``module`` on ``inputs``, a tensor or a tuple of arguments, on the device it is on."""
    args, named = moved(module, (inputs if isinstance(inputs, tuple) else (inputs,), module_kwargs or {}))
    return module(*args, **named)
