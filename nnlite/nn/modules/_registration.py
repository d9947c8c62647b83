"""What a module holds: parameters, buffers and child modules, and the rules by which an assignment finds its place."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ...tensor import Tensor
from ...utils.hooks import RemovableHandle
from ..parameter import Buffer, Parameter

if TYPE_CHECKING:
    from .module import Module

_global_parameter_registration_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_global_buffer_registration_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, param)`` whenever any module registers a parameter.

    What the hook returns, unless None, is registered in place of ``param``.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.modules.module import register_module_parameter_registration_hook
        >>> with register_module_parameter_registration_hook(lambda module, name, param: print(name)):
        ...     layer = nnlite.nn.Linear(2, 2)
        weight
        bias
    """
    return _register(_global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` whenever any module registers a buffer.

    What the hook returns, unless None, is registered in place of ``buffer``.
    """
    return _register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` whenever any module registers a child module.

    What the hook returns, unless None, is registered in place of ``submodule``.
    """
    return _register(_global_module_registration_hooks, hook)


def _register(hooks: OrderedDict[int, Callable[..., Any]], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def _through(hooks: OrderedDict[int, Callable[..., Any]], module: Any, name: str, value: Any) -> Any:
    """``value`` as the registration hooks leave it."""
    for hook in hooks.values():
        replacement = hook(module, name, value)
        if replacement is not None:
            value = replacement
    return value


def typename(obj: Any) -> str:
    """The name of an object's type as error messages give it: ``int``, ``torch.FloatTensor``, ``package.Class``."""
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


def _check_name(kind: str, name: Any, owner: Any, registered: dict[str, Any]) -> None:
    """Raise what PyTorch raises for a name under which a parameter or a buffer cannot be registered."""
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
    if "." in name:
        raise KeyError(f'{kind} name can\'t contain "."')
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if hasattr(owner, name) and name not in registered:
        raise KeyError(f"attribute '{name}' already exists")


def _forget(name: str, *holders: Any) -> None:
    """Take ``name`` out of the dictionaries and sets that hold it."""
    for holder in holders:
        if name in holder:
            if isinstance(holder, dict):
                del holder[name]
            else:
                holder.discard(name)


def child_name(modules: dict[Any, Any], position: int, key: Any) -> str:
    """The name of a child whose key in ``_modules`` is not a string: its position.

    Programs that write to ``self._modules`` themselves use the modules as keys. Positions are the names that
    ``Sequential`` would give, and unlike the printed text of a module they are unique.
    """
    name = str(position)
    while name in modules:
        name = "_" + name
    return name


class ModuleRegistry:
    """The state of a module and access to it; :class:`~nnlite.nn.Module` adds everything else."""

    dump_patches: bool = False
    _version: int = 1
    """The version of what ``state_dict`` saves; ``_load_from_state_dict`` finds it in ``local_metadata["version"]``."""
    call_super_init: bool = False

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers_set: set[str]
    _modules: dict[str, Module | None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the empty state. With ``call_super_init`` true, the arguments go on to the next class's ``__init__``."""
        if not self.call_super_init:
            name = type(self).__name__
            if kwargs:
                raise TypeError(f"{name}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
            if args:
                raise TypeError(f"{name}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        # Past __setattr__, whose rules need this state.
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_non_persistent_buffers_set", set())
        for hooks in _HOOK_DICTS:
            put(hooks, OrderedDict())
            if hooks == "_backward_hooks":
                put("_is_full_backward_hook", None)
        put("_modules", {})
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # A module that was pickled by an older version lacks what came later.
        for hooks in _HOOK_DICTS:
            self.__dict__.setdefault(hooks, OrderedDict())
        self.__dict__.setdefault("_non_persistent_buffers_set", set())
        self.__dict__.setdefault("_is_full_backward_hook", None)

    def __getattr__(self, name: str) -> Any:
        # Called only for what is not in the instance dictionary and not in a class; on the way of every layer.
        state = self.__dict__
        try:
            held: dict[str, Any] = state["_parameters"]
            if name in held:
                return held[name]
            held = state["_modules"]
            if name in held:
                return held[name]
            held = state["_buffers"]
            if name in held:
                return held[name]
        except KeyError:
            pass  # Module.__init__ has not run
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        parameters = state.get("_parameters")
        if isinstance(value, Tensor) and isinstance(value, Parameter):
            if parameters is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            _forget(name, state, self._buffers, self._modules, self._non_persistent_buffers_set)
            self.register_parameter(name, value)
            return
        if parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
            return
        modules = state.get("_modules")
        if isinstance(value, ModuleRegistry):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            _forget(name, state, self._parameters, self._buffers, self._non_persistent_buffers_set)
            modules[name] = _through(_global_module_registration_hooks, self, name, value)
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            modules[name] = _through(_global_module_registration_hooks, self, name, value)
        elif name in state.get("_buffers", ()) or (isinstance(value, Tensor) and isinstance(value, Buffer)):
            self._set_buffer(name, value)
        else:
            super().__setattr__(name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise TypeError(
                f"cannot assign '{typename(value)}' as buffer '{name}' (torch.nn.Buffer, torch.Tensor or None expected)"
            )
        if isinstance(value, Buffer):
            persistent = value.persistent
        else:
            persistent = name not in self._non_persistent_buffers_set
        own = type(self).register_buffer is not ModuleRegistry.register_buffer
        if own and "persistent" not in inspect.signature(self.register_buffer).parameters:
            # Subclasses exist whose register_buffer is older than this argument.
            if not persistent:
                raise RuntimeError(
                    "Registering a non-persistent buffer on a Module subclass that implements register_buffer() "
                    "without the persistent argument is not allowed."
                )
            self.register_buffer(name, value)
        else:
            self.register_buffer(name, value, persistent)

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._buffers}
        names.update(name for name, _ in self._child_items())
        # What starts with a digit cannot be written as an attribute.
        return sorted(name for name in names if not name[:1].isdigit())

    def _child_items(self) -> Iterator[tuple[str, Module | None]]:
        """The names and modules in ``_modules``, None among them; every name is a string."""
        modules = self._modules
        for position, (key, child) in enumerate(modules.items()):
            yield (key if isinstance(key, str) else child_name(modules, position, key)), child

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a buffer: a tensor that is a part of the state and is not learned, such as a running mean.

        Args:
            name (str): the buffer is found as the attribute of this name.
            tensor (Tensor or None): None keeps the name for later; ``state_dict`` and ``cuda`` pass over it.
            persistent (bool): whether ``state_dict`` holds the buffer.

        Raises:
            AttributeError: ``Module.__init__`` has not run.
            TypeError: ``name`` is not a string, or ``tensor`` is neither a tensor nor None.
            KeyError: ``name`` is empty, contains a dot, or is the name of something else.

        Example:
            >>> import nnlite
            >>> module = nnlite.nn.Module()
            >>> module.register_buffer("running_mean", nnlite.zeros(2))
            >>> module.running_mean
            tensor([0., 0.])
        """
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        _check_name("buffer", name, self, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = _through(_global_buffer_registration_hooks, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; the same as assigning it to the attribute ``name``, except that no other entry is replaced.

        Args:
            name (str): the parameter is found as the attribute of this name.
            param (Parameter or None): None keeps the name for later; ``state_dict`` and ``cuda`` pass over it.

        Raises:
            AttributeError: ``Module.__init__`` has not run.
            TypeError: ``name`` is not a string, or ``param`` is neither a :class:`Parameter` nor None.
            KeyError: ``name`` is empty, contains a dot, or is the name of something else.
            ValueError: ``param`` is the result of a computation.

        Example:
            >>> import nnlite
            >>> module = nnlite.nn.Module()
            >>> module.register_parameter("scale", nnlite.nn.Parameter(nnlite.ones(1)))
            >>> [name for name, _ in module.named_parameters()]
            ['scale']
        """
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        _check_name("parameter", name, self, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
            param = _through(_global_parameter_registration_hooks, self, name, param)
        self._parameters[name] = param

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module, which is then found as the attribute ``name``.

        Raises:
            TypeError: ``module`` is neither a module nor None, or ``name`` is not a string.
            KeyError: ``name`` is empty, contains a dot, or is the name of something else.

        Example:
            >>> import nnlite
            >>> net = nnlite.nn.Sequential()
            >>> net.add_module("first", nnlite.nn.Sequential())
            >>> net
            Sequential(
              (first): Sequential()
            )
        """
        if not isinstance(module, ModuleRegistry) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        if not isinstance(name, str):
            raise TypeError(f"module name should be a string. Got {typename(name)}")
        if hasattr(self, name) and name not in self._modules:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'module name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError('module name can\'t be empty string ""')
        self._modules[name] = _through(_global_module_registration_hooks, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """The same as :meth:`add_module`."""
        self.add_module(name, module)


_HOOK_DICTS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
