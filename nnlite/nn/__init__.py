"""Neural networks: modules, parameters, functions and initialisers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import names_of

if TYPE_CHECKING:  # what loads at first use; the index is made of these lines
    from . import attention as attention
    from . import common_types as common_types
    from . import functional as functional
    from . import grad as grad
    from . import init as init
    from . import modules as modules
    from . import parallel as parallel
    from . import parameter as parameter
    from . import utils as utils
    from .modules import *  # type: ignore[no-redef]  # noqa: F403
    from .parallel import DataParallel as DataParallel
    from .parameter import Buffer as Buffer
    from .parameter import Parameter as Parameter
    from .parameter import UninitializedBuffer as UninitializedBuffer
    from .parameter import UninitializedParameter as UninitializedParameter

__getattr__, __dir__ = names_of(__name__)


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
