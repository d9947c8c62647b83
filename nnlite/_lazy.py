"""What is loaded when its name is first used, so that ``import nnlite`` costs little more than ``import numpy``.

``_index.py``, which ``python -m nnlite._stubs`` writes, says which module has which name. Two kinds of names are found
through it:

- what modules register while they are imported (operations, functions, methods): :class:`Registry`;
- what a module or package offers and does not import: :func:`names_of` makes its ``__getattr__`` and ``__dir__``.

What was found stands where it was looked for, so that each name is searched once. Python's locks of imports make the
first use safe in threads: a module is asked for what it registers only after its import has ended.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, TypeVar

from . import _index as index

_T = TypeVar("_T")
_ABSENT: Any = object()


def parsed(text: str) -> dict[str, str]:
    """A table of the index: name -> ``module``, or ``module:other`` where it has another name there."""
    found = {}
    home = ""
    for word in text.split():
        if word[-1] == ":":
            home = word[:-1]
        else:
            name, _, other = word.partition("=")
            found[name] = f"{home}:{other}" if other else home
    return found


class Registry(dict[str, _T]):
    """What modules register by name as they are imported. An entry that is asked for and not there yet is loaded.

    ``in``, ``get`` and loops see what is loaded; :func:`load_all` loads the rest.
    """

    def __init__(self, table: str) -> None:
        self.places = parsed(table)
        _registries.append(self)

    def find(self, name: str) -> _T:
        """The entry as it is once all modules are loaded, where several set it in turn.

        Raises:
            KeyError: there is none.
        """
        place = self.places.get(name)
        if place is not None:
            import_module(place)
        found = self.get(name, _ABSENT)
        if found is _ABSENT:
            raise KeyError(name)
        return found

    __missing__ = find

    def load(self) -> None:
        """Load all entries."""
        for module in dict.fromkeys(self.places.values()):
            import_module(module)


_registries: list[Registry[Any]] = []


class Late:
    """Stands for a module among the names of another, and is replaced with it when something of it is first used.

    For what a module calls that stands above it, or that is seldom needed.
    """

    def __init__(self, space: dict[str, Any], name: str, module: str) -> None:
        self._place = space, name, module

    def __getattr__(self, attribute: str) -> Any:
        space, name, module = self._place
        found = space[name] = import_module(module)
        return getattr(found, attribute)


def names_of(
    home: str, others: Callable[[str], Any] | None = None, more: Iterable[str] = (), finish: Any = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a module that has names which it does not import.

    Its imports under ``if TYPE_CHECKING:`` are what the index has of it.

    Args:
        others: what to ask for a name that the index does not have; it raises AttributeError.
        more: the names that ``others`` knows.
        finish: ``finish(name, value, home)`` makes what stands in the module of what was found.
    """
    space = vars(sys.modules[home])
    places: dict[str, str] = {}

    def known() -> dict[str, str]:
        if not places:
            places.update(parsed(index.NAMES[home]))
        return places

    def load(name: str) -> Any:
        place = known().get(name)
        if place is None:
            if others is None and name == "__all__":
                return [name for name in names() if name[0] != "_"]
            if others is None:
                raise AttributeError(f"module {home!r} has no attribute {name!r}")
            found = others(name)
        else:
            module, _, other = place.partition(":")
            found = import_module(f"{home}.{name}") if module == "." else getattr(import_module(module), other or name)
        found = space[name] = found if finish is None else finish(name, found, home)
        return found

    def names() -> list[str]:
        return sorted({*space, *known(), *more})

    return load, names


def load_all() -> None:
    """Load all operations, functions, methods and layers, for what goes through the tables of them."""
    for registry in _registries:
        registry.load()
    for home in index.NAMES:
        module: Any = import_module(home)
        for name in parsed(index.NAMES[home]) if home != "nnlite" else ():
            getattr(module, name)
    root: Any = sys.modules["nnlite"]
    for name in root._functions.__all__:
        getattr(root, name)
    root._methods.load()
