"""Processes that ``multiprocessing`` starts: they have to know the alias before they import the program again.

A forked process inherits it. A process of the methods ``spawn`` and ``forkserver`` begins by unpickling what
``multiprocessing.spawn.get_preparation_data`` gathered in its parent, then imports the program's ``__main__``.
An object in that data whose unpickling calls ``install()`` comes in between at the right place. No environment variable
and no file outside the package is needed.
"""

from __future__ import annotations

import multiprocessing.spawn
from collections.abc import Callable
from pathlib import Path
from typing import Any

_KEY = "nnlite.torch"
_PRELOAD = "nnlite.torch._preload"
_ROOT = str(Path(__file__).resolve().parents[2])

_original: Any = None
_torchvision: Callable[[], bool] = bool


class _Install:
    """Unpickles as None, and installs the alias on the way.

    ``sys.path`` of the parent has not arrived yet at that time, so the folder that nnlite lies in is given along.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        install = f"import nnlite.torch; nnlite.torch.install(torchvision={_torchvision()})"
        code = f"import sys; sys.path.append({_ROOT!r}); {install}; sys.path.pop()"
        return exec, (code, {})


def _preparation_data(name: str) -> dict[str, Any]:
    data = dict(_original(name))
    if name == "ignore":  # the fork server asks this way; it takes strings alone, and may load __main__ with them
        data.pop("main_path", None)
        _prepare_server()
        return data
    return {_KEY: _Install(), **data}


def _prepare_server() -> None:
    """Where the program asked its fork server to load modules beforehand, they are loaded with the alias."""
    from multiprocessing import forkserver

    server: Any = forkserver._forkserver
    if set(server._preload_modules) - {"__main__", _PRELOAD}:
        server._preload_modules = [_PRELOAD, *(name for name in server._preload_modules if name != _PRELOAD)]


def follow(torchvision: Callable[[], bool]) -> None:
    """Children started from now on have the alias, with what ``torchvision`` says at that time."""
    global _original, _torchvision
    _torchvision = torchvision
    if _original is None:
        _original = multiprocessing.spawn.get_preparation_data
        multiprocessing.spawn.get_preparation_data = _preparation_data


def stop_following() -> None:
    """Children started from now on are as Python starts them."""
    global _original
    if _original is not None and multiprocessing.spawn.get_preparation_data is _preparation_data:
        multiprocessing.spawn.get_preparation_data = _original
        _original = None
