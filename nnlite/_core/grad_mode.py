"""Whether operations are recorded: one flag for each thread, and the contexts that set it."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


_new = object.__new__


class _Mode(threading.local):
    grad = True
    inference = False


mode = _Mode()
"""``mode.grad``: record operations. ``mode.inference``: inside ``inference_mode``."""


watchers: list[Callable[[bool], None]] = []
"""Told when a thread enters or leaves ``inference_mode``."""


def _set_inference(value: bool) -> None:
    if value != mode.inference:
        mode.inference = value
        for watch in watchers:
            watch(value)


class _ModeContext:
    """A context and decorator that sets the flags for its extent. Entering it again inside itself works."""

    _grad: bool
    _inference: bool | None = None

    def __enter__(self) -> None:
        outer = self.__dict__.setdefault("_outer", [])
        outer.append((mode.grad, mode.inference))
        mode.grad = self._grad
        if self._inference is not None:
            _set_inference(self._inference)

    def __exit__(self, *exc: Any) -> None:
        mode.grad, inference = self.__dict__["_outer"].pop()
        if inference != mode.inference:
            _set_inference(inference)

    def _again(self) -> _ModeContext:
        return self.__class__()

    def __call__(self, function: _F) -> _F:
        if inspect.isclass(function):
            raise TypeError(f"{type(self).__name__} decorates functions, not classes: decorate the methods")
        if inspect.isgeneratorfunction(function):
            return self._wrap_generator(function)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]

    def _wrap_generator(self, function: Any) -> Any:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            # The flags hold while the generator runs, not while its user does.
            generator = function(*args, **kwargs)
            step: Callable[[], Any] = lambda: next(generator)  # noqa: E731
            while True:
                try:
                    with self._again():
                        value = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield value
                except GeneratorExit:
                    with self._again():
                        generator.close()
                    raise
                except BaseException as error:
                    step = functools.partial(generator.throw, error)
                else:
                    step = functools.partial(generator.send, sent)

        return inside


class no_grad(_ModeContext):
    """Do not record operations: results have ``requires_grad=False``. A context and a decorator.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2, requires_grad=True)
        >>> with nnlite.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    _grad = False

    def __new__(cls, function: Any = None) -> Any:
        self = _new(cls)
        return self if function is None else self(function)


class enable_grad(_ModeContext):
    """Record operations, also inside ``no_grad``. A context and a decorator.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2, requires_grad=True)
        >>> with nnlite.no_grad(), nnlite.enable_grad():
        ...     y = x * 2
        >>> y.requires_grad
        True
    """

    _grad = True

    def __new__(cls, function: Any = None) -> Any:
        self = _new(cls)
        return self if function is None else self(function)


class inference_mode(_ModeContext):
    """Do not record operations, as ``no_grad`` does; and what is made inside can never be saved for backward later, nor
    be written to outside (``clone`` it there).

    Example:
        >>> import nnlite
        >>> with nnlite.inference_mode():
        ...     nnlite.is_inference_mode_enabled()
        True
    """

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if not callable(mode):
            return self
        self.__init__(True)  # type: ignore[misc]
        return self(mode)

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode
        self._grad = not mode
        self._inference = mode

    def _again(self) -> inference_mode:
        return inference_mode(self._mode)


class set_grad_enabled(_ModeContext):
    """Record operations or not, from here on; as a context, for its extent.

    Example:
        >>> import nnlite
        >>> with nnlite.set_grad_enabled(False):
        ...     nnlite.is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        self._grad = bool(mode)
        self._before = globals()["mode"].grad
        globals()["mode"].grad = self._grad

    def __enter__(self) -> None:
        self.__dict__.setdefault("_outer", []).append((self._before, mode.inference))
        mode.grad = self._grad

    def _again(self) -> set_grad_enabled:
        return set_grad_enabled(self._grad)

    def __call__(self, function: _F) -> _F:
        mode.grad = self._before
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Whether operations of this thread are recorded."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside ``inference_mode``."""
    return mode.inference
