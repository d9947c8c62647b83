"""Parameters and buffers that are computed from others by modules."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ..._core.grad_mode import no_grad
from ...tensor import Tensor
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache_depth = 0
_cache: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """While this context is entered, each parametrized tensor is computed once, and kept until the outermost exit.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(nnlite.nn.Linear(2, 2))
        >>> with parametrize.cached():
        ...     layer.weight is layer.weight
        True
    """
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if not _cache_depth:
            _cache.clear()


def _register(module: Module, name: str, value: Any) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _check_same(got: Any, wanted: Any, what: str, got_name: str, wanted_name: str) -> None:
    """Raise when two tensors differ in dtype or shape."""
    for attribute in ("dtype", "shape"):
        old, new = getattr(wanted, attribute), getattr(got, attribute)
        if old != new:
            raise ValueError(
                f"{what.format(attribute)}, unless the `unsafe` flag is enabled.\n{wanted_name}.{attribute}: {old}\n"
                f"{got_name}.{attribute}: {new}"
            )


def _check_tensor(value: Any, what: str) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"{what} must return a tensor. Got {type(value).__name__}.")


class ParametrizationList(ModuleList):
    """The modules that compute a tensor, in order, and the tensor or tensors that they compute it from.

    Where the first module's ``right_inverse`` returns several tensors, these are ``original0``, ``original1`` and so
    on; else it is ``original``.

    Args:
        modules: what is called, one after the other.
        original: the tensor as it is without parametrization.
        unsafe: whether dtype and shape may change, and nothing is checked.

    Attributes:
        is_tensor: whether there is one original.
        ntensors: how many there are otherwise.

    Raises:
        ValueError: there are no modules, or they change dtype or shape.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        wanted = original.detach()
        with no_grad():
            new = self._through_inverses(original)
        if not isinstance(new, Tensor) and not isinstance(new, Sequence):
            raise ValueError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got {type(new)}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._hold_one(original, new)
        else:
            self._hold_several(original, new)
        if not self.unsafe:
            value = self()
            _check_tensor(value, "A parametrization")
            _check_same(
                value,
                wanted,
                "Registering a parametrization may not change the {} of the tensor",
                "parametrized tensor",
                "original",
            )

    def _through_inverses(self, value: Any) -> Any:
        for module in reversed(self):
            if hasattr(module, "right_inverse"):
                with suppress(NotImplementedError):  # then it is taken for the identity
                    value = module.right_inverse(value)
        return value

    def _hold_one(self, original: Tensor, new: Any) -> None:
        if original.dtype != new.dtype:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
            )
        if original.device != new.device:
            raise ValueError(
                "When `right_inverse` outputs one tensor, it may not change the device.\n"
                f"original.device: {original.device}\nright_inverse(original).device: {new.device}"
            )
        if new is not original:
            original.data = new.detach()  # the same object, which an optimizer may hold already
        _register(self, "original", original)

    def _hold_several(self, original: Tensor, new: Any) -> None:
        for i, part in enumerate(new):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(part)}."
                )
            held: Any = part
            if isinstance(original, Parameter):
                held = Parameter(part, original.requires_grad)
            elif part.requires_grad != original.requires_grad:
                held = part.detach().requires_grad_(original.requires_grad)
            _register(self, f"original{i}", held)

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes ``value``.

        Raises:
            RuntimeError: a module has no ``right_inverse``.
            ValueError: what it returns does not fit the originals.
        """
        with no_grad():
            new: Any = value
            for module in reversed(self):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement right_inverse; define it to "
                        "assign to the parametrized tensor"
                    )
                new = module.right_inverse(new)
            if self.is_tensor:
                self._assign_one(value, new)
            else:
                self._assign_several(new)

    def _assign_one(self, value: Any, new: Any) -> None:
        if not isinstance(new, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(new).__name__}")
        if value.dtype != new.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {new.dtype} while `value` has dtype {value.dtype}"
            )
        self.original.data = new.detach()

    def _assign_several(self, new: Any) -> None:
        if not isinstance(new, Sequence):
            raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(new)}.")
        if len(new) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(new)}."
            )
        for i, part in enumerate(new):
            held = getattr(self, f"original{i}")
            if not isinstance(part, Tensor):
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors. Got element {i} of type {type(part).__name__}"
                )
            if held.dtype != part.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while `original{i}` has dtype "
                    f"{held.dtype}"
                )
            held.data = part.detach()

    def forward(self) -> Any:
        """The parametrized tensor."""
        steps = iter(self)
        first = next(steps)
        if self.is_tensor:
            value = first(self.original)
        else:
            value = first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for step in steps:
            value = step(value)
        return value


def _inject_new_class(module: Module) -> None:
    """Give the module a class of its own, to which properties can be added."""
    cls = module.__class__

    def default_deepcopy(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        # A class of its own, for the properties of a class are those of all its modules.
        own: Any = type(self)
        replica = own.__new__(own)
        replica.__class__ = type(own.__name__, own.__bases__, dict(vars(own)))
        memo[id(self)] = replica
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return replica

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). Save module.state_dict(), "
            "and load it into a module with the same parametrizations"
        )

    members: dict[str, Any] = {"__getstate__": getstate}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = default_deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _inject_property(module: Module, tensor_name: str) -> None:
    """Let the attribute ``tensor_name`` be computed."""

    def get(self: Any) -> Any:
        parametrization = self.parametrizations[tensor_name]
        if not _cache_depth:
            return parametrization()
        key = id(self), tensor_name
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(module.__class__, tensor_name, property(get, put))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    r"""Let a parameter or buffer of a module be computed by another module.

    ``module.weight`` is then ``parametrization(original)`` at every access, with
    ``module.parametrizations.weight.original`` as the parameter that is learned. A tensor that is parametrized already
    goes through all its parametrizations in the order of registration. With a method ``right_inverse`` of the
    parametrization, the tensor keeps its value and can be assigned to; it may return several tensors, which are then
    the arguments of ``forward``.

    Args:
        module: what has the tensor.
        tensor_name: its attribute.
        parametrization: what computes it.
        unsafe: whether it may change shape and dtype, and nothing is checked.

    Returns:
        the module, which is of a subclass ``Parametrized...`` of its class from now on.

    Raises:
        ValueError: there is no such tensor, or shape or dtype would change.

    Example:
        >>> import nnlite
        >>> from nnlite import nn
        >>> from nnlite.nn.utils import parametrize
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        >>> layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
        >>> layer
        ParametrizedLinear(
          in_features=3, out_features=3, bias=True
          (parametrizations): ModuleDict(
            (weight): ParametrizationList(
              (0): Symmetric()
            )
          )
        )
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held: Any = module.parametrizations[tensor_name]
        if not unsafe:
            _check_further(module, tensor_name, parametrization)
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        # Made first: when it raises, the module is as it was.
        parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_further(module: Module, name: str, parametrization: Any) -> None:
    """What has to hold for a parametrization after others."""
    before = getattr(module, name)
    after = parametrization(before)
    _check_tensor(after, "A parametrization")
    _check_same(
        after,
        before,
        "Registering a parametrization may not change the {} of the tensor",
        f"parametrization(module.{name})",
        f"module.{name}",
    )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    _check_same(
        back,
        before,
        f"The tensor returned by parametrization.right_inverse must have the same {{}} as module.{name}",
        "returned tensor",
        f"module.{name}",
    )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module, or any if no name is given, is parametrized.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(nnlite.nn.Linear(2, 2))
        >>> parametrize.is_parametrized(layer), parametrize.is_parametrized(layer, "bias")
        (True, False)
    """
    held = getattr(module, "parametrizations", None)
    if held is None or not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Let the tensor be an ordinary parameter or buffer again.

    Args:
        module: what has the tensor.
        tensor_name: its attribute.
        leave_parametrized: whether it keeps its present value; else it gets that of ``original``.

    Raises:
        ValueError: it is not parametrized, or there are several originals and ``leave_parametrized`` is false.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(nnlite.nn.Linear(2, 2))
        >>> parametrize.remove_parametrizations(layer, "weight")
        Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held: Any = module.parametrizations[tensor_name]
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            with no_grad():
                # The same object, for an optimizer may hold it.
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(module.__class__, tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = module.__class__.__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before it was parametrized.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import parametrizations, parametrize
        >>> layer = parametrizations.weight_norm(nnlite.nn.Linear(2, 2))
        >>> parametrize.type_before_parametrizations(layer).__name__
        'Linear'
    """
    return module.__class__.__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Parametrize a module as another one is, with the same modules and the same originals.

    Args:
        from_module: the parametrized one.
        to_module: the other; a tensor that it lacks is added to it.
        tensor_name: only this tensor; all if None.

    Returns:
        ``to_module``.
    """
    if not is_parametrized(from_module):
        return to_module
    held: Any = from_module.parametrizations
    if tensor_name is not None and tensor_name not in held:
        raise ValueError(f"Module {from_module} does not have a parametrization on {tensor_name}")
    for name in list(held) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in held[name]:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]
        for key in ("original", *(f"original{i}" for i in range(held[name].ntensors))):
            if hasattr(held[name], key):
                setattr(target, key, getattr(held[name], key))
    return to_module
