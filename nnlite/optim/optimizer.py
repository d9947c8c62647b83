"""``Optimizer``, the base class: parameter groups, state, state dicts and hooks."""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from .._core.grad_mode import enable_grad
from .._core.tensor_base import wrap
from ..backends.registry import tables
from ..creation import as_tensor
from ..tensor import Tensor
from ..utils.hooks import RemovableHandle
from ._update import run

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
"""What an optimizer is made of: parameters, dicts of parameters and options, or pairs of a name and a parameter."""

Hook: TypeAlias = Callable[..., Any]


class _Required:
    """The default value of an option that has none."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""As a value in ``defaults``: every parameter group must give this option."""

_global_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_post_hooks: OrderedDict[int, Hook] = OrderedDict()

_HOST_NUMBERS = ("step", "mu_product", "eta", "mu")
"""State that stays on the host in full precision, so that no step waits for the device."""

_HOOKS = ("_step_pre", "_step_post", "_state_dict_pre", "_state_dict_post", "_load_pre", "_load_post")


class Optimizer:
    """The base class of all optimizers.

    An optimizer of one's own sets its options as ``defaults`` and defines ``step``.

    Args:
        params: parameters, or dicts ``{"params": parameters, option: value, ...}``, or pairs ``(name, parameter)``.
        defaults: the value of each option for groups that do not give it.

    Attributes:
        param_groups: a list of dicts, each with the key ``"params"`` and one key for each option.
        state: parameter -> dict of what the optimizer keeps for it.
        defaults: the default options.

    Raises:
        TypeError: ``params`` is a tensor, or one of them is no tensor, or they come in a set.
        ValueError: there is none, one is not a leaf, one stands in two groups, or a required option is missing.

    Example:
        >>> import nnlite
        >>> class Descent(nnlite.optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, {"lr": lr})
        ...     @nnlite.no_grad()
        ...     def step(self):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 p -= group["lr"] * p.grad
        >>> w = nnlite.tensor([1.0, 2.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> Descent([w], lr=0.25).step()
        >>> w
        tensor([0.5000, 1.0000], requires_grad=True)
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]
    param_groups: list[dict[str, Any]]
    _in_step = False

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}; put it in a list"
            )
        if not isinstance(params, Iterable):
            raise TypeError(
                f"'{type(params).__name__}' object is not iterable: the optimizer takes parameters, such as "
                "model.parameters()"
            )
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.state = defaultdict(dict)
        self.param_groups = []
        self._make_hooks()
        for group in groups:
            self.add_param_group(group)

    def _make_hooks(self) -> None:
        self._hooks: dict[str, OrderedDict[int, Hook]] = {name: OrderedDict() for name in _HOOKS}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over ``state``, unpickled or made by `load_state_dict`."""
        self.__dict__.update(state)
        if "_hooks" not in self.__dict__:
            self._make_hooks()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            if number:
                lines.append("")
            lines.append(f"Parameter Group {number}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])

    # Parameter groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize further parameters, for example a layer that was frozen at first.

        Args:
            param_group: a dict with the key ``"params"``, and options other than the defaults.

        Raises:
            TypeError, ValueError: as the class does; the optimizer stays as it was.

        Example:
            >>> import nnlite
            >>> a, b = nnlite.ones(1, requires_grad=True), nnlite.ones(1, requires_grad=True)
            >>> optimizer = nnlite.optim.SGD([a], lr=0.1)
            >>> optimizer.add_param_group({"params": [b], "lr": 0.01})
            >>> [group["lr"] for group in optimizer.param_groups]
            [0.1, 0.01]
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params, names = _params_and_names(param_group["params"])
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, value in self.defaults.items():
            if value is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if len({id(p) for p in params}) < len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; each is updated once for every time "
                "it stands there",
                stacklevel=3,
            )
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        if self.param_groups and (names is None) == ("param_names" in self.param_groups[0]):
            which = "without" if names is None else "with"
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{which} names to the optimizer"
            )
        param_group["params"] = params
        if names is not None:
            param_group["param_names"] = names
        for name, value in self.defaults.items():
            param_group.setdefault(name, value)
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: set ``grad`` to None; False fills it with zeros in place.

        Example:
            >>> import nnlite
            >>> w = nnlite.ones(2, requires_grad=True)
            >>> w.sum().backward()
            >>> nnlite.optim.SGD([w], lr=0.1).zero_grad()
            >>> w.grad is None
            True
        """
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is None:
                    continue
                if set_to_none:
                    p._grad = None
                    continue
                if p.grad.grad_fn is not None:
                    p.grad.detach_()
                else:
                    p.grad.requires_grad_(False)
                p.grad.zero_()

    # The step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters once. Subclasses define it.

        Args:
            closure: a function that computes the loss again and its gradients, and returns the loss.

        Returns:
            What the closure returns; None without one.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    @staticmethod
    def _evaluate(closure: Callable[[], Any] | None) -> Any:
        """The loss of ``closure``, computed with gradients even where ``step`` is called under ``no_grad``."""
        if closure is None:
            return None
        with enable_grad():
            return closure()

    @staticmethod
    def _update(rule: Callable[..., None], p: Tensor, *state: Any) -> None:
        """Run an update rule on a parameter's array, its state's arrays and its gradient's, in place."""
        array = p._a
        backend = tables[type(array)].backend_
        arrays = (array, *state, p.grad._a)
        if backend.has_indices:
            with backend.use(backend.index_of(array)):
                run(rule, backend.xp, arrays)
        else:
            run(rule, backend.xp, arrays)
        p._vc[0] += 1

    @staticmethod
    def _state_array(state: dict[str, Any], key: str, p: Tensor) -> Any:
        """The raw array of ``state[key]``, brought to where the parameter is now and to its dtype."""
        array, like = state[key]._a, p._a
        if array.dtype != like.dtype or type(array) is not type(like) or index_of(array) != index_of(like):
            state[key] = state[key].detach().to(device=p.device, dtype=p.dtype)
            array = state[key]._a
        return array

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return other ``(args, kwargs)``.

        ``args`` holds the optimizer itself first, as for PyTorch's hook of this name.
        """
        return _add(self._hooks["_step_pre"], hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _add(self._hooks["_step_post"], hook)

    # State dicts

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state as a dict in PyTorch's format.

        ``"state"`` holds the state of each parameter by its number; ``"param_groups"`` the options of each group and
        under ``"params"`` the numbers of its parameters. The tensors are the optimizer's own, not copies.

        Example:
            >>> import nnlite
            >>> w = nnlite.ones(2, requires_grad=True)
            >>> w.sum().backward()
            >>> optimizer = nnlite.optim.SGD([w], lr=0.1, momentum=0.9)
            >>> optimizer.step()
            >>> optimizer.state_dict()["state"]
            {0: {'momentum_buffer': tensor([1., 1.])}}
        """
        for hook in self._hooks["_state_dict_pre"].values():
            hook(self)
        number: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [number.setdefault(id(p), len(number)) for p in group["params"]]
            groups.append(packed)
        state = {number[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()}
        packed_state: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._hooks["_state_dict_post"].values():
            replaced = hook(self, packed_state)
            if replaced is not None:
                packed_state = replaced
        return packed_state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state that `state_dict` gave, this optimizer's or that of PyTorch's class of the same name.

        Parameters are matched by their place. State tensors are copied to the device and the dtype of their parameter;
        tensors of other libraries and arrays are converted.

        Raises:
            ValueError: the state has another number of groups, or a group with another number of parameters. The
                optimizer stays as it was.

        Example:
            >>> import nnlite
            >>> w = nnlite.ones(2, requires_grad=True)
            >>> optimizer = nnlite.optim.SGD([w], lr=0.1)
            >>> state = nnlite.optim.SGD([w], lr=0.5).state_dict()
            >>> optimizer.load_state_dict(state)
            >>> optimizer.param_groups[0]["lr"]
            0.5
        """
        state_dict = dict(state_dict)
        for hook in self._hooks["_load_pre"].values():
            replaced = hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        saved = copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has a different number of parameter groups: {len(saved)}, the optimizer has "
                f"{len(self.param_groups)}"
            )
        for number, (new, old) in enumerate(zip(saved, self.param_groups, strict=True)):
            if len(new["params"]) != len(old["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {number} has {len(new['params'])} parameters, the optimizer's {len(old['params'])}"
                )
        parameter_of = {
            number: p
            for new, old in zip(saved, self.param_groups, strict=True)
            for number, p in zip(new["params"], old["params"], strict=True)
        }
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = parameter_of.get(key)
            if p is None:
                state[key] = value
            else:
                state[p] = _converted(value, p)
        groups = [self._merged(new, old) for new, old in zip(saved, self.param_groups, strict=True)]
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._hooks["_load_post"].values():
            hook(self)

    def _merged(self, saved: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
        saved["params"] = group["params"]
        if "param_names" in group:
            saved.setdefault("param_names", group["param_names"])
        for name, value in self.defaults.items():  # options that the version which saved it did not have
            saved.setdefault(name, value)
        return saved

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before `state_dict` gathers the state."""
        return _add(self._hooks["_state_dict_pre"], hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on the result of `state_dict`; it may return another one."""
        return _add(self._hooks["_state_dict_post"], hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before `load_state_dict`; it may return another dict to load."""
        return _add(self._hooks["_load_pre"], hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after `load_state_dict`."""
        return _add(self._hooks["_load_post"], hook, prepend)


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before each step of any optimizer."""
    return _add(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after each step of any optimizer."""
    return _add(_global_post_hooks, hook)


def _add(hooks: OrderedDict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` between its hooks. A step that calls its superclass's runs them once."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        before, after = self._hooks["_step_pre"], self._hooks["_step_post"]
        if self._in_step or not (before or after or _global_pre_hooks or _global_post_hooks):
            return step(self, *args, **kwargs)
        self._in_step = True
        try:
            everything: tuple[Any, ...] = (self, *args)
            for hook in chain(_global_pre_hooks.values(), before.values()):
                changed = hook(self, everything, kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                everything, kwargs = changed
            result = step(*everything, **kwargs)
            for hook in chain(after.values(), _global_post_hooks.values()):
                hook(self, everything, kwargs)
            return result
        finally:
            self._in_step = False

    return hooked


def _params_and_names(given: Any) -> tuple[list[Any], list[str] | None]:
    if isinstance(given, Tensor):
        return [given], None
    if isinstance(given, set | frozenset):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
            "will change between runs. Please use a list instead."
        )
    params = list(given)
    named = [isinstance(p, tuple) for p in params]
    if not any(named):
        return params, None
    if not all(named):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    return [p for _, p in params], [name for name, _ in params]


def index_of(array: Any) -> int | None:
    """The index of the device that holds an array; None where there is one device."""
    backend = tables[type(array)].backend_
    return backend.index_of(array) if backend.has_indices else None


def _converted(value: Any, p: Tensor, key: str | None = None) -> Any:
    """A value of a loaded state, with its tensors copied to the device and dtype of the parameter."""
    if isinstance(value, dict):
        return {k: _converted(v, p, k) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_converted(v, p) for v in value)
    if not isinstance(value, Tensor):
        if not hasattr(value, "__array__") or isinstance(value, np.generic):
            return value
        value = as_tensor(np.asarray(value))
    if key in _HOST_NUMBERS:
        return value.detach().to(device="cpu", copy=True)
    return value.detach().to(device=p.device, dtype=p.dtype if p.is_floating_point() else value.dtype, copy=True)


def each_with_gradient(group: dict[str, Any]) -> list[Tensor]:
    """The parameters of a group that have a gradient."""
    return [p for p in group["params"] if p._grad is not None]


def zeros_like(p: Tensor) -> Tensor:
    """A new state tensor for a parameter."""
    array = p._a
    backend = tables[type(array)].backend_
    with backend.use(backend.index_of(array)):
        return wrap(backend.xp.zeros_like(array))


def full_like(p: Tensor, value: complex) -> Tensor:
    """A new state tensor for a parameter, filled with a number."""
    state = zeros_like(p)
    if value:
        state._a[...] = value
    return state


def check_options(*, foreach: bool | None, fused: bool | None, differentiable: bool) -> None:
    """Refuse what PyTorch refuses. ``foreach`` and ``fused`` choose among PyTorch's implementations of the same
    numbers; here there is one."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_not_negative(what: str, value: Any) -> None:
    """Raise ValueError for a negative number and for nan."""
    if not value >= 0:
        raise ValueError(f"Invalid {what}: {value}")


def check_learning_rate(lr: Any) -> None:
    """Raise ValueError unless ``lr`` is a number that is not negative, or a tensor of one."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_not_negative("learning rate", lr)


def check_betas(betas: Any) -> None:
    """Raise ValueError unless both factors of running averages are in [0, 1)."""
    for index in (0, 1):
        if isinstance(betas[index], Tensor) and betas[index].numel() != 1:
            raise ValueError(f"Tensor betas[{index}] must be 1-element")
        if not 0.0 <= float(betas[index]) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {betas[index]}")


def check_at_least(what: str, value: Any, bound: float) -> None:
    """Raise ValueError unless ``value`` is at least ``bound``, in the words of the newer optimizers."""
    if not value >= bound:
        raise ValueError(f"{what} should be >= {bound} but is: {value}")


def check_rate(lr: Any) -> None:
    """`check_learning_rate` in the words of the newer optimizers."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_at_least("Learning rate", lr, 0)
