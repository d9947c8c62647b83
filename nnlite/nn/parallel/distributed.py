"""``DistributedDataParallel`` in a single process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..modules.module import Module
from ._inputs import moved

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Calls ``module``; with one process there is nobody to exchange gradients with.

    The names in ``state_dict`` begin with ``module.`` as in PyTorch. Further keyword arguments of PyTorch's class are
    taken and change nothing.

    Args:
        module: what is called.
        device_ids, output_device: kept as attributes; inputs on the CPU are moved to the device of the module.

    Shapes:
        as those of ``module``.

    Raises:
        NotImplementedError: the program was started as one of several processes (``WORLD_SIZE`` in the environment).
        TypeError: ``module`` is no Module. RuntimeError: no parameter of it requires a gradient.

    Example:
        >>> import nnlite
        >>> from nnlite import nn
        >>> model = nn.parallel.DistributedDataParallel(nn.Linear(3, 2))
        >>> with model.no_sync():
        ...     model(nnlite.ones(4, 3)).sum().backward()
        >>> model.module.bias.grad
        tensor([4., 4.])
    """

    def __init__(
        self, module: Module, device_ids: Sequence[Any] | None = None, output_device: Any = None, **options: Any
    ) -> None:
        super().__init__()
        processes = os.environ.get("WORLD_SIZE", "1")
        if processes not in ("", "1"):
            raise NotImplementedError(
                f"DistributedDataParallel: this is one of {processes} processes (WORLD_SIZE), and nnlite exchanges no "
                "gradients between processes; start the program as a single process"
            )
        if not isinstance(module, Module):
            raise TypeError(f"DistributedDataParallel expects a Module, got {type(module).__name__}")
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a "
                "gradient."
            )
        self.module = module
        self.device_ids = None if device_ids is None else list(device_ids)
        self.output_device = output_device
        self.require_backward_grad_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What ``module`` makes of the arguments."""
        args, named = moved(self.module, (inputs, kwargs))
        return self.module(*args, **named)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """A context without exchange of gradients, which there is none of."""
        outer, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = outer

    @contextmanager
    def join(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """A context for uneven inputs, which one process does not have."""
        yield

    def register_comm_hook(self, state: Any, hook: Any) -> None:
        """Nothing: gradients are not exchanged."""
