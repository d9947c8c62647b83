"""A program as ``python script.py`` or ``python -m module`` would run it, with the alias installed."""

from __future__ import annotations

import builtins
import importlib.util
import io
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

from ._missing import is_own_file

_Hook = Callable[[type[BaseException], BaseException, TracebackType | None], Any]


def run_script(path: str, args: list[str]) -> None:
    """Run a file, or a folder or zip file with a ``__main__.py``."""
    sys.argv[:] = [path, *args]
    path = os.path.abspath(path)  # what python makes of it, except in sys.argv
    if os.path.isdir(path) or (os.path.isfile(path) and _importer(path) is not None):
        _set_path0(path)
        spec = PathFinder.find_spec("__main__", [path])
        if spec is None:
            _refuse(f"can't find '__main__' module in {path!r}")
        _run_spec(spec, alter_argv=False)
        return
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        _refuse(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    _set_path0(os.path.dirname(os.path.realpath(path)))
    main = _new_main(path, SourceFileLoader("__main__", path), None)
    _execute(lambda: compile(source, path, "exec", dont_inherit=True), main)


def run_module(name: str, args: list[str]) -> None:
    """Run a module that is found on ``sys.path``, or the ``__main__`` of a package."""
    sys.argv[:] = ["-m", *args]
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name += ".__main__"
            spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        _refuse(f"Error while finding module specification for {name!r} ({type(error).__name__}: {error})")
    if spec is None:
        _refuse(f"No module named {name}")
    _run_spec(spec, alter_argv=True)


def _importer(path: str) -> Any:
    """Something that imports from this file, as zipimport does from a zip file; None for a source file."""
    for hook in sys.path_hooks:
        try:
            return hook(path)
        except ImportError:
            continue
    return None


def _refuse(message: str) -> NoReturn:
    print(f"{sys.executable}: {message}", file=sys.stderr)
    raise SystemExit(2 if message.startswith("can't open") else 1)


def _set_path0(folder: str) -> None:
    """``python -m nnlite.torch`` has put the current folder first; the program expects its own."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _new_main(file: str | None, loader: Any, spec: ModuleSpec | None) -> ModuleType:
    """A fresh module ``__main__``, in its place for good: threads, pickle and exit functions find it there."""
    main = ModuleType("__main__")
    main.__dict__.update(
        __annotations__={}, __builtins__=builtins, __file__=file, __cached__=None, __loader__=loader, __spec__=spec
    )
    if spec is not None:
        main.__dict__.update(__package__=spec.parent, __cached__=spec.cached)
    sys.modules["__main__"] = main
    return main


def _run_spec(spec: ModuleSpec, alter_argv: bool) -> None:
    loader: Any = spec.loader
    if loader is None or not hasattr(loader, "get_code"):
        _refuse(f"{spec.name!r} is not a Python module that can be run")
    if alter_argv:
        sys.argv[0] = spec.origin or spec.name

    def load() -> CodeType:
        code = loader.get_code(spec.name)
        if code is None:
            _refuse(f"No code object available for {spec.name}")
        return code

    _execute(load, _new_main(spec.origin, loader, spec))


def _execute(load: Callable[[], CodeType], main: ModuleType) -> None:
    code = None
    try:
        code = load()
        exec(code, main.__dict__)
    except SystemExit:
        raise
    except BaseException:
        # The interpreter shows the error, and ends as it does for that error; only the picture is trimmed.
        sys.excepthook = _trimmed(sys.excepthook, code)
        raise


def _trimmed(hook: _Hook, code: CodeType | None) -> _Hook:
    def show(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        traceback = _frames_of_the_program(traceback, code)
        hook(kind, value.with_traceback(traceback), traceback)

    return show


def _frames_of_the_program(traceback: TracebackType | None, code: CodeType | None) -> TracebackType | None:
    """The part from the program's first frame on, without frames of the import system and of this package."""
    while traceback is not None and traceback.tb_frame.f_code is not code:
        traceback = traceback.tb_next
    entry = traceback
    while entry is not None:
        while entry.tb_next is not None and is_own_file(entry.tb_next.tb_frame.f_code.co_filename):
            entry.tb_next = entry.tb_next.tb_next
        entry = entry.tb_next
    return traceback
