"""The methods that come from operations: everything registered with ``@public``. ``_methods.pyi`` lists them for
tools."""

from __future__ import annotations

from typing import Any

from .ops import METHODS


class Method:
    """Stands for a method until it is first asked for, and is then replaced with it.

    A descriptor rather than ``Tensor.__getattr__``, which would make every later look-up of an attribute slower.
    Operators are looked up on the class, so they have to stand there from the start.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        load(METHODS.places[self.name])
        found = vars(TensorMethods)[self.name]
        return found if instance is None else found.__get__(instance, owner)


class TensorMethods:
    """``x.name(...)`` for each registered operation."""

    __slots__ = ()


_by_module: dict[str, list[str]] = {}
for _name, _module in METHODS.places.items():
    _by_module.setdefault(_module, []).append(_name)
    setattr(TensorMethods, _name, Method(_name))


def load(module: str | None = None) -> None:
    """Put the methods of a module, or of all modules, in their places.

    All at once, since the interpreter stops to remember look-ups in a class that changes a thousand times.
    """
    from .ops._arguments import LIGHT, guard

    for name in METHODS.places if module is None else _by_module[module]:
        if type(vars(TensorMethods)[name]) is Method:
            function = METHODS.find(name)
            setattr(TensorMethods, name, function if name in LIGHT else guard(name, function, "nnlite"))
