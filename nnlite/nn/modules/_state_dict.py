"""``state_dict`` and ``load_state_dict``."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from typing import Any, NamedTuple

from ...tensor import Tensor
from ...utils.hooks import RemovableHandle
from ..parameter import Parameter, is_lazy
from ._conversion import ConvertibleModule
from ._loading import LoadTransaction, active, copy_into, holders_undo, on_failure

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` returns: the names that one side has and the other lacks."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class _WrappedHook:
    """A hook that is called with the module first, which it does not keep alive; without a module, just the hook."""

    def __init__(self, hook: Callable[..., Any], module: Any = None) -> None:
        self.hook = hook
        self.with_module = module is not None
        self.module: Callable[[], Any] = weakref.ref(module) if module is not None else _nothing
        update_wrapper(self, hook)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {"hook": self.hook, "with_module": self.with_module, "module": self.module()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["hook"], state["module"])  # type: ignore[misc]
        self.with_module = state["with_module"]


def _nothing() -> None:
    return None


class _PostHook:
    """A hook of ``register_state_dict_post_hook``, which unlike older hooks must not return anything."""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.hook = hook

    def __call__(self, *args: Any) -> None:
        if self.hook(*args) is not None:
            raise RuntimeError("state_dict post-hook must return None")


class StatefulModule(ConvertibleModule):
    """Saving and loading."""

    _state_dict_hooks: OrderedDict[int, Callable[..., Any]]
    _state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _load_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _load_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]]

    def get_extra_state(self) -> Any:
        """What ``state_dict`` saves beside parameters and buffers; a subclass that has such state overrides it.

        What it returns must be something that ``nnlite.save`` writes.
        """
        raise RuntimeError(
            f"{self._get_name()}.get_extra_state(): this class has no extra state; override get_extra_state and "
            "set_extra_state to save and load some"
        )

    def set_extra_state(self, state: Any) -> None:
        """Take what :meth:`get_extra_state` returned out of a ``state_dict``; overridden together with it."""
        raise RuntimeError(
            f"{self._get_name()}.set_extra_state(): this class has no extra state; override get_extra_state and "
            "set_extra_state to save and load some"
        )

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """All parameters and persistent buffers under their names.

        The tensors share the memory of the module's: copy them to keep the values of this moment. The attribute
        ``_metadata`` of the result holds the version of every module.

        Args:
            destination (dict, optional): filled and returned instead of a new ``OrderedDict``.
            prefix (str): put before every name.
            keep_vars (bool): whether the parameters themselves come rather than tensors without a graph.

        Example:
            >>> import nnlite
            >>> net = nnlite.nn.Sequential(nnlite.nn.Linear(2, 1))
            >>> list(net.state_dict())
            ['0.weight', '0.bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata: dict[str, Any] = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for pre_hook in self._state_dict_pre_hooks.values():
            pre_hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._child_items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if result is not None:
                destination = result
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries into ``destination``; ``state_dict`` calls it for every descendant."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not StatefulModule.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        """The parameters and persistent buffers of this module without its descendants."""
        state: dict[str, Tensor] = {name: p for name, p in self._parameters.items() if p is not None}
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                state[name] = buffer
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the tensors of ``state_dict`` into the parameters and buffers of these names.

        Everything is checked first: when an error is raised, the module is as it was. Values are converted to the
        dtype and device of the module.

        Args:
            state_dict (Mapping): names and tensors, as :meth:`state_dict` returns them.
            strict (bool): whether names that only one side has are an error.
            assign (bool): put the tensors themselves into the module, with their dtype and device, instead of copying
                them. Make the optimizer afterwards.

        Returns:
            the lists ``missing_keys`` and ``unexpected_keys``.

        Raises:
            TypeError: ``state_dict`` is not a mapping.
            RuntimeError: names are missing or unexpected (with ``strict``), or shapes differ; all of them in one error.

        Example:
            >>> import nnlite
            >>> net = nnlite.nn.Linear(2, 1)
            >>> net.load_state_dict({"weight": nnlite.ones(1, 2), "bias": nnlite.zeros(1)})
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        copied: Any = OrderedDict(state_dict)  # hooks may change it
        metadata = getattr(state_dict, "_metadata", None)
        if metadata is not None:
            copied._metadata = metadata
        outer = active.transaction
        transaction = active.transaction = outer or LoadTransaction()
        transaction.depth += outer is not None
        load = _Load(assign, metadata or {})
        mark = transaction.mark()
        try:
            load.module(self, copied, "")
            load.raise_errors(self, strict)
            if outer is None:
                transaction.commit()
                load.raise_errors(self, strict)
        except BaseException:
            transaction.roll_back(mark)
            raise
        finally:
            transaction.depth -= outer is not None
            active.transaction = outer
        return _IncompatibleKeys(load.missing, load.unexpected)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own entries of ``state_dict``; ``load_state_dict`` calls it for every descendant.

        A subclass may override it to rename entries of older versions (``local_metadata["version"]``) and then call
        this one. Problems are added to the three lists, not raised.
        """
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._own_state()
        has_extra_state = type(self).set_extra_state is not StatefulModule.set_extra_state
        has_override = type(self)._load_from_state_dict is not StatefulModule._load_from_state_dict
        assign = local_metadata.get("assign_to_params_buffers", False)
        if assign:
            on_failure(holders_undo(self))
        for name, target in own.items():
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            source = _checked(key, target, state_dict[key], error_msgs)
            if source is None:
                continue
            if assign:
                self._assign(name, target, source)
            else:
                copy_into(target, source, key, error_msgs, wait=not (has_extra_state or has_override))
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if has_extra_state:
            if extra_key in state_dict:
                self._load_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            children = {name for name, _ in self._child_items()}
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in (children if dot else own):
                        unexpected_keys.append(key)

    def _assign(self, name: str, target: Tensor, source: Tensor) -> None:
        if isinstance(target, Parameter):
            if isinstance(source, Parameter):
                on_failure(partial(source.requires_grad_, source.requires_grad))
                source.requires_grad_(target.requires_grad)
            else:
                source = Parameter(source, requires_grad=target.requires_grad)
        setattr(self, name, source)

    def _load_extra_state(self, state: Any) -> None:
        if type(self).get_extra_state is not StatefulModule.get_extra_state:
            before = self.get_extra_state()
            on_failure(lambda: self.set_extra_state(before))
        self.set_extra_state(state)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` saves this module.

        Returns:
            a handle whose ``remove()`` takes the hook away.
        """
        return _add(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after ``state_dict`` saved this module.

        The hook may change ``state_dict`` in place; it must return None.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> from nnlite import nn
            >>> def rename(module, state_dict, prefix, local_metadata):
            ...     state_dict[prefix + "kernel"] = state_dict.pop(prefix + "weight")
            >>> layer = nn.Linear(2, 2)
            >>> handle = layer.register_state_dict_post_hook(rename)
            >>> list(layer.state_dict())
            ['bias', 'kernel']
        """
        return _add(self._state_dict_hooks, _PostHook(hook))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As :meth:`register_state_dict_post_hook`, but what the hook returns becomes the ``state_dict``."""
        if any(isinstance(other, _PostHook) and other.hook == hook for other in self._state_dict_hooks.values()):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return _add(self._state_dict_hooks, hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As :meth:`register_load_state_dict_pre_hook`; ``hook`` gets the module only if ``with_module`` is true."""
        return _add(self._load_state_dict_pre_hooks, _WrappedHook(hook, self if with_module else None))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook before this module is loaded; it may change ``state_dict`` in place.

        ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> import nnlite
            >>> def rename(module, state_dict, prefix, *rest):
            ...     state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
            >>> layer = nnlite.nn.Linear(2, 1)
            >>> handle = layer.register_load_state_dict_pre_hook(rename)
            >>> layer.load_state_dict({"kernel": nnlite.ones(1, 2), "bias": nnlite.zeros(1)})
            <All keys matched successfully>
        """
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after this module was loaded.

        The hook may change the lists ``incompatible_keys.missing_keys`` and ``.unexpected_keys`` in place; it must
        return None.

        Returns:
            a handle whose ``remove()`` takes the hook away.

        Example:
            >>> import nnlite
            >>> layer = nnlite.nn.Linear(2, 1)
            >>> handle = layer.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
            >>> layer.load_state_dict({"weight": nnlite.ones(1, 2)})
            <All keys matched successfully>
        """
        return _add(self._load_state_dict_post_hooks, hook)


class _Load:
    """One ``load_state_dict``: the walk over the modules, and the problems it met."""

    def __init__(self, assign: bool, metadata: Mapping[str, Any]) -> None:
        self.assign = assign
        self.metadata = metadata
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def module(self, module: Any, state_dict: dict[str, Any], prefix: str) -> None:
        local_metadata = self.metadata.get(prefix[:-1], {})
        if self.assign:
            local_metadata = {**local_metadata, "assign_to_params_buffers": True}
        module._load_from_state_dict(
            state_dict, prefix, local_metadata, True, self.missing, self.unexpected, self.errors
        )
        for name, child in module._child_items():
            if child is not None:
                inner = f"{prefix}{name}."
                self.module(child, {key: v for key, v in state_dict.items() if key.startswith(inner)}, inner)
        if module._load_state_dict_post_hooks:
            if active.transaction is not None:
                active.transaction.flush()
            incompatible = _IncompatibleKeys(self.missing, self.unexpected)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace."
                    )

    def raise_errors(self, module: Any, strict: bool) -> None:
        errors = list(self.errors)
        if strict:
            if self.unexpected:
                errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(self.unexpected)}. ")
            if self.missing:
                errors.insert(0, f"Missing key(s) in state_dict: {_quoted(self.missing)}. ")
        if errors:
            text = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {module.__class__.__name__}:\n\t{text}")


def _checked(key: str, target: Any, source: Any, error_msgs: list[str]) -> Tensor | None:
    """``source`` if it can be loaded into ``target``; otherwise None, and the reason is added to ``error_msgs``."""
    if not isinstance(source, Tensor):
        error_msgs.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(source)}"
        )
        return None
    if is_lazy(target) and is_lazy(source):
        return None  # neither has values
    if target.dim() == 0 and source.dim() == 1 and source.numel() == 1:
        source = source.reshape(())  # very old checkpoints save numbers as vectors of one element
    if source.shape != target.shape:
        error_msgs.append(
            f"size mismatch for {key}: copying a param with shape {source.shape} from checkpoint, the shape in current "
            f"model is {target.shape}."
        )
        return None
    return source


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _add(hooks: OrderedDict[int, Callable[..., Any]], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle
