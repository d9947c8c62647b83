"""``compile`` and its surroundings, which leave a function as it is.

PyTorch compiles Python functions to fused kernels. Here operations are NumPy's and CuPy's own, so that there is nothing
to compile: ``compile(f)`` is ``f``, with checked arguments, and a program that asks for it gives the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "nested_compile_region",
    "reset",
    "set_default_backend",
    "set_stance",
    "substitute_in_graph",
]

_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_STANCES = ("default", "fail_on_recompile", "eager_on_recompile", "force_eager", "eager_then_compile",
            "aot_eager_then_compile")  # fmt: skip


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] | None = "inductor",
    mode: str | None = None,
    options: Mapping[str, Any] | None = None,
    disable: bool = False,
    **kwargs: Any,
) -> Any:
    """The function or module itself: nothing is compiled, whatever is asked for.

    Works as a function, ``compile(model)``, and as a decorator with and without arguments. The keys of a compiled
    module's ``state_dict`` have no prefix ``_orig_mod.``, since it is the module; ``compiled._orig_mod`` is the module.

    Raises:
        AssertionError: ``model`` cannot be called.
        RuntimeError: there is no such ``mode``, or both ``mode`` and ``options`` are given.
        TypeError: ``backend`` is no string and no function.

    Example:
        >>> import nnlite
        >>> @nnlite.compile(mode="reduce-overhead")
        ... def double(x):
        ...     return x + x
        >>> double(nnlite.ones(2))
        tensor([2., 2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if backend is not None and not isinstance(backend, str) and not callable(backend):
        raise TypeError(f"compile(): backend must be a string or a function, got {type(backend).__name__}")
    if model is None:
        return _same
    return _same(model)


def _same(model: Any) -> Any:
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if hasattr(model, "_mark_compiled"):
        model._mark_compiled()
    return model


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, which is not compiled in any case. A decorator with and without arguments."""
    return _same if fn is None else _same(fn)


def allow_in_graph(fn: Any) -> Any:
    """The function itself."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function itself."""
    return fn


def substitute_in_graph(original_fn: Any, **kwargs: Any) -> Any:
    """A decorator that leaves its function as it is."""
    return _same


def is_compiling() -> bool:
    """False.

    Example:
        >>> import nnlite
        >>> nnlite.compiler.is_compiling()
        False
    """
    return False


def is_dynamo_compiling() -> bool:
    """False."""
    return False


def is_exporting() -> bool:
    """False."""
    return False


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names of compilers: none."""
    return []


_backend = "inductor"


def get_default_backend() -> str:
    """What :func:`set_default_backend` was told."""
    return _backend


def set_default_backend(backend: str) -> None:
    """Remember the name of a compiler; nothing is compiled."""
    global _backend
    _backend = backend


def nested_compile_region(fn: Any = None, options: Any = None) -> Any:
    """The function itself. A decorator with and without arguments."""
    return _same if fn is None else _same(fn)


def reset() -> None:
    """Nothing: nothing compiled is kept."""


def cudagraph_mark_step_begin() -> None:
    """Nothing: there are no CUDA graphs."""


class set_stance:
    """Say what is to be compiled: it is checked and changes nothing. A function, a context, and a decorator.

    Raises:
        RuntimeError: there is no such stance.
    """

    def __init__(self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None):
        if stance not in _STANCES:
            raise RuntimeError(f"invalid stance {stance!r}, expected one of {', '.join(_STANCES)}")

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: Any) -> None:
        return None

    def __call__(self, fn: Any) -> Any:
        return fn


class Options:
    """Settings of a compiler: any can be made and asked for, none changes anything."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = self.__dict__[name] = Options()
        return made

    def __bool__(self) -> bool:
        return False

    @contextmanager
    def patch(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """A context in which nothing is different."""
        yield


config = Options(recompile_limit=8)
