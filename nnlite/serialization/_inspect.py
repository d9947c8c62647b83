"""What a checkpoint names, told without loading it."""

from __future__ import annotations

import os
import pickle
import pickletools
from typing import Any

from ._archive import ArchiveReader
from ._globals import canonical, find_global

_PUTS = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}


def _named(data: bytes) -> list[tuple[str, str]]:
    """Module and name of each global in a pickle, once each, in order."""
    found: dict[tuple[str, str], None] = {}
    texts: list[Any] = []  # the last two strings on the stack, for STACK_GLOBAL
    memo: dict[int, Any] = {}
    last: Any = None
    argument: Any
    for code, argument, _ in pickletools.genops(data):
        if code.name == "GLOBAL":
            module, _, name = argument.partition(" ")
            found[canonical(module, name)] = None
        elif code.name == "STACK_GLOBAL":
            module, name = texts[-2:] if len(texts) >= 2 else (None, None)
            if not isinstance(module, str) or not isinstance(name, str):
                raise pickle.UnpicklingError("a global whose name is not written beside it")
            found[canonical(module, name)] = None
        if code.name in _PUTS:
            memo[len(memo) if code.name == "MEMOIZE" else argument] = last
            continue
        last = memo.get(argument) if code.name in _GETS else argument
        if isinstance(last, str) and code.name != "GLOBAL":
            texts = [*texts[-1:], last]
    return list(found)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The classes and functions that a checkpoint names and ``load(weights_only=True)`` does not allow at present.

    Nothing is loaded or run.

    Args:
        f: a path, or a file that can ``read``, ``seek`` and ``tell``.

    Raises:
        ValueError: the file is not a checkpoint of :func:`~nnlite.save` or ``torch.save``.

    Example:
        >>> import fractions, io, nnlite
        >>> file = io.BytesIO()
        >>> nnlite.save({"half": fractions.Fraction(1, 2)}, file)
        >>> nnlite.serialization.get_unsafe_globals_in_checkpoint(file)
        ['fractions.Fraction']
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return get_unsafe_globals_in_checkpoint(file)
    f.seek(0)
    try:
        named = _named(ArchiveReader(f).read("data.pkl"))
    except (RuntimeError, ValueError, LookupError, pickle.UnpicklingError) as error:
        raise ValueError(
            "get_unsafe_globals_in_checkpoint: expected the path or file of a checkpoint that nnlite.save or "
            f"torch.save wrote: {error}"
        ) from None
    return [f"{module}.{name}" for module, name in named if not _allowed(module, name)]


def _allowed(module: str, name: str) -> bool:
    try:
        find_global(module, name)
    except pickle.UnpicklingError:
        return False
    return True
