"""Write what is made of the code, the index and the type stubs: ``python -m nnlite._stubs``.

The functions and methods come from a registry, where type checkers and editors cannot see them. ``_functions.pyi`` and
``_methods.pyi`` tell them; ``_index.py`` says where everything is that loads at first use (``_indexing.py``). Tests
fail when these files are not what this module writes.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import _indexing
from .ops import FUNCTIONS, METHODS

_HEAD = "# Written by `python -m nnlite._stubs`; do not edit."
_IMPORTS = (
    ("from builtins import bool as _bool, float as _float, int as _int", "_bool|_float|_int"),
    ("from builtins import complex as _complex", "_complex"),
    ("from collections.abc import Callable", "Callable"),
    ("from typing import Any\n", "Any"),
    ("from ._core import dtypes", "dtypes"),
    ("from .storage import TypedStorage, UntypedStorage", "TypedStorage|UntypedStorage"),
    ("from .tensor import Tensor\n", "Tensor"),
)
"""Imports and the names that need them."""
_NOT_ONE_TENSOR = {
    "aminmax", "cummax", "cummin", "gradient", "histogram", "histogramdd", "kthvalue", "max", "median", "min", "mode",
    "nanmedian", "nonzero", "sort", "topk", "unique", "unique_consecutive", "where",
}  # fmt: skip
"""Functions that return several tensors, or one or several by their arguments."""
_IGNORES = {
    "__eq__": "  # type: ignore[override]",
    "__ne__": "  # type: ignore[override]",
}
_BUILTIN = re.compile(r"\b(bool|complex|float|int)\b")  # methods of these names hide the types


def _types(annotation: str) -> str:
    return _BUILTIN.sub(r"_\1", annotation)


def _signature(function: Callable[..., Any], method: bool) -> str:
    """The parameters and the result as stub text; results are tensors unless the function says otherwise."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    parts: list[str] = []
    star = False
    for i, p in enumerate(parameters):
        text = p.name
        annotation = p.annotation if isinstance(p.annotation, str) and not (method and i == 0) else ""
        if p.kind is p.VAR_POSITIONAL:
            text, star = f"*{p.name}", True
        elif p.kind is p.VAR_KEYWORD:
            text = f"**{p.name}"
        elif p.kind is p.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        text += f": {_types(annotation)}" if annotation else ""
        if p.default is not p.empty:
            text += " = ..." if annotation else "=..."
        parts.append(text)
        if p.kind is p.POSITIONAL_ONLY and (
            i + 1 == len(parameters) or parameters[i + 1].kind is not p.POSITIONAL_ONLY
        ):
            parts.append("/")
    result = signature.return_annotation
    if result == "Any" and function.__name__ not in _NOT_ONE_TENSOR:
        result = "Tensor"
    return f"({', '.join(parts)}) -> {_types(result)}: ..."


def _with_head(text: str) -> str:
    """The definitions below the imports that they need."""
    needed = [line for line, names in _IMPORTS if re.search(rf"\b({names})\b", text)]
    return "\n".join([_HEAD, *needed, text])


def functions_stub() -> str:
    """The text of ``_functions.pyi``."""
    FUNCTIONS.load()
    lines = []
    for name in sorted(FUNCTIONS):
        if not keyword.iskeyword(name):
            lines.append(f"def {name}{_signature(FUNCTIONS[name], False)}\n")
    return _with_head("".join(lines))


def methods_stub() -> str:
    """The text of ``_methods.pyi``."""
    METHODS.load()
    lines = ["class TensorMethods:\n"]
    for name in sorted(METHODS):
        override = _IGNORES.get(name, "")
        lines.append(f"    def {name}{_signature(METHODS[name], True)}{override}\n")
    return _with_head("".join(lines))


def main() -> None:
    """Write the files beside this one."""
    here = Path(__file__).parent
    (here / "_index.py").write_text(_indexing.text(), encoding="utf-8")
    (here / "_functions.pyi").write_text(functions_stub(), encoding="utf-8")
    (here / "_methods.pyi").write_text(methods_stub(), encoding="utf-8")


if __name__ == "__main__":
    main()
