"""Puts the functions that cast in place of those of the table, when autocast is first enabled.

A program without autocast runs as if there were none: nothing asks for it. From the first context on, the functions of
the table, and they alone, look at one flag of the thread (0.7 us).
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from .._lazy import load_all
from .._methods import TensorMethods
from ..ops.recurrent import SCANS
from ..tensor import Tensor
from ._casting import casting
from ._lists import CPU, DEVICE

_lock = threading.Lock()


class _Done:
    """What is in place, for the whole process."""

    def __init__(self) -> None:
        self.replacements: dict[int, Callable[..., Any]] = {}
        self.modules: set[str] = set()
        self.count = 0
        """How many modules there were, nnlite's and others."""


_done = _Done()

_INSIDE_OPS = ("nnlite.ops.attention.multi_head", "nnlite.ops.recurrent.cells")
"""The modules of ``nnlite.ops`` whose calls of other operations autocast sees, as those of layers. In all others an
operation is one, however it is computed."""


def install() -> None:
    """Put them in place; where that was done, in the modules that have been imported since."""
    if _done.count == len(sys.modules):
        return
    with _lock:
        if not _done.replacements:
            load_all()
            _done.replacements = _replacements()
            _replace_names([TensorMethods], _done.replacements)
            _replace_recurrent()
        spaces = {name: module for name, module in list(sys.modules.items()) if _calls_operations(name)}
        _replace_names([spaces[name] for name in spaces if name not in _done.modules], _done.replacements)
        _done.modules |= set(spaces)
        _done.count = len(sys.modules)


def _calls_operations(module: str) -> bool:
    own = module.partition(".")[0] == "nnlite"
    return own and (not module.startswith(("nnlite.ops", "nnlite.amp")) or module in _INSIDE_OPS)


def _replacements() -> dict[int, Callable[..., Any]]:
    """What each function of the table is replaced with, by the function's id."""
    found: dict[int, Callable[..., Any]] = {}
    for name in dict.fromkeys((*CPU, *DEVICE)):
        for function in _functions_of(name):
            if id(function) not in found:
                found[id(function)] = casting(function, CPU.get(name), DEVICE.get(name))
    return found


def _functions_of(name: str) -> Iterator[Any]:
    """The functions and methods of a name, without what guards their arguments."""
    nnlite = sys.modules["nnlite"]
    places: tuple[Any, ...] = (nnlite, nnlite.nn.functional, Tensor)
    home, _, last = name.rpartition(".")
    if home:
        places = (getattr(nnlite, home),)
    for place in places:
        getattr(place, last, None)  # loads it
        function = inspect.getattr_static(place, last, None)
        if isinstance(function, FunctionType):
            yield _inner(function)


def _inner(function: Any) -> Any:
    """The function that a guard calls (``ops/_arguments.py``); another one itself."""
    return _free(function, "function") if _guards(function) else function


def _guards(function: Any) -> bool:
    return isinstance(function, FunctionType) and "function" in function.__code__.co_freevars and "explained" in (
        function.__code__.co_names
    )  # fmt: skip


def _cell(function: Any, name: str) -> Any:
    return function.__closure__[function.__code__.co_freevars.index(name)]


def _free(function: Any, name: str) -> Any:
    return _cell(function, name).cell_contents


def _replace_names(spaces: list[Any], replacements: dict[int, Callable[..., Any]]) -> None:
    """Under every name by which layers and users call. A guard calls the new function, so that whoever imported it by
    name has it too."""
    for space in spaces:
        for name, value in list(vars(space).items()):
            if _guards(value):
                new = replacements.get(id(_free(value, "function")))
                if new is not None:
                    _cell(value, "function").cell_contents = new
            elif id(value) in replacements:
                setattr(space, name, replacements[id(value)])
                _replace_call(value, replacements)
            elif type(value) is dict and getattr(space, "__name__", "").startswith("nnlite.nn."):
                for key, each in value.items():  # such as the convolutions by number of dimensions
                    value[key] = replacements.get(id(each), each)


def _replace_call(function: Any, replacements: dict[int, Callable[..., Any]]) -> None:
    """In the functions of one elementwise operation (``ops/_public.py``), for whoever imported them by name."""
    if isinstance(function, FunctionType) and function.__code__.co_freevars == ("call",):
        call = _free(function, "call")
        if id(call) in replacements and function.__name__ == call.__name__:
            _cell(function, "call").cell_contents = replacements[id(call)]


def _replace_recurrent() -> None:
    """The layers of `nn.LSTM` and the like, which are one function for all: the first argument says which it is."""
    from ..nn.modules import rnn

    names = {id(scan): name for name, scan in SCANS.items()}
    plain = rnn.layers
    by_name = {name: casting(plain, CPU.get(name), DEVICE.get(name)) for name in SCANS}

    def layers(scan: Any, *args: Any, **kwargs: Any) -> Any:
        return by_name[names[id(scan)]](scan, *args, **kwargs)

    rnn.layers = layers
