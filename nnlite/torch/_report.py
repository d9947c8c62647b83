"""``--report``: what a program uses of PyTorch, and what of that nnlite does not have, without running it."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TextIO

from .._unavailable import Unavailable
from .._version import __version__
from ..tensor import Tensor
from ._finder import module_of
from ._hints import hint_for
from ._names_used import NamesUsed, Use

_LINES = 6
"""So many places are printed for a name."""

_Places = dict[str, list[tuple[str, int]]]
"""Name -> files and lines."""


def report(name: str, as_module: bool, out: TextIO) -> bool:
    """Print what the program and the modules beside it use.

    Args:
        name: a script, or a module's name.
        as_module: which of the two.
        out: where to print.

    Returns:
        whether nnlite has all of it.

    Raises:
        SystemExit: there is no such program.
    """
    start, folder = _start(name, as_module)
    used: _Places = {}
    missing: _Places = {}
    named: _Places = {}
    guarded: _Places = {}
    methods: _Places = {}
    no_methods: _Places = {}
    files = 0
    for path, names in _files(start, folder):
        files += 1
        shown = os.path.relpath(path.resolve(), folder)
        for use in names.torch:
            value = find(use)
            if value is None:
                _note(guarded if use.guarded else missing, use, shown)
            else:
                _note(named if type(value) is Unavailable else used, use, shown)
        for use in names.methods:
            if use.name in tensor_names():
                _note(methods if hasattr(Tensor, use.name) else no_methods, use, shown)
    _print(out, name, files, used, missing, named, guarded, methods, no_methods)
    return not missing


def find(use: Use) -> object | None:
    """What nnlite has under a name, or None; a name that is assigned to needs only the module it stands in."""
    full = use.name.rpartition(".")[0] if use.stored else use.name
    parts = full.split(".")
    outer = 1
    found = module_of(parts[0])
    while outer < len(parts):
        try:
            inner = module_of(".".join(parts[: outer + 1]))
        except ImportError:  # a module of nnlite that needs a package which is not installed
            return None
        if inner is None:
            break
        found, outer = inner, outer + 1
    value: object = found
    for part in parts[outer:]:
        if type(value) is Unavailable:
            break
        try:
            value = getattr(value, part)
        except AttributeError:
            return None
    return "None" if value is None else value


@cache
def tensor_names() -> frozenset[str]:
    """The public attributes of PyTorch's Tensor."""
    return frozenset((Path(__file__).parent / "tensor_names.txt").read_text("utf-8").split())


def _note(lists: _Places, use: Use, shown: str) -> None:
    places = lists.setdefault(use.name, [])
    if (shown, use.line) not in places:
        places.append((shown, use.line))


def _start(name: str, as_module: bool) -> tuple[Path, Path]:
    """The program's file, and the folder in which its own modules are looked for."""
    if not as_module:
        path = Path(name)
        if path.is_dir():
            path = path / "__main__.py"
        if not path.is_file():
            raise SystemExit(f"{sys.executable}: can't open file {str(path)!r}: there is no such file")
        return path, path.resolve().parent
    folder = Path.cwd()
    found = _beside(name, folder)
    if found is None:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SystemExit(f"{sys.executable}: No module named {name}")
        found = Path(spec.origin)
        folder = found.resolve().parents[name.count(".") + (found.name == "__init__.py")]
    if found.name == "__init__.py":
        found = found.with_name("__main__.py")
    return found, folder


def _files(start: Path, folder: Path) -> Iterator[tuple[Path, NamesUsed]]:
    """The program's file and, from import to import, the files beside it."""
    waiting = [start]
    seen = set()
    while waiting:
        path = waiting.pop(0)
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except SyntaxError as error:
            print(f"{path}:{error.lineno}: {error.msg}; this file is left out of the report", file=sys.stderr)
            continue
        names = NamesUsed(tree)
        yield path, names
        for module, level in names.imports:
            base = folder if level == 0 else path.resolve().parents[level - 1]
            found = _beside(module, base)
            if found is not None and not found.resolve().is_relative_to(_own_folder()):
                waiting.append(found)


def _own_folder() -> Path:
    return Path(__file__).resolve().parents[1]


def _beside(module: str, folder: Path) -> Path | None:
    """The file of a module below a folder, if it is there."""
    place = folder.joinpath(*module.split(".")) if module else folder
    if module and place.with_suffix(".py").is_file():
        return place.with_suffix(".py")
    return place / "__init__.py" if (place / "__init__.py").is_file() else None


def _print(
    out: TextIO,
    name: str,
    files: int,
    used: _Places,
    missing: _Places,
    named: _Places,
    guarded: _Places,
    methods: _Places,
    no_methods: _Places,
) -> None:
    others = "" if files == 1 else f" and {files - 1} file{'s' * (files > 2)} beside it"
    total = len(used) + len(missing) + len(named) + len(guarded)
    print(f"{name}{others}: {total} names of PyTorch; not in nnlite {__version__}: {len(missing)}", file=out)
    _section(out, "Missing", missing, hints=True)
    _section(out, "There in name, and an error when called", named, hints=True)
    _section(out, "Not there, which the program is prepared for", guarded)
    _section(out, "Missing, if the value is a tensor", no_methods, before=".")
    _section(out, "Used", used)
    _section(out, "Used, if the value is a tensor", methods, before=".")


def _section(out: TextIO, title: str, names: _Places, before: str = "", hints: bool = False) -> None:
    if not names:
        return
    print(f"\n{title}:", file=out)
    width = min(44, max(len(before + name) for name in names))
    for name in sorted(names):
        print(f"  {before + name:<{width}}  {_shown(names[name])}", file=out)
        hint = hint_for(name) if hints else None
        if hint:
            print(f"  {'':<{width}}  {hint}", file=out)


def _shown(places: list[tuple[str, int]]) -> str:
    """``train.py:3,7 model.py:12``."""
    lines: dict[str, list[str]] = {}
    for file, line in places[:_LINES]:
        lines.setdefault(file, []).append(str(line))
    more = f" and {len(places) - _LINES} more" if len(places) > _LINES else ""
    return " ".join(f"{file}:{','.join(numbers)}" for file, numbers in lines.items()) + more
