"""Names of TorchScript. Functions and modules stay Python: ``script(f)`` and ``trace(f, x)`` are ``f``.

A program that scripts or traces for speed runs, with the same results. What needs TorchScript itself, above all its
files, raises NotImplementedError: save a ``state_dict`` with ``nnlite.save``, or export with ``nnlite.onnx``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, NoReturn, TypeVar, cast

from ._unavailable import module_getattr
from .nn.modules.module import Module

__all__ = [
    "Attribute",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "fork",
    "freeze",
    "fuser",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_T = TypeVar("_T")
_isinstance = isinstance


class Error(RuntimeError):
    """An error inside TorchScript; nothing here raises it."""


class TracerWarning(Warning):
    """A warning of PyTorch's tracer; nothing here gives it."""

    @staticmethod
    def ignore_lib_warnings() -> None:
        """Nothing: there are none."""


class TracingCheckError(Exception):
    """A traced function that gave another result; nothing here raises it."""


class ScriptModule(Module):
    """The base class of scripted modules: a Module, whose methods stay Python."""


class ScriptFunction:
    """The class of scripted functions in PyTorch; here a scripted function stays a function, and nothing is of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("ScriptFunction is not made in nnlite: jit.script(function) is the function itself")


RecursiveScriptModule = TopLevelTracedModule = TracedModule = ScriptModule


def script(obj: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The function, class or module itself.

    Raises:
        TypeError: it can be none of these.

    Example:
        >>> import nnlite
        >>> @nnlite.jit.script
        ... def double(x):
        ...     return x + x
        >>> double(nnlite.ones(2))
        tensor([2., 2.])
    """
    if not callable(obj) and not _isinstance(obj, dict | list):
        raise TypeError(f"jit.script(): expected a function, a class or a module, got {type(obj).__name__}")
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, example_kwarg_inputs: Any = None, **kwargs: Any) -> Any:
    """The function or module itself, after it has run once on the example inputs, whose errors show.

    Unlike a traced function in PyTorch it still takes every branch that depends on values.

    Raises:
        TypeError: ``func`` cannot be called. RuntimeError: there are no example inputs.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Linear(3, 2)
        >>> nnlite.jit.trace(layer, nnlite.ones(1, 3)) is layer
        True
    """
    if not callable(func):
        raise TypeError(f"jit.trace(): expected a function or a module, got {type(func).__name__}")
    if example_inputs is None and example_kwarg_inputs is None:
        raise RuntimeError("example_kwarg_inputs should be a dict, or example_inputs a tensor or a tuple of them")
    given = () if example_inputs is None else example_inputs
    func(*(given if _isinstance(given, tuple | list) else (given,)), **(example_kwarg_inputs or {}))
    return func


def trace_module(mod: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """The module itself, after the methods named in ``inputs`` have run on their example inputs.

    Raises:
        AttributeError: ``inputs`` is not a dictionary.
    """
    if not _isinstance(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    for name, given in inputs.items():
        trace(mod if name == "forward" else getattr(mod, name), given)
    return mod


def script_if_tracing(fn: _T) -> _T:
    """The function itself."""
    return fn


def script_method(fn: _T) -> _T:
    """The method itself."""
    return fn


def interface(obj: _T) -> _T:
    """The class itself."""
    return obj


def export(fn: _T) -> _T:
    """The method itself."""
    return fn


def unused(fn: _T) -> _T:
    """The method itself."""
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The function itself. A decorator with and without arguments."""
    return drop if callable(drop) else _same


def _same(fn: _T) -> _T:
    return fn


def is_scripting() -> bool:
    """False.

    Example:
        >>> import nnlite
        >>> nnlite.jit.is_scripting(), nnlite.jit.is_tracing()
        (False, False)
    """
    return False


def is_tracing() -> bool:
    """False."""
    return False


def annotate(the_type: Any, the_value: _T) -> _T:
    """The value."""
    return the_value


def Attribute(value: _T, type: Any) -> _T:
    """The value."""
    return value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether ``obj`` is of the type, or of one of a tuple of types; of a container only the outer one counts."""
    kinds = target_type if _isinstance(target_type, tuple | list) else (target_type,)
    return any(_isinstance(obj, cast(type, getattr(kind, "__origin__", kind))) for kind in kinds)


def freeze(mod: Any, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True) -> Any:
    """The module itself.

    Raises:
        RuntimeError: it is in training mode.
    """
    if getattr(mod, "training", False):
        raise RuntimeError("Freezing is currently only implemented for modules in eval mode. Please call .eval() on "
                           "your module before freezing.")  # fmt: skip
    return mod


def optimize_for_inference(mod: Any, other_methods: list[str] | None = None) -> Any:
    """The module itself, in evaluation mode."""
    return mod.eval()


def run_frozen_optimizations(mod: Any, optimize_numerics: bool = True, preserved_methods: Any = None) -> None:
    """Nothing: there is nothing to optimise."""


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call the function at once; the result is a finished future."""
    made: Future[Any] = Future()
    try:
        made.set_result(func(*args, **kwargs))
    except Exception as error:
        made.set_exception(error)
    return made


def wait(future: Future[Any]) -> Any:
    """The result of a future.

    Example:
        >>> import nnlite
        >>> nnlite.jit.wait(nnlite.jit.fork(nnlite.add, nnlite.ones(1), 1))
        tensor([2.])
    """
    return future.result()


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A context in which nothing is different."""
    yield


@contextmanager
def fuser(name: str) -> Iterator[None]:
    """A context in which nothing is different."""
    yield


@contextmanager
def strict_fusion() -> Iterator[None]:
    """A context in which nothing is different."""
    yield


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Nothing is fused; the result is the strategy before: none."""
    return []


def enable_onednn_fusion(enabled: bool) -> None:
    """Nothing: nothing is fused."""


def onednn_fusion_enabled() -> bool:
    """False."""
    return False


def save(m: Any, f: Any, _extra_files: Any = None) -> NoReturn:
    """Not offered: there is no TorchScript to write.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("jit.save: nnlite has no TorchScript; save the weights with "
                              "nnlite.save(module.state_dict(), file), or export with nnlite.onnx.export")  # fmt: skip


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> NoReturn:
    """Not offered: TorchScript files hold programs of PyTorch's interpreter.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("jit.load: nnlite cannot run TorchScript; save the state_dict of the model in PyTorch, "
                              "build the module here and load the state_dict into it")  # fmt: skip


__getattr__ = module_getattr(
    __name__,
    ("CompilationUnit", "ONNXTracedModule", "RecursiveScriptClass", "ScriptWarning", "export_opnames",
     "jit_module_from_flatbuffer", "last_executed_optimized_graph", "save_jit_module_to_flatbuffer"),
    "there is no TorchScript; functions and modules stay Python",
)  # fmt: skip
