"""Errors for names of PyTorch that nnlite does not have: the name, who asked for it, what to use instead."""

from __future__ import annotations

import difflib
import dis
import sys
from pathlib import Path
from types import FrameType, ModuleType

from .._version import __version__
from ._hints import hint_for

_HERE = str(Path(__file__).parent)
_IMPORT_SYSTEM = ("<frozen importlib", "<frozen runpy")


def is_own_file(filename: str) -> bool:
    """Whether a frame's file is one of this package's or of the import system."""
    return filename.startswith((_HERE, *_IMPORT_SYSTEM))


def asker() -> FrameType | None:
    """The frame of the program that asked: the nearest one outside this package and the import system."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_own_file(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def is_a_question() -> bool:
    """Whether ``importlib.util.find_spec`` asks, which expects None for what is not there."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_own_file(frame.f_code.co_filename):
        if frame.f_code.co_name == "find_spec" and "importlib.util" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.endswith("importlib/util.py")


def _imports_from(frame: FrameType) -> bool:
    """Whether the frame is in the middle of ``from module import name``."""
    return dis.opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM"


def _text(full: str, frame: FrameType | None, close: str | None = None) -> str:
    where = "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno} asks for {full}, which "
    text = f"{where or full + ' '}nnlite {__version__} does not have."
    hint = hint_for(full)
    if hint:
        return f"{text} {hint}"
    return f"{text} Did you mean {close}?" if close else text


def module_error(full: str) -> ModuleNotFoundError:
    """The error for ``import torch.<something>``."""
    return ModuleNotFoundError(f"No module named {full!r}: {_text(full, asker())}", name=full)


def attribute_error(module_name: str, name: str, module: ModuleType) -> Exception:
    """The error for ``torch.<something>.name``, or for ``from torch.<something> import name``."""
    full = f"{module_name}.{name}"
    frame = sys._getframe(2)  # of whoever looked the name up; the import system looks before it imports
    if is_own_file(frame.f_code.co_filename):
        return AttributeError(f"module {module_name!r} has no attribute {name!r}")
    found = difflib.get_close_matches(name, [other for other in dir(module) if not other.startswith("_")], 1, 0.8)
    text = _text(full, asker(), f"{module_name}.{found[0]}" if found else None)
    if _imports_from(frame):
        # An AttributeError would be swallowed here, and Python's own text says neither who asked nor what to use.
        return ImportError(f"cannot import name {name!r} from {module_name!r}: {text}", name=module_name)
    return AttributeError(f"module {module_name!r} has no attribute {name!r}: {text}", name=name, obj=module)
