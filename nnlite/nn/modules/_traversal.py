"""Walking over a module and what it contains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ...tensor import Tensor
from ..parameter import Parameter
from ._registration import ModuleRegistry

if TYPE_CHECKING:
    from .module import Module

_T = TypeVar("_T")


class ModuleTree(ModuleRegistry):
    """Children, descendants, parameters and buffers of a module, by name and in order of registration."""

    def _get_name(self) -> str:
        return type(self).__name__

    def children(self) -> Iterator[Module]:
        """The child modules, each once.

        Example:
            >>> from nnlite import nn
            >>> [len(child) for child in nn.Sequential(nn.Sequential(nn.Sequential())).children()]
            [1]
        """
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The names and child modules. A module that is registered twice comes once, under its first name.

        Example:
            >>> from nnlite import nn
            >>> [name for name, _ in nn.Sequential(nn.Sequential(), nn.Sequential()).named_children()]
            ['0', '1']
        """
        seen: set[int] = set()
        for name, module in self._child_items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all its descendants, a parent before its children.

        Args:
            remove_duplicate (bool): whether a module that is registered in several places comes only once.

        Example:
            >>> from nnlite import nn
            >>> shared = nn.Sequential()
            >>> len(list(nn.ModuleList([shared, shared]).modules()))
            2
        """
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The names and modules of this module (name ``prefix``) and all its descendants.

        Args:
            memo (set of Module, optional): modules to leave out; those that come are added to it.
            prefix (str): put before every name.
            remove_duplicate (bool): whether a module that is registered in several places comes only once.

        Example:
            >>> from nnlite import nn
            >>> [name for name, _ in nn.Sequential(nn.Sequential(nn.Sequential())).named_modules()]
            ['', '0', '0.0']
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)  # type: ignore[arg-type]
        yield prefix, self  # type: ignore[misc]
        for name, module in self._child_items():
            if module is not None:
                inner = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, inner, remove_duplicate)

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Iterable[tuple[str, Any]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """The names and members, other than None, that ``get_members_fn`` gives for each of the modules."""
        seen: set[int] = set()
        if recurse:
            modules: Iterable[tuple[str, Any]] = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = [(prefix, self)]
        for module_prefix, module in modules:
            for key, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{module_prefix}.{key}" if module_prefix else key), member

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimizer is made with.

        Args:
            recurse (bool): whether those of the descendants come too.

        Example:
            >>> from nnlite import nn
            >>> sum(p.numel() for p in nn.Linear(3, 2).parameters())
            8
        """
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The names and parameters.

        Args:
            prefix (str): put, with a dot, before every name.
            recurse (bool): whether those of the descendants come too.
            remove_duplicate (bool): whether a parameter that is registered in several places comes only once.

        Example:
            >>> from nnlite import nn
            >>> for name, parameter in nn.Sequential(nn.Linear(3, 2)).named_parameters():
            ...     print(name, parameter.shape)
            0.weight torch.Size([2, 3])
            0.bias torch.Size([2])
        """
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once.

        Args:
            recurse (bool): whether those of the descendants come too.

        Example:
            >>> import nnlite
            >>> module = nnlite.nn.Module()
            >>> module.register_buffer("steps", nnlite.tensor(3))
            >>> list(module.buffers())
            [tensor(3)]
        """
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The names and buffers; the arguments are those of :meth:`named_parameters`.

        Example:
            >>> import nnlite
            >>> module = nnlite.nn.Module()
            >>> module.register_buffer("steps", nnlite.tensor(3))
            >>> list(module.named_buffers(prefix="net"))
            [('net.steps', tensor(3))]
        """
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def get_submodule(self, target: str) -> Module:
        """The descendant of this name, as :meth:`named_modules` gives it; the empty name is the module itself.

        Raises:
            AttributeError: there is nothing of this name, or it is not a module.

        Example:
            >>> from nnlite import nn
            >>> nn.Sequential(nn.Sequential(nn.Sequential())).get_submodule("0.0")
            Sequential()
        """
        module: Any = self
        for name in target.split(".") if target else ():
            missing = object()
            child = getattr(module, name, missing)
            if child is missing:
                child = dict(module._child_items()).get(name, missing)  # a key that is not a string
            if child is missing:
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            if not isinstance(child, ModuleRegistry):
                raise AttributeError(f"`{name}` is not an nn.Module")
            module = child
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` in the place of the descendant of this name.

        Args:
            target (str): the name; what stands before its last dot must exist.
            module (Module): the new module.
            strict (bool): whether the place must be taken already.

        Raises:
            ValueError: the name is empty, or ``module`` is not a module.
            AttributeError: the place does not exist, or holds something other than a module.

        Example:
            >>> from nnlite import nn
            >>> net = nn.Sequential(nn.Sequential(), nn.Sequential())
            >>> net.set_submodule("1", nn.ModuleList())
            >>> net[1]
            ModuleList()
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, ModuleRegistry):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if not hasattr(parent, name):
            if strict:
                raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        elif not isinstance(getattr(parent, name), ModuleRegistry):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter of this name, as :meth:`named_parameters` gives it.

        Raises:
            AttributeError: there is nothing of this name, or it is not a parameter.

        Example:
            >>> from nnlite import nn
            >>> nn.Sequential(nn.Linear(3, 2)).get_parameter("0.bias").shape
            torch.Size([2])
        """
        owner, name = self._owner_of(target)
        value = getattr(owner, name)
        if not isinstance(value, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return value

    def get_buffer(self, target: str) -> Tensor:
        """The buffer of this name, as :meth:`named_buffers` gives it.

        Raises:
            AttributeError: there is nothing of this name, or it is not a buffer.

        Example:
            >>> import nnlite
            >>> module = nnlite.nn.Module()
            >>> module.register_buffer("steps", nnlite.tensor(3))
            >>> module.get_buffer("steps")
            tensor(3)
        """
        owner, name = self._owner_of(target)
        value = getattr(owner, name)
        if name not in owner._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return value

    def _owner_of(self, target: str) -> tuple[Module, str]:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
        return owner, name

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every descendant and then on the module itself; used to initialise parameters.

        Returns:
            the module.

        Example:
            >>> from nnlite import nn
            >>> def init(module):
            ...     if isinstance(module, nn.Linear):
            ...         nn.init.zeros_(module.bias)
            >>> net = nn.Sequential(nn.Linear(2, 2)).apply(init)
            >>> net[0].bias
            Parameter containing:
            tensor([0., 0.], requires_grad=True)
        """
        for module in self.children():
            module.apply(fn)
        fn(self)  # type: ignore[arg-type]
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode, or with ``mode=False`` evaluation mode, here and in every descendant.

        Dropout and batch normalization work differently in the two.

        Returns:
            the module.

        Raises:
            ValueError: ``mode`` is not a bool.

        Example:
            >>> from nnlite import nn
            >>> net = nn.Sequential(nn.Sequential()).train(False)
            >>> net[0].training
            False
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode; the same as ``train(False)``.

        Example:
            >>> from nnlite import nn
            >>> nn.Sequential().eval().training
            False
        """
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` of every parameter: ``False`` freezes the module.

        Returns:
            the module.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 2).requires_grad_(False).weight.requires_grad
            False
        """
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none (bool): whether ``.grad`` becomes None (which saves memory and time) or is filled with zeros.

        Example:
            >>> from nnlite import nn
            >>> net = nn.Linear(2, 2)
            >>> net.bias.sum().backward()
            >>> net.zero_grad()
            >>> net.bias.grad is None
            True
        """
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if parameter.grad.grad_fn is not None:
                    parameter.grad.detach_()
                else:
                    parameter.grad.requires_grad_(False)
                parameter.grad.zero_()
