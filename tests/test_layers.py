"""A layer imports only from layers above it in the table of docs/design.md."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nnlite"

LAYERS = [
    [
        "nnlite._index",
        "nnlite._lazy",
        "nnlite._unavailable",
        "nnlite._version",
        "nnlite.backends",
        "nnlite.utils.hooks",
    ],
    ["nnlite._core"],
    ["nnlite.ops"],
    [
        "nnlite._functions",
        "nnlite._indexing",
        "nnlite._info",
        "nnlite._interchange",
        "nnlite._methods",
        "nnlite._printing",
        "nnlite._queries",
        "nnlite._stubs",
        "nnlite.autograd",
        "nnlite.creation",
        "nnlite.storage",
        "nnlite.tensor",
        "nnlite.typed",
    ],
    ["nnlite.fft", "nnlite.linalg", "nnlite.nn", "nnlite.special", "nnlite.signal"],
    [
        "nnlite.__config__",
        "nnlite._absent",
        "nnlite._dynamo",
        "nnlite._inductor",
        "nnlite._seldom",
        "nnlite._settings",
        "nnlite._threads",
        "nnlite.accelerator",
        "nnlite.amp",
        "nnlite.ao",
        "nnlite.compiler",
        "nnlite.cpu",
        "nnlite.cuda",
        "nnlite.datasets",
        "nnlite.distributions",
        "nnlite.distributed",
        "nnlite.export",
        "nnlite.func",
        "nnlite.futures",
        "nnlite.fx",
        "nnlite.hub",
        "nnlite.jit",
        "nnlite.library",
        "nnlite.masked",
        "nnlite.monitor",
        "nnlite.mps",
        "nnlite.mtia",
        "nnlite.multiprocessing",
        "nnlite.nested",
        "nnlite.onnx",
        "nnlite.optim",
        "nnlite.overrides",
        "nnlite.package",
        "nnlite.profiler",
        "nnlite.quantization",
        "nnlite.random",
        "nnlite.return_types",
        "nnlite.serialization",
        "nnlite.sparse",
        "nnlite.testing",
        "nnlite.torch_version",
        "nnlite.types",
        "nnlite.utils",
        "nnlite.version",
        "nnlite.warmup",
        "nnlite.xpu",
    ],
    ["nnlite"],
    ["nnlite.cuda.selftest", "nnlite.torch", "nnlite.vision"],
]
"""From the bottom up. A module belongs to the longest name here that begins its own; "nnlite" is its __init__.py."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def modules() -> dict[str, Path]:
    """Module name -> file."""
    found = {}
    for path in sorted(walk(PACKAGE)):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def walk(folder: Path) -> Iterator[Path]:
    """All Python files, also behind the link to backends/."""
    for path in folder.iterdir():
        if path.is_dir():
            yield from walk(path)
        elif path.suffix == ".py":
            yield path


MODULES = modules()


def layer_of(module: str) -> str:
    while module not in RANK:
        module = module.rpartition(".")[0]
    return module


def imports(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """The nnlite modules that a file imports, anywhere in it, with line numbers."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*outer, base] if base else outer)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield (full if full in MODULES else base), node.lineno


def test_every_module_has_a_layer():
    assert len(MODULES) > 50
    assert [name for name in MODULES if name != "nnlite" and layer_of(name) == "nnlite"] == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downwards(module):
    own = layer_of(module)
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line} imports {name} ({layer_of(name)} is above {own})"
        for name, line in imports(module, MODULES[module])
        if name.split(".")[0] == "nnlite" and RANK[layer_of(name)] > RANK[own]
    ]
    assert wrong == []


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_numpy_and_nothing_else_that_needs_installing():
    loaded = run(
        "import sys; before = set(sys.modules); import nnlite\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    ).split()
    # NumPy's random numbers bring Cython's modules; ml_dtypes, where it is installed, gives NumPy the dtype bfloat16.
    assert {name for name in loaded if "cython" not in name} - {"ml_dtypes"} == {"nnlite", "numpy"}


def test_backends_has_one_name():
    shown = run("try:\n    import backends\nexcept ImportError as error:\n    print(error)")
    assert "imports as nnlite.backends" in shown
