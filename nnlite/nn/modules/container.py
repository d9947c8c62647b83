"""Modules that hold modules: in a chain, a list or a dictionary."""

from __future__ import annotations

import operator
import warnings
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import chain, groupby
from typing import Any, Self, overload

from ._parameter_containers import ParameterDict, ParameterList
from ._registration import typename
from .module import Module, _addindent
from .utils import _pairs_of

__all__ = ["Container", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


def _position(index: Any, size: int) -> int:
    """The position from the start that a list index means.

    Raises:
        IndexError: there is no such position.
    """
    index = operator.index(index)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of range")
    return index % size


class _Numbered(Module):
    """What Sequential and ModuleList share: children in a row, named by their positions."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __delitem__(self, idx: int | slice) -> None:
        names = list(self._modules)
        for name in names[idx] if isinstance(idx, slice) else [names[_position(idx, len(self))]]:
            delattr(self, name)
        self._renumber(self._modules.values())

    def _renumber(self, modules: Iterable[Module | None]) -> None:
        self._modules = {str(i): module for i, module in enumerate(modules)}

    def pop(self, key: int | slice) -> Any:
        """Take the module at position ``key`` out and return it."""
        taken = self[key]  # type: ignore[index]
        del self[key]
        return taken

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self


class Sequential(_Numbered):
    r"""Modules in a chain: each gets the output of the one before.

    :math:`y = f_n(\dots f_2(f_1(x)))`

    It takes the modules, or an ``OrderedDict`` of names and modules. It can be indexed, sliced, added to, multiplied
    and changed like a list.

    Shape:
        Input: that of the first module; output: that of the last.

    Raises:
        TypeError: something is not a module.

    Example:
        >>> from nnlite import nn
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
        >>> net
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
          (2): Linear(in_features=8, out_features=1, bias=True)
        )
        >>> net[:2]
        Sequential(
          (0): Linear(in_features=4, out_features=8, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for position, module in enumerate(args):
                self.add_module(str(position), module)

    def forward(self, input: Any) -> Any:
        """Call the modules one after the other."""
        for module in self:
            input = module(input)
        return input

    @overload
    def __getitem__(self, idx: int) -> Module: ...
    @overload
    def __getitem__(self, idx: slice) -> Self: ...
    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return list(self._modules.values())[_position(idx, len(self))]

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, list(self._modules)[_position(idx, len(self))], module)

    def __add__(self, other: Sequential) -> Sequential:
        _check_chain(other)
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Self:
        _check_chain(other)
        return self.extend(other)

    def __mul__(self, other: int) -> Sequential:
        """The same modules, ``other`` times in a row."""
        _check_factor(self, other)
        return Sequential(*chain.from_iterable([self] * other))

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Self:
        _check_factor(self, other)
        return self.extend(chain.from_iterable([list(self)] * (other - 1)))

    def insert(self, index: int, module: Module) -> Self:
        """Add a module before position ``index``; returns the container.

        Raises:
            AssertionError: ``module`` is not a module.
            IndexError: there is no such position.
            KeyError: the modules have names of their own, so that the new one has none.

        Example:
            >>> from nnlite import nn
            >>> nn.Sequential(nn.ReLU(), nn.ReLU()).insert(1, nn.Tanh())
            Sequential(
              (0): ReLU()
              (1): Tanh()
              (2): ReLU()
            )
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        size = len(self)
        if not -size <= index <= size:
            raise IndexError(f"Index out of range: {index}")
        if any(name != str(i) for i, name in enumerate(self._modules)):
            raise KeyError(
                f"Sequential.insert: needs modules that are named by their positions, got {list(self._modules)}; "
                "make a new Sequential of an OrderedDict"
            )
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def extend(self, sequential: Iterable[Module]) -> Self:
        """Add modules at the end; returns the container."""
        for module in list(sequential):
            self.append(module)
        return self


def _check_chain(other: Any) -> None:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")


def _check_factor(module: Sequential, factor: Any) -> None:
    if not isinstance(factor, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(module)} and {type(factor)}")
    if factor <= 0:
        raise ValueError(f"Non-positive multiplication factor {factor} for {type(module)}")


class ModuleList(_Numbered):
    """A list of modules. Unlike those in a Python list, they are children of the module that the list is assigned to.

    It has no ``forward``: what is computed with the modules is written by the module that holds the list.

    Args:
        modules (iterable of Module, optional): the modules.

    Raises:
        TypeError: something is not a module.

    Example:
        >>> from nnlite import nn
        >>> nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        ModuleList(
          (0-2): 3 x Linear(in_features=4, out_features=4, bias=True)
        )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    @overload
    def __getitem__(self, idx: int) -> Module: ...
    @overload
    def __getitem__(self, idx: slice) -> Self: ...
    def __getitem__(self, idx: int | slice) -> Any:
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return self._modules[str(_position(idx, len(self)))]

    def __setitem__(self, idx: int, module: Module) -> None:
        setattr(self, str(_position(idx, len(self))), module)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def insert(self, index: int, module: Module) -> None:
        """Add a module before position ``index``, which works as in ``list.insert``.

        Raises:
            TypeError: ``module`` is not a module.

        Example:
            >>> from nnlite import nn
            >>> modules = nn.ModuleList([nn.ReLU()])
            >>> modules.insert(0, nn.Tanh())
            >>> modules
            ModuleList(
              (0): Tanh()
              (1): ReLU()
            )
        """
        if not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        modules = list(self._modules.values())
        modules.insert(index, module)
        self._renumber(modules)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns the list.

        Raises:
            TypeError: ``modules`` is not iterable, or something in it is not a module.
        """
        if not isinstance(modules, Iterable):
            raise TypeError("ModuleList.extend should be called with an iterable, but got " + type(modules).__name__)
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self) -> str:
        """As PyTorch prints it: equal modules in a row on one line."""
        lines = []
        position = 0
        for text, run in groupby(map(repr, self)):
            count = len(list(run))
            if count == 1:
                line = f"({position}): {text}"
            else:
                line = f"({position}-{position + count - 1}): {count} x {text}"
            lines.append("\n  " + _addindent(line, 2))
            position += count
        return f"{self._get_name()}({''.join(lines)}{chr(10) if lines else ''})"


class ModuleDict(Module):
    """A dictionary of modules, in the order in which they were added.

    Unlike those in a Python dictionary, they are children of the module that it is assigned to. It has no ``forward``.

    Args:
        modules (mapping or iterable of pairs, optional): names and modules.

    Raises:
        TypeError: a name is not a string or something is not a module.
        KeyError: a name is empty, contains a dot, or is that of a method.

    Example:
        >>> from nnlite import nn
        >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
        >>> choices["tanh"]
        Tanh()
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take the module of this name out and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Module]:
        """The names and modules."""
        return self._modules.items()  # type: ignore[return-value]

    def values(self) -> ValuesView[Module]:
        """The modules."""
        return self._modules.values()  # type: ignore[return-value]

    def update(self, modules: Any) -> None:
        """Add modules, or replace those whose names are there already.

        Args:
            modules (mapping or iterable of pairs): names and modules.

        Raises:
            TypeError, ValueError: ``modules`` is neither.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of key/value pairs, but got "
                + type(modules).__name__
            )
        if isinstance(modules, (Mapping, ModuleDict)):
            for key, module in list(modules.items()):
                self[key] = module
            return
        for key, module in _pairs_of("ModuleDict", modules):
            self[key] = module


class Container(Module):
    """Holds modules under the names of keyword arguments. Deprecated, as in PyTorch: subclass :class:`Module`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__()
        warnings.warn(
            "`nn.Container` is deprecated; everything that it does `nn.Module` does. Subclass that instead.",
            FutureWarning,
            stacklevel=2,
        )
        for name, module in kwargs.items():
            self.add_module(name, module)
