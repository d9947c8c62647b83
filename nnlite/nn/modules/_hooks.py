"""Hooks around the forward and backward of a module: registering them, and calling a module that has some."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from ...tensor import Tensor
from ...utils.hooks import RemovableHandle
from ._backward_hooks import BackwardHook
from ._state_dict import StatefulModule

_Hook = Callable[..., Any]
_Hooks = OrderedDict[int, _Hook]

_global_forward_pre_hooks: _Hooks = OrderedDict()
_global_forward_hooks: _Hooks = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_backward_pre_hooks: _Hooks = OrderedDict()
_global_backward_hooks: _Hooks = OrderedDict()

global_hooks: OrderedDict[int, bool] = OrderedDict()
"""The ids of all global hooks: one look tells a call whether there are any."""


class _GlobalKind:
    full: bool | None = None
    """Whether the global backward hooks are full ones; None before the first."""


def register_module_forward_pre_hook(hook: _Hook) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module; meant for debugging and profiling.

    What it returns, unless None, takes the place of the arguments.

    Returns:
        a handle whose ``remove()`` takes the hook away.

    Example:
        >>> from nnlite import nn
        >>> from nnlite.nn.modules.module import register_module_forward_pre_hook
        >>> with register_module_forward_pre_hook(lambda module, args: print(type(module).__name__)):
        ...     result = nn.Sequential(nn.Identity())(1)
        Sequential
        Identity
    """
    return _add(_global_forward_pre_hooks, hook, also=[(global_hooks, True)])


