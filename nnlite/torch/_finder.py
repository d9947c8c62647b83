"""The name ``torch``: a finder at the front of ``sys.meta_path`` that answers with nnlite's own modules.

It answers for ``torchvision`` too, with :mod:`nnlite.vision`: the real one loads the compiled PyTorch, and cannot run
where ``torch`` is nnlite.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from . import _children, _missing

PACKAGES = {"torch": "nnlite", "torchvision": "nnlite.vision"}
"""Alias -> what it stands for."""

COMPILED = {"torchaudio", "torchtext"}
"""Packages that need the compiled PyTorch, and for which nnlite has nothing."""

_HIDDEN = {"torch": {"torch", "vision", "datasets", "_core", "ops"}, "torchvision": set[str]()}
"""Modules of nnlite directly below the package that PyTorch has no module for."""


class _Alias(Loader):
    """Hands a module that exists to the import system, and leaves it as it was."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        shown = "" if module.__spec__ is None else module.__spec__.name
        module.__spec__ = self.spec  # the import system has just written the spec of the alias there
        _watch(module, shown)


class TorchFinder(MetaPathFinder):
    """Answers for ``torch`` and everything below it; what nnlite does not have ends the search.

    Attributes:
        torchvision: answer for torchvision although it is installed.
    """

    torchvision = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top not in PACKAGES and top not in COMPILED:
            return None
        if fullname == "torchvision" and not self.torchvision:
            self._refuse_real_torchvision()
        module = None if top in COMPILED else module_of(fullname)
        if module is None:
            if _missing.is_a_question():
                return None
            raise _missing.module_error(fullname)
        return ModuleSpec(fullname, _Alias(module), is_package=hasattr(module, "__path__"))

    def _refuse_real_torchvision(self) -> None:
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec("torchvision", None)
            if spec is not None:
                raise ImportError(
                    f"torchvision ({spec.origin}) needs the compiled PyTorch and cannot run where torch is nnlite. "
                    "nnlite.vision has its datasets and transforms: `python -m nnlite.torch --torchvision ...` or "
                    "`nnlite.torch.install(torchvision=True)` gives it to `import torchvision`.",
                    name="torchvision",
                )


_finder = TorchFinder()
_watched: dict[str, tuple[ModuleType, Callable[[str], Any] | None]] = {}
"""Name of a module -> the module and the ``__getattr__`` that it had."""


def module_of(fullname: str) -> ModuleType | None:
    """The module of nnlite for a dotted name that begins with an alias, or None."""
    top, *rest = fullname.split(".")
    if rest and rest[0] in _HIDDEN[top]:
        return None
    own = ".".join([PACKAGES[top], *rest])
    try:
        return importlib.import_module(own)
    except ModuleNotFoundError as error:
        if not (error.name == own or own.startswith(f"{error.name}.")):
            raise  # the module is there, and something else that it needs is not
    # A namespace that stands in its parent without a file of its own.
    parent, _, name = fullname.rpartition(".")
    outer = module_of(parent)
    found = None if outer is None else getattr(outer, name, None)
    return found if isinstance(found, ModuleType) else None


def _watch(module: ModuleType, shown: str) -> None:
    """Let the module say what is missing in it, for as long as the alias is installed."""
    names = vars(module)
    if module.__name__ in _watched or module.__name__.partition(".")[0] != __package__.partition(".")[0]:
        return
    before = names.get("__getattr__")
    _watched[module.__name__] = module, before

    def __getattr__(name: str) -> Any:
        if before is not None:
            try:
                found = before(name)
                if isinstance(found, ModuleType):  # a module that has loaded just now
                    _watch(found, f"{shown}.{name}")
                return found
            except AttributeError as error:
                if error.__cause__ is not None:
                    raise
        if name.startswith("__"):
            raise AttributeError(f"module {shown!r} has no attribute {name!r}")
        raise _missing.attribute_error(shown, name, module)

    names["__getattr__"] = __getattr__


def is_installed() -> bool:
    """Whether ``import torch`` gives nnlite.

    Example:
        >>> import nnlite.torch
        >>> nnlite.torch.is_installed()
        False
    """
    return _finder in sys.meta_path


def install(torchvision: bool = False) -> None:
    """Make ``import torch``, and every module below it, give nnlite's modules.

    A second call does nothing. Processes that ``multiprocessing`` starts from now on do the same.

    Args:
        torchvision: ``import torchvision`` gives :mod:`nnlite.vision` although torchvision is installed; where it is
            not installed, it does so anyway.

    Raises:
        ImportError: the program has imported PyTorch already; objects of both would mix.

    Example:
        >>> import nnlite, nnlite.torch
        >>> nnlite.torch.install()
        >>> import torch.nn.functional as F
        >>> F is nnlite.nn.functional
        True
        >>> nnlite.torch.uninstall()
    """
    if is_installed():
        _finder.torchvision = _finder.torchvision or torchvision
        return
    for name in PACKAGES:
        loaded = sys.modules.get(name)
        if loaded is not None:
            raise ImportError(
                f"nnlite.torch.install() has to come before the first `import torch`: {name} is loaded already, from "
                f"{getattr(loaded, '__file__', None)}. In a notebook, restart the kernel and call it first.",
                name=name,
            )
    _finder.torchvision = torchvision
    sys.meta_path.insert(0, _finder)
    for name, module in list(sys.modules.items()):  # a program reaches these as attributes, without an import
        rest = name.split(".")[1:]
        if name.startswith("nnlite.") and not (rest[0] in _HIDDEN["torch"] or any(part[0] == "_" for part in rest)):
            _watch(module, ".".join(["torch", *rest]))
    _children.follow(lambda: _finder.torchvision)


def uninstall() -> None:
    """Take back :func:`install`: the next ``import torch`` looks for PyTorch again.

    Modules that were imported under the name ``torch`` stay what they are for whoever holds them.

    Example:
        >>> import nnlite.torch
        >>> nnlite.torch.install()
        >>> nnlite.torch.uninstall()
        >>> nnlite.torch.is_installed()
        False
    """
    if not is_installed():
        return
    sys.meta_path.remove(_finder)
    _children.stop_following()
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]
    for module, before in _watched.values():
        if before is None:
            del vars(module)["__getattr__"]
        else:
            vars(module)["__getattr__"] = before
    _watched.clear()
