"""Writes ``cupy_api.py`` from an installed CuPy: ``python -m nnlite.backends.strict.list_cupy_api > cupy_api.py``.

CuPy imports on a machine without a GPU, so this needs none.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy as np

_HOST_ONLY = {"get_array_module", "is_available", "show_config", "test", "disp", "who", "safe_eval"}


def _parameters(function: Any) -> str:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return "*args **kwargs"
    return " ".join(str(p.replace(default=p.empty, annotation=p.empty)) for p in parameters)


def _functions(module: ModuleType, like: Any) -> dict[str, str]:
    """Public functions of a CuPy module that NumPy has too, with their parameter names."""
    names = [n for n in dir(module) if not n.startswith("_") and n not in _HOST_ONLY]
    values = {n: getattr(module, n) for n in names if callable(getattr(like, n, None))}
    return {n: _parameters(v) for n, v in values.items() if inspect.isroutine(v) or type(v).__name__ == "_GUFunc"}


def collect(cupy: Any) -> dict[str, Any]:
    """Everything ``cupy_api.py`` holds, by the name it has there."""
    public = [n for n in dir(cupy) if not n.startswith("_")]
    ufuncs = {n: getattr(cupy, n) for n in public if isinstance(getattr(cupy, n), cupy.ufunc) and hasattr(np, n)}
    constants = [
        n
        for n in public
        if hasattr(np, n) and (getattr(cupy, n) is None or isinstance(getattr(cupy, n), float | type))
        if n not in ("ndarray", "ufunc", "flatiter", "broadcast", "ndindex", "poly1d", "vectorize")
    ]
    return {
        "VERSION": cupy.__version__,
        "FUNCTIONS": _functions(cupy, np),
        "LINALG": _functions(cupy.linalg, np.linalg),
        "FFT": _functions(cupy.fft, np.fft),
        "UFUNCS": {n: " ".join(u.types) for n, u in ufuncs.items()},
        "CONSTANTS": constants,
    }


def render(api: dict[str, Any]) -> str:
    """The text of ``cupy_api.py``."""
    lines = [
        f'"""What CuPy {api["VERSION"]} offers of NumPy\'s names. Written by list_cupy_api.py; do not edit."""',
        "",
        "from __future__ import annotations",
        "",
        f'VERSION = "{api["VERSION"]}"',
    ]
    for table, about in (
        ("FUNCTIONS", "Function -> its parameter names."),
        ("LINALG", "Function of ``linalg`` -> its parameter names."),
        ("FFT", "Function of ``fft`` -> its parameter names."),
        ("UFUNCS", "Ufunc -> the types of its loops (E is bfloat16)."),
    ):
        lines += ["", f"{table}: dict[str, str] = {{"]
        for name, text in sorted(api[table].items()):
            entry = f'    "{name}": "{text}",'
            if len(entry) > 120:
                words, half = text.split(" "), (len(text.split(" ")) + 1) // 2
                first, second = " ".join(words[:half]) + " ", " ".join(words[half:])
                lines += [f'    "{name}": (', f'        "{first}"', f'        "{second}"', "    ),"]
            else:
                lines.append(entry)
        lines += ["}", f'"""{about}"""']
    lines += ["", "CONSTANTS: frozenset[str] = frozenset(", "    {"]
    lines += [f'        "{name}",' for name in sorted(api["CONSTANTS"])]
    lines += ["    }", ")", '"""Constants and types, the same in NumPy and CuPy."""', ""]
    return "\n".join(lines)


if __name__ == "__main__":
    import cupy

    print(render(collect(cupy)), end="")
