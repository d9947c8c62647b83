"""Modules whose initial values are not drawn."""

from __future__ import annotations

import inspect
from typing import Any

from ..init import skipped
from ..modules.module import Module

__all__: list[str] = []


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Make a module without setting its initial values: its parameters and buffers are uninitialised memory.

    Args:
        module_cls: the class of the module, whose constructor takes ``device``.
        args, kwargs: of the constructor.

    Raises:
        RuntimeError: the class is not one of modules, or its constructor does not take ``device``.

    Example:
        >>> import nnlite
        >>> nnlite.nn.utils.skip_init(nnlite.nn.Linear, 5, 1).weight.shape
        torch.Size([1, 5])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    parameters = inspect.signature(module_cls).parameters
    if "device" not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    device = kwargs.pop("device", "cpu")
    with skipped():
        return module_cls(*args, device=device, **kwargs)
