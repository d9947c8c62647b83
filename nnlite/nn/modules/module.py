"""``Module``, the base class of layers and models."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from ._hooks import (
    HookedModule,
    call_with_hooks,
    global_hooks,
    register_module_backward_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from ._registration import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._state_dict import _EXTRA_STATE_KEY_SUFFIX, _IncompatibleKeys

__all__ = [
    "_EXTRA_STATE_KEY_SUFFIX",
    "Module",
    "_IncompatibleKeys",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


def _addindent(text: str, spaces: int) -> str:
    """``text`` with all lines but the first indented."""
    return text.replace("\n", "\n" + spaces * " ")


def _forward_unimplemented(self: Any, *args: Any) -> Any:
    """Compute the output of the module from its inputs. Every subclass defines it; call the module, not this."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(HookedModule):
    """A layer or a model: it holds parameters, buffers and other modules, and computes with them.

    A subclass calls ``super().__init__()``, assigns what it consists of to attributes, and defines ``forward``. Calling
    the module calls ``forward`` and the hooks around it.

    The methods stand in the files of this folder by subject: ``_registration.py`` what a module holds and how
    assignments find it, ``_traversal.py`` children, parameters and modes, ``_conversion.py`` devices and dtypes,
    ``_state_dict.py`` saving and loading, ``_hooks.py`` hooks.

    Attributes:
        training (bool): whether the module is in training mode (:meth:`train`) or in evaluation mode (:meth:`eval`).

    Example:
        >>> import nnlite
        >>> from nnlite import nn
        >>> class Scale(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = nn.Parameter(nnlite.tensor(2.0))
        ...
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> Scale()(nnlite.ones(2))
        tensor([2., 2.], grad_fn=<MulBackward0>)
    """

    forward: Callable[..., Any] = _forward_unimplemented

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # Attribute access is slow on a class with __getattr__, and this is the way of every layer: one dictionary.
        state = self.__dict__
        try:
            hooked = (
                state["_forward_hooks"]
                or state["_forward_pre_hooks"]
                or state["_backward_hooks"]
                or state["_backward_pre_hooks"]
                or global_hooks
            )
        except KeyError as error:
            raise AttributeError(
                f"'{type(self).__name__}' object has no attribute {error}; call super().__init__() first in "
                f"{type(self).__name__}.__init__"
            ) from None
        if hooked:
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    _call_impl = __call__

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: operations are compiled already; see ``nnlite.compile``, which takes the same arguments.

        Raises:
            RuntimeError: there is no such ``mode``, or both ``mode`` and ``options`` are given.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 3).compile(mode="reduce-overhead")
        """
        importlib.import_module("nnlite.compiler").compile(self, *args, **kwargs)

    def _mark_compiled(self) -> None:
        self.__dict__["_compiled"] = True

    @property
    def _orig_mod(self) -> Module:
        """The module of a compiled module: itself, which programs ask a compiled module for."""
        if "_compiled" not in self.__dict__:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute '_orig_mod'")
        return self

    def extra_repr(self) -> str:
        """What the printed text of the module says in its parentheses; for subclasses to override.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 3).extra_repr()
            'in_features=2, out_features=3, bias=True'
        """
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._child_items()]
        if len(extra_lines) == 1 and not child_lines:
            body = extra
        elif extra_lines or child_lines:
            body = "\n  " + "\n  ".join(extra_lines + child_lines) + "\n"
        else:
            body = ""
        return f"{self._get_name()}({body})"
