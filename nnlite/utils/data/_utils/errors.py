"""Errors on their way from a worker to the process that uses its batches."""

from __future__ import annotations

import pickle
import sys
import traceback
from typing import Any, NoReturn

__all__ = ["ExceptionWrapper", "KeyErrorMessage"]


class KeyErrorMessage(str):
    """A text whose ``repr`` is the text: KeyError prints the ``repr`` of its argument, line breaks and all."""

    def __repr__(self) -> str:
        return self


class ExceptionWrapper:
    """The error that is being handled, without its frames: its type and its text with the traceback.

    Args:
        exc_info: what ``sys.exc_info()`` returned. Default: the error being handled now.
        where: where it happened, for the text.

    Example:
        >>> from nnlite.utils.data._utils import ExceptionWrapper
        >>> try:
        ...     int("x")
        ... except ValueError:
        ...     error = ExceptionWrapper(where="in the example")
        >>> error.exc_type, error.exc_msg.splitlines()[-1]
        (<class 'ValueError'>, "ValueError: invalid literal for int() with base 10: 'x'")
    """

    def __init__(self, exc_info: Any = None, where: str = "in background") -> None:
        kind: Any
        kind, error, frames = exc_info or sys.exc_info()
        self.exc_type = kind
        self._name = kind.__name__
        self.exc_msg = "".join(traceback.format_exception(kind, error, frames))
        self.where = where

    def __getstate__(self) -> dict[str, Any]:
        """A class that another process cannot find by its name gives way to the nearest of its bases that it can."""
        return {**self.__dict__, "exc_type": next(kind for kind in self.exc_type.__mro__ if _is_importable(kind))}

    def error(self) -> BaseException:
        """The error: of the same type where that takes a text, else a RuntimeError."""
        text = f"Caught {self._name} {self.where}.\nOriginal {self.exc_msg}"
        if issubclass(self.exc_type, KeyError):
            text = KeyErrorMessage(text)
        try:
            made = self.exc_type(text)
        except Exception:  # a class with a constructor of its own
            return RuntimeError(text)
        return made if isinstance(made, Exception) else RuntimeError(text)

    def reraise(self) -> NoReturn:
        """Raise the error here."""
        raise self.error()


def _is_importable(kind: type) -> bool:
    try:
        return pickle.loads(pickle.dumps(kind)) is kind
    except Exception:
        return False
