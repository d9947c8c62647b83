"""Neural networks: modules, parameters, functions and initialisers."""

from __future__ import annotations

import importlib
from typing import Any

from . import functional as functional
from . import grad as grad
from . import init as init
from . import modules as modules
from . import utils as utils
from .modules import *  # noqa: F403
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedBuffer as UninitializedBuffer
from .parameter import UninitializedParameter as UninitializedParameter

_LATE = {"DataParallel": "parallel", "attention": "", "common_types": "", "parallel": ""}
"""Submodules that are imported at first use, and what comes from them."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_LATE[name] or name}")
    return getattr(module, name) if _LATE[name] else module


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The ``device``, ``dtype`` and ``memory_format`` among keyword arguments, for functions that make tensors.

    Those in a dictionary under the name ``factory_kwargs`` are taken along.

    Raises:
        TypeError: there are other keyword arguments, or one is given in both places.

    Example:
        >>> import nnlite
        >>> nnlite.nn.factory_kwargs({"factory_kwargs": {"dtype": nnlite.float64}})
        {'dtype': torch.float64}
    """
    if kwargs is None:
        return {}
    names = {"device", "dtype", "memory_format"}
    unexpected = kwargs.keys() - names - {"factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}; expected device, dtype, memory_format or factory_kwargs")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in names & kwargs.keys():
        if name in found:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        found[name] = kwargs[name]
    return found
