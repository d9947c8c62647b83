"""Handles that remove a hook. This file imports nothing from nnlite, so that every layer may use it."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

__all__ = ["RemovableHandle", "unserializable_hook"]

_F = TypeVar("_F", bound=Callable[..., Any])


class RemovableHandle:
    """What a ``register_..._hook`` method returns: calling :meth:`remove` takes the hook away again.

    A handle holds weak references only: it keeps neither the hook nor its owner alive. It is a context manager, which
    removes the hook at the end of the block.

    Args:
        hooks_dict: the mapping of ids to hooks that the hook was, or will be, put into under ``handle.id``. It must
            allow weak references, as ``OrderedDict`` does and ``dict`` does not.
        extra_dict: a mapping, or a list of mappings, from which the id is removed too.

    Example:
        >>> from collections import OrderedDict
        >>> from nnlite.utils.hooks import RemovableHandle
        >>> hooks = OrderedDict()
        >>> handle = RemovableHandle(hooks)
        >>> hooks[handle.id] = print
        >>> handle.remove()
        >>> len(hooks)
        0
    """

    next_id: int = 0
    id: int

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self.hooks_dict_ref: Callable[[], Any] = weakref.ref(hooks_dict)
        if extra_dict is None:
            extra = []
        elif isinstance(extra_dict, MutableMapping):
            extra = [extra_dict]
        else:
            extra = list(extra_dict)
        self.extra_dict_ref: tuple[Callable[[], Any], ...] = tuple(weakref.ref(d) for d in extra)

    def remove(self) -> None:
        """Remove the hook; a second call, or one after the owner is gone, does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        hooks, self.id, extra = state
        self.hooks_dict_ref = _reference(hooks)
        self.extra_dict_ref = tuple(_reference(d) for d in extra)
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.remove()


def _reference(hooks: Any) -> Callable[[], Any]:
    """A weak reference, dead from the start where the mapping was gone already."""
    return weakref.ref(OrderedDict() if hooks is None else hooks)


def unserializable_hook(f: _F) -> _F:
    """Mark a tensor hook as one that is left out, without a warning, when its tensor is saved.

    Example:
        >>> from nnlite.utils.hooks import unserializable_hook
        >>> @unserializable_hook
        ... def show(grad):
        ...     print(grad)
    """
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f