def register_module_forward_hook(
    hook: _Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the forward of every module; meant for debugging and profiling.

    The arguments are those of :meth:`Module.register_forward_hook`.

    Returns:
        a handle whose ``remove()`` takes the hook away.

    Example:
        >>> from nnlite import nn
        >>> from nnlite.nn.modules.module import register_module_forward_hook
        >>> with register_module_forward_hook(lambda module, args, output: print(type(module).__name__, output)):
        ...     result = nn.Identity()(1)
        Identity 1
    """
    return _add(
        _global_forward_hooks,
        hook,
        also=[
            (global_hooks, True),
            (_global_forward_hooks_with_kwargs, with_kwargs),
            (_global_forward_hooks_always_called, always_call),
        ],
    )


def register_module_backward_hook(hook: _Hook) -> RemovableHandle:
    """As :func:`register_module_full_backward_hook`, with the shortcomings of :meth:`Module.register_backward_hook`."""
    return _add_global_backward_hook(hook, full=False)


def register_module_full_backward_hook(hook: _Hook) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` in the backward of every module.

    See :meth:`Module.register_full_backward_hook`.

    Raises:
        RuntimeError: there are global backward hooks of the other kind.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.modules.module import register_module_full_backward_hook
        >>> with register_module_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input)):
        ...     nnlite.nn.Identity()(nnlite.ones(2, requires_grad=True)).sum().backward()
        (tensor([1., 1.]),)
    """
    return _add_global_backward_hook(hook, full=True)


def register_module_full_backward_pre_hook(hook: _Hook) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module.

    See :meth:`Module.register_full_backward_pre_hook`.
    """
    return _add(_global_backward_pre_hooks, hook, also=[(global_hooks, True)])


def _add_global_backward_hook(hook: _Hook, full: bool) -> RemovableHandle:
    if _GlobalKind.full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    _GlobalKind.full = full
    return _add(_global_backward_hooks, hook, also=[(global_hooks, True)])


def _add(
    hooks: _Hooks, hook: _Hook, also: list[tuple[OrderedDict[int, bool], bool]] | None = None, prepend: bool = False
) -> RemovableHandle:
    """Put a hook into ``hooks``, and its id into those of the dictionaries ``also`` whose flag is true."""
    marked = [ids for ids, flag in also or () if flag]
    handle = RemovableHandle(hooks, extra_dict=marked)
    hooks[handle.id] = hook
    for ids in marked:
        ids[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class HookedModule(StatefulModule):
    """The methods that register hooks on one module."""

    _forward_pre_hooks: _Hooks
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks: _Hooks
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _backward_pre_hooks: _Hooks
    _backward_hooks: _Hooks
    _is_full_backward_hook: bool | None

    def register_forward_pre_hook(
        self, hook: _Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``.

        What the hook returns, unless None, takes the place of the positional arguments; a single value is wrapped into
        a tuple.

        Args:
            hook (Callable): the hook.
            prepend (bool): whether it runs before the hooks that are there, rather than after them.
            with_kwargs (bool): whether it is called as ``hook(module, args, kwargs)`` and returns None or the tuple
                ``(new_args, new_kwargs)``.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> from nnlite import nn
            >>> net = nn.Identity()
            >>> handle = net.register_forward_pre_hook(lambda module, args: args[0] + 1)
            >>> net(1)
            2
        """
        also = [(self._forward_pre_hooks_with_kwargs, with_kwargs)]
        return _add(self._forward_pre_hooks, hook, also, prepend)

    def register_forward_hook(
        self, hook: _Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``.

        What the hook returns, unless None, takes the place of the output.

        Args:
            hook (Callable): the hook.
            prepend (bool): whether it runs before the hooks that are there, rather than after them.
            with_kwargs (bool): whether it is called as ``hook(module, args, kwargs, output)``.
            always_call (bool): whether it runs, with the output None, also when ``forward`` raises an exception.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> from nnlite import nn
            >>> net = nn.Identity()
            >>> with net.register_forward_hook(lambda module, args, output: print("output", output)):
            ...     result = net(1)
            output 1
        """
        also = [(self._forward_hooks_with_kwargs, with_kwargs), (self._forward_hooks_always_called, always_call)]
        return _add(self._forward_hooks, hook, also, prepend)

    def register_full_backward_pre_hook(self, hook: _Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before the gradients of the outputs go through the module.

        ``grad_output`` is a tuple with an entry for each output, None for what is not a tensor. What the hook returns,
        unless None, takes its place and must have as many entries.

        Args:
            hook (Callable): the hook.
            prepend (bool): whether it runs before the hooks that are there, rather than after them.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> import nnlite
            >>> net = nnlite.nn.Identity()
            >>> handle = net.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * 10,))
            >>> x = nnlite.ones(2, requires_grad=True)
            >>> net(x).sum().backward()
            >>> x.grad
            tensor([10., 10.])
        """
        return _add(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: _Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs have been computed.

        ``grad_input`` and ``grad_output`` are tuples with an entry for each positional argument and each output, None
        for what is not a tensor. What the hook returns, unless None, takes the place of ``grad_input`` and must have as
        many entries. Where no input requires a gradient, the hook runs when those of the outputs come, with
        ``grad_input`` all None. The module must return a tensor or a tuple of tensors.

        Args:
            hook (Callable): the hook.
            prepend (bool): whether it runs before the hooks that are there, rather than after them.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Raises:
            RuntimeError: the module has backward hooks of the other kind.

        Example:
            >>> import nnlite
            >>> net = nnlite.nn.Identity()
            >>> handle = net.register_full_backward_hook(lambda module, grad_input, grad_output: print(grad_input))
            >>> net(nnlite.ones(2, requires_grad=True)).sum().backward()
            (tensor([1., 1.]),)
        """
        return self._add_backward_hook(hook, True, prepend)

    def register_backward_hook(self, hook: _Hook) -> RemovableHandle:
        """The older :meth:`register_full_backward_hook`, which that one should be preferred to.

        ``grad_input`` holds the gradients of the inputs of the operation that made the output, which are the inputs of
        the module only if it consists of one operation.

        Raises:
            RuntimeError: the module has backward hooks of the other kind.
        """
        return self._add_backward_hook(hook, False, False)

    def _add_backward_hook(self, hook: _Hook, full: bool, prepend: bool) -> RemovableHandle:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only "
                "one of them."
            )
        self._is_full_backward_hook = full
        return _add(self._backward_hooks, hook, prepend=prepend)

    def _get_backward_hooks(self) -> tuple[list[_Hook], list[_Hook]]:
        """The full backward hooks, global ones first, and those of the older kind."""
        of_all = list(_global_backward_hooks.values())
        own = list(self._backward_hooks.values())
        full = (of_all if _GlobalKind.full else []) + (own if self._is_full_backward_hook else [])
        other = ([] if _GlobalKind.full else of_all) + ([] if self._is_full_backward_hook else own)
        return full, other

    def _get_backward_pre_hooks(self) -> list[_Hook]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the ``forward`` of a module and all hooks around it."""
    call = _Call(module, args, kwargs)
    try:
        return call.run()
    except Exception:
        call.always_called()
        raise


class _Call:
    """One call of a module with hooks."""

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.started: set[int] = set()
        """The ids of the hooks with ``always_call`` that have been called."""

    def run(self) -> Any:
        module = self.module
        self._forward_pre_hooks()
        full, other = module._get_backward_hooks()
        backward_pre = module._get_backward_pre_hooks()
        around = BackwardHook(module, full, backward_pre) if full or backward_pre else None
        if around is not None:
            self.args = around.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for key, hook, with_kwargs, always_call in self._all_forward_hooks():
            if always_call:
                self.started.add(key)
            self._call_forward_hook(hook, with_kwargs)
        if around is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    f"received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = around.setup_output_hook(self.result)
        if other:
            _hook_last_node(module, self.result, other)
        return self.result

    def _forward_pre_hooks(self) -> None:
        module = self.module
        for key, hook in [*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()]:
            if key in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def _call_forward_hook(self, hook: _Hook, with_kwargs: bool) -> None:
        if with_kwargs:
            changed = hook(self.module, self.args, self.kwargs, self.result)
        else:
            changed = hook(self.module, self.args, self.result)
        if changed is not None:
            self.result = changed

    def always_called(self) -> None:
        """After an exception: call the hooks with ``always_call`` that were not reached."""
        for key, hook, with_kwargs, always_call in self._all_forward_hooks():
            if not always_call or key in self.started:
                continue
            try:
                self._call_forward_hook(hook, with_kwargs)
            except Exception as error:
                kind = "global module" if key in _global_forward_hooks else "module"
                warnings.warn(
                    f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced as another "
                    f"error was raised in forward: {error}",
                    stacklevel=4,
                )

    def _all_forward_hooks(self) -> list[tuple[int, _Hook, bool, bool]]:
        """Id, hook and its two flags, global hooks first."""
        module = self.module
        of_all = [
            (key, hook, key in _global_forward_hooks_with_kwargs, key in _global_forward_hooks_always_called)
            for key, hook in _global_forward_hooks.items()
        ]
        own = [
            (key, hook, key in module._forward_hooks_with_kwargs, key in module._forward_hooks_always_called)
            for key, hook in module._forward_hooks.items()
        ]
        return of_all + own


def _hook_last_node(module: Any, result: Any, hooks: list[_Hook]) -> None:
    """Register backward hooks of the older kind on the node that made the first tensor of the result."""
    while not isinstance(result, Tensor):
        if isinstance(result, dict):
            result = next(value for value in result.values() if isinstance(value, Tensor))
        else:
            result = result[0]
    node: Any = result.grad_fn
    if node is not None:
        for hook in hooks:
            _add(node.all_hooks().after, partial(hook, module))
