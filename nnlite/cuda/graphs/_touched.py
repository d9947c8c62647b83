"""What a step works with besides its arguments: modules, parameters, optimizers. It is seen while the step warms up."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from operator import is_
from typing import Any

import numpy as np

from ..._core.autocast import autocast
from ..._core.grad_mode import mode
from ...backends.capture import CaptureError

FED_FROM_THE_START = ("lr",)
MAY_BE_FED = ("lr", "momentum", "betas")
"""Options that an optimizer can take from the device. Those besides ``lr`` only where a schedule changes them: a number
of the host costs the captured step less."""


_OF_SCHEDULES = frozenset(["params", "param_names", "initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum",
                           "swa_lr"])  # fmt: skip
"""Entries of groups that no step looks at."""


class Touched:
    """The modules, parameters and optimizers that a step was seen to use."""

    def __init__(self) -> None:
        self.modules: dict[int, Any] = {}
        self.optimizers: dict[int, Any] = {}
        self.parameters: list[Any] = []
        self.fed: dict[int, list[list[str]]] = {}
        self.number = 0
        self.ready = True
        self._numbers: dict[Any, int] = {}
        self._known: _Known | None = None
        self._options: tuple[Any, ...] = ()
        self._stepped: set[int] = set()
        self._scaled: set[int] = set()
        self._memory = Memory([], [])

    # Seeing

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """A block in which modules and optimizers that this thread calls are noted."""
        from ...amp import grad_scaler
        from ...nn.modules.module import register_module_forward_pre_hook
        from ...optim.optimizer import register_optimizer_step_pre_hook

        thread = threading.get_ident()
        self._stepped.clear()
        self._scaled.clear()

        def see_module(module: Any, args: Any) -> None:
            if threading.get_ident() == thread and id(module) not in self.modules:
                self.modules[id(module)] = module

        def see_optimizer(optimizer: Any, args: Any, kwargs: Any) -> None:
            if threading.get_ident() == thread:
                self.optimizers.setdefault(id(optimizer), optimizer)
                self._stepped.add(id(optimizer))

        def see_scaler(optimizer: Any) -> None:
            if threading.get_ident() == thread:
                self.optimizers.setdefault(id(optimizer), optimizer)
                self._scaled.add(id(optimizer))

        with contextlib.ExitStack() as stack:
            stack.enter_context(register_module_forward_pre_hook(see_module))
            handle = register_optimizer_step_pre_hook(see_optimizer)
            stack.callback(handle.remove)
            grad_scaler.watchers.append(see_scaler)
            stack.callback(grad_scaler.watchers.remove, see_scaler)
            yield
        self._known = None
        self._find_parameters()

    def _find_parameters(self) -> None:
        found = {id(p): p for o in self.optimizers.values() for group in o.param_groups for p in group["params"]}
        for module in self.modules.values():
            for p in module._parameters.values():
                if p is not None:
                    found.setdefault(id(p), p)
        self.parameters = list(found.values())

    def all_stepped(self) -> bool:
        """Whether every optimizer that was used made its step; a scaler leaves out steps that are not finite."""
        return self._scaled <= self._stepped

    # What decides on a graph

    def look(self) -> bool:
        """Look at everything that is no argument and that the host decides by; ``number`` then stands for it.

        Returns:
            Whether optimizers take more from the device than they did, so that older graphs are of no use.
        """
        if self._known is not None and self._known.is_so():
            return False
        more = self._feed_more()
        self._known = _Known(self)
        self.number = self._numbers.setdefault((*self._known.modes, self.options()), len(self._numbers))
        return more

    def host_options(self) -> Iterator[tuple[dict[str, Any], str, Any]]:
        """The options that are numbers of the host: group, name, value."""
        for optimizer in self.optimizers.values():
            for group, fed in self._groups(optimizer):
                for name, value in group.items():
                    if name not in fed and name not in _OF_SCHEDULES:
                        yield group, name, value

    def options(self) -> tuple[Any, ...]:
        """The options of all optimizers that are numbers of the host."""
        return tuple(
            (id(o), len(o.param_groups), *(_options_of(group, fed) for group, fed in self._groups(o)))
            for o in self.optimizers.values()
        )

    def _groups(self, optimizer: Any) -> Iterator[tuple[dict[str, Any], list[str]]]:
        fed = self.fed.get(id(optimizer), [])
        for i, group in enumerate(optimizer.param_groups):
            yield group, fed[i] if i < len(fed) else []

    def gradients(self) -> tuple[bool, ...]:
        """Which parameters have a gradient."""
        return tuple([p._grad is None for p in self.parameters])

    # What optimizers take from the device

    def feed(self) -> None:
        """Let the optimizers take their learning rates from the device. Those that did not are ready for a capture once
        they have made a step so, which brings their counts there."""
        self.ready = True
        for optimizer in self.optimizers.values():
            groups = optimizer.param_groups
            known = self.fed.get(id(optimizer))
            if hasattr(optimizer, "_feed") and (known is None or len(known) != len(groups) or optimizer._fed is None):
                self._feed(optimizer, [[n for n in FED_FROM_THE_START if can_be_fed(g, n)] for g in groups])
        self._known = None
        self._options = self.options()

    def _feed(self, optimizer: Any, names: list[list[str]]) -> None:
        self.fed[id(optimizer)] = names
        self.ready = False
        optimizer._feed(names)

    def _feed_more(self) -> bool:
        """Whether options have changed that can be taken from the device too, which they are then from now on."""
        before, now = self._options, self.options()
        self._options = now
        if before == now or len(before) != len(now):
            return False
        more = False
        for optimizer, old, new in zip(self.optimizers.values(), before, now, strict=True):
            if old == new or id(optimizer) not in self.fed or len(old) != len(new):
                continue
            names = [list(some) for some in self.fed[id(optimizer)]]
            for some, was, is_now, group in zip(names, old[2:], new[2:], optimizer.param_groups, strict=True):
                some += [n for n in _changed(was, is_now) if n in MAY_BE_FED and can_be_fed(group, n)]
            if names != self.fed[id(optimizer)]:
                self._feed(optimizer, names)
                more = True
        self._options = self.options()
        return more

    def bring(self) -> None:
        """Let the device know of the learning rates of the next step."""
        for optimizer in self.optimizers.values():
            if id(optimizer) in self.fed:
                optimizer._bring()

    # What must not happen in a graph

    def host_counts(self) -> dict[str, Any]:
        """Numbers that optimizers keep on the host, which a graph would not count up."""
        found: dict[str, Any] = {}
        for optimizer in self.optimizers.values():
            for number, state in enumerate(optimizer.state.values()):
                for key, value in state.items() if isinstance(state, dict) else ():
                    if isinstance(value, int | float):
                        found[f"{type(optimizer).__name__}'s {key!r} {number}"] = value
                    elif type(getattr(value, "_a", None)) is np.ndarray and value._a.size == 1:
                        found[f"{type(optimizer).__name__}'s {key!r} {number}"] = value._a.item()
        return found

    def held(self) -> list[tuple[Any, Any, str]]:
        """Tensors whose memory a graph uses: the tensor, its array, what it is called."""
        found = self._held_by_modules()
        for optimizer in self.optimizers.values():
            for state in optimizer.state.values():
                for key, value in state.items() if isinstance(state, dict) else ():
                    if hasattr(value, "_a"):
                        found.append((value, value._a, f"{key!r} of {type(optimizer).__name__}'s state"))
        return found

    def held_shortly(self) -> list[tuple[Any, Any, str]]:
        """As `held`, with one tensor of the state of each parameter: what moves one moves all."""
        found = self._held_by_modules()
        for optimizer in self.optimizers.values():
            for state in optimizer.state.values():
                large = [v for v in state.values() if getattr(v, "_a", None) is not None and v._a.ndim]
                found += [(v, v._a, "") for v in large[:1]]
        return found

    def _held_by_modules(self) -> list[tuple[Any, Any, str]]:
        found = [(p, p._a, "a parameter") for p in self.parameters]
        for module in self.modules.values():
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    found.append((buffer, buffer._a, f"the buffer {name!r} of {type(module).__name__}"))
        return found

    def settle(self) -> None:
        """Remember where everything is, after a step as it is."""
        self._memory = Memory(self.held(), self.owners())

    def is_settled(self) -> bool:
        """Whether everything is where the last step as it is left it."""
        return self._memory.is_same()

    def owners(self) -> list[tuple[dict[Any, Any], Any, Any]]:
        """Where these tensors are held: a dict, the key, the tensor. Another one there needs another graph."""
        found: list[tuple[dict[Any, Any], Any, Any]] = []
        for module in self.modules.values():
            for space in (module._parameters, module._buffers):
                found += [(space, key, value) for key, value in space.items()]
        for optimizer in self.optimizers.values():
            found += [(optimizer.__dict__, "state", optimizer.state)]
        return found


class _Known:
    """What the host decided by when it was last looked at, in a form that is soon compared."""

    def __init__(self, touched: Touched) -> None:
        self._modules, self._parameters = list(touched.modules.values()), touched.parameters
        self._groups = [(o, o.param_groups, len(o.param_groups)) for o in touched.optimizers.values()]
        self._options = list(touched.host_options())
        self.modes = self._modes()

    def _modes(self) -> tuple[Any, ...]:
        lower = tuple(sorted((k, autocast.dtypes[k].name) for k, on in autocast.enabled.items() if on))
        training = tuple([m.training for m in self._modules])
        return mode.grad, mode.inference, lower, training, tuple([p._node is None for p in self._parameters])

    def is_so(self) -> bool:
        """Whether nothing is different now."""
        return (
            all(o.param_groups is groups and len(groups) == n for o, groups, n in self._groups)
            and all(group.get(name) is value for group, name, value in self._options)
            and self._modes() == self.modes
        )


class Memory:
    """Where tensors are: those of `Touched.held` and `Touched.owners`."""

    def __init__(self, held: list[tuple[Any, Any, str]], owners: list[tuple[dict[Any, Any], Any, Any]]) -> None:
        self.held, self.owners = held, owners
        self._tensors, self._arrays = [t for t, _, _ in held], [a for _, a, _ in held]
        self._places, self._values = [(space, key) for space, key, _ in owners], [v for _, _, v in owners]

    def is_same(self) -> bool:
        """Whether each is the same tensor with the same array."""
        arrays, values = [t._a for t in self._tensors], [space.get(key) for space, key in self._places]
        return all(map(is_, arrays, self._arrays)) and all(map(is_, values, self._values))

    def check(self) -> None:
        """Raise CaptureError where the step put another tensor in the place of one that the next step needs."""
        for tensor, array, name in self.held:
            if tensor._a is not array:
                raise CaptureError(f"compile_step: the step gives {name} other memory; write into it in place")
        for space, key, value in self.owners:
            if space.get(key) is not value:
                raise CaptureError(f"compile_step: the step replaces {key!r} by another tensor; write into it in place")


def can_be_fed(group: dict[str, Any], name: str) -> bool:
    """Whether an option is there and is a number of the host. A tensor on the device is there already."""
    value = group.get(name)
    parts = value if isinstance(value, tuple | list) else (value,)
    return all(isinstance(v, int | float) or type(getattr(v, "_a", None)) is np.ndarray for v in parts)


def _options_of(group: dict[str, Any], fed: list[str]) -> tuple[Any, ...]:
    found = []
    for name, value in group.items():
        if name not in fed and name not in _OF_SCHEDULES:
            kept = value if isinstance(value, int | float | str | bool | tuple | type(None)) else id(value)
            found.append((name, kept))
    return tuple(found)


def _changed(before: tuple[Any, ...], now: tuple[Any, ...]) -> list[str]:
    old = dict(before)
    return [name for name, value in now if name in old and old[name] != value]
