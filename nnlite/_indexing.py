"""Makes the text of ``_index.py``, the table of what loads at first use: ``python -m nnlite._indexing`` prints it.

Operations, functions and methods: the modules that register some are imported, and the last one that sets a name is
its home. Other names: those that a file imports under ``if TYPE_CHECKING:`` and leaves to ``names_of`` (``_lazy.py``).
Run it in a process of its own: what was imported before would not be seen. With ``--backwards`` it imports the modules
in the reverse order, which has to give the same text.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import _index
from ._lazy import Registry

_HEAD = '''"""Which module has what loads at first use; see ``_lazy.py``.

A line is the name of a module and the names that it has, "name=other" where it calls it otherwise; "." stands before
modules themselves. Written by `python -m nnlite._stubs`; do not edit.
"""

from __future__ import annotations
'''
_TABLES = ("nnlite.ops.", "nnlite.creation.")
_REGISTERS = re.compile(r"^ *GENERIC\[\w.\"]+\] =|^@public|^METHODS\[", re.MULTILINE)
"""What modules elsewhere have that register something."""
_LATE = re.compile(r"= (?:_lazy\.)?names_of\(__name__")
_PACKAGE = Path(__file__).parent


def _modules() -> Iterator[tuple[str, str]]:
    """The modules of the package and their texts. Those of backends bring kernels, not operations."""
    for path in sorted(_PACKAGE.rglob("*.py")):
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        if parts[1] != "backends":
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path.read_text("utf-8")


def _setter() -> str:
    """The module whose import runs."""
    frame: Any = sys._getframe(2)
    while frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return frame.f_globals["__name__"]


def _registered(backwards: bool) -> dict[str, dict[str, str]]:
    """Table of the index -> name -> module."""
    homes: dict[int, dict[str, str]] = {}

    def note(registry: Any, name: str, value: Any) -> None:
        homes.setdefault(id(registry), {})[name] = _setter()
        dict.__setitem__(registry, name, value)

    from .backends.kernels import GENERIC
    from .ops import FUNCTIONS, METHODS

    for registry in (GENERIC, FUNCTIONS, METHODS):
        registry.places.clear()  # a module has to import what it needs to be imported, whatever the index says
    Registry.__setitem__ = note  # type: ignore[method-assign]
    found = [name for name, text in _modules() if name.startswith(_TABLES) or _REGISTERS.search(text)]
    for name in reversed(found) if backwards else found:
        importlib.import_module(name)
    del Registry.__setitem__
    tables = {"FUNCTIONS": FUNCTIONS, "METHODS": METHODS, "OPERATIONS": GENERIC}
    return {table: {n: homes[id(r)][n] for n in r} for table, r in tables.items()}


def _resolved(line: ast.ImportFrom, module: str) -> str:
    """The module that an import in ``module`` names."""
    package = module if (_file(module).name == "__init__.py") else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * line.level + (line.module or ""), package)


def _file(module: str) -> Path:
    path = _PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _late_imports(module: str) -> Iterator[tuple[str, str]]:
    """The names in a module's imports under ``if TYPE_CHECKING:``, and where they are."""
    for block in ast.parse(_file(module).read_text("utf-8")).body:
        if not (isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")):
            continue
        for line in block.body:
            if not isinstance(line, ast.ImportFrom):
                continue
            home = _resolved(line, module)
            if home == "nnlite._functions":  # a table of its own
                continue
            for alias in line.names:
                name = alias.asname or alias.name
                if alias.name == "*":
                    yield from ((name, home) for name in _all_of(home))
                elif line.module is None:
                    yield name, "."
                else:
                    yield name, home if name == alias.name else f"{home}:{alias.name}"


def _all_of(module: str) -> list[str]:
    """What ``import *`` of a module gives: the list ``__all__``, or its late imports."""
    for line in ast.parse(_file(module).read_text("utf-8")).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__all__":
            return list(ast.literal_eval(line.value))
    return [name for name, home in _late_imports(module) if home != "."]


def _words(homes: dict[str, str]) -> str:
    """A table as text."""
    lines: dict[str, list[str]] = {}
    for name, home in sorted(homes.items()):
        module, _, other = home.partition(":")
        lines.setdefault(module, []).append(f"{name}={other}" if other else name)
    rows = (" ".join([f"{module}:", *names]) for module, names in sorted(lines.items()))
    return "\n".join(textwrap.fill(row, 118, subsequent_indent="    ", break_on_hyphens=False) for row in rows)


def _table(homes: dict[str, str]) -> str:
    return f'"""\n{_words(homes)}\n"""'


def text(backwards: bool = False) -> str:
    """The text of ``_index.py``."""
    late = {name: dict(_late_imports(name)) for name, source in _modules() if _LATE.search(source)}
    _index.NAMES = {name: _words(homes) for name, homes in late.items()}
    registered = _registered(backwards)
    parts = [_HEAD]
    parts += [f"{table} = {_table(homes)}\n" for table, homes in registered.items()]
    parts.append("NAMES = {\n" + "".join(f'    "{name}": {_table(homes)},\n' for name, homes in late.items()) + "}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(text("--backwards" in sys.argv[1:]))
