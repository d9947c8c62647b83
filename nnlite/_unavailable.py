"""Names that programs import and that are not offered: using one says so, and what to use instead.

A program may import ``torch.fx.symbolic_trace`` and never call it. So the names are there, can be imported, stand in
annotations and in ``isinstance`` (which is never true); a call or a subclass raises NotImplementedError.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Iterable
from typing import Any, NoReturn


class Unavailable:
    """A function or class that is not offered.

    Args:
        name: its name in PyTorch's terms.
        instead: what to use, as the rest of a sentence.

    Raises:
        NotImplementedError: it is called or made the base of a class.
    """

    def __init__(self, name: str, instead: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.__doc__ = f"Not offered: {instead}."
        self._instead = instead

    def _refuse(self) -> NoReturn:
        raise NotImplementedError(f"{self.__name__} is not available in nnlite: {self._instead}")

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self.__name__}.{name}: {self.__name__} is not available in nnlite")

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __subclasscheck__(self, subclass: Any) -> bool:
        return False

    def __or__(self, other: Any) -> Any:
        return typing.Union[self, other]  # noqa: UP007 - `|` would call this again

    def __ror__(self, other: Any) -> Any:
        return typing.Union[other, self]  # noqa: UP007

    def __repr__(self) -> str:
        return f"<{self.__name__}, which nnlite does not have>"


def module_getattr(module: str, names: Iterable[str], instead: str) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that makes these names unavailable, each at first use."""
    known = frozenset(names)

    def get(name: str) -> Any:
        if name not in known:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        made = Unavailable(f"torch.{module.partition('.')[2]}.{name}", instead)
        setattr(sys.modules[module], name, made)
        return made

    return get
