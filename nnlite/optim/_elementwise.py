"""``Elementwise``: the optimizers that update each element of a parameter by itself. They run many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core.grad_mode import enable_grad
from .._core.op import recorded
from .._core.tensor_base import wrap
from ..backends.registry import tables
from ..ops.pointwise.complex import view_as_real
from ..tensor import Tensor
from ._flat import SMALL, Flat
from .optimizer import Optimizer, each_with_gradient, index_of, zeros_like


class Elementwise(Optimizer):
    """Base of the optimizers with a rule ``_rule(xp, parameter, *state, gradient, **numbers)`` for single elements.

    A rule changes the parameter and its state in place and makes new arrays of everything else. It runs on arrays of
    any shape: on one parameter, on a block of a large one, on many small ones end to end (`Flat`), and, with
    ``differentiable=True``, on tensors.

    A subclass gives the rule and
        _keys: the names of the state arrays in the order of the rule, None for one that these options do without;
        _options: the numbers that hold for the whole group;
        _start: the state of a parameter at its first step (arrays of zeros are made by themselves);
        _numbers: the numbers that depend on the parameter's own step. Parameters with equal ones run together.
    """

    _rule: Callable[..., None]
    _recorded_rule: Callable[..., None] | None = None

    def _keys(self, group: dict[str, Any]) -> tuple[str | None, ...]:
        raise NotImplementedError(f"{type(self).__name__} does not define _keys()")

    def _options(self, group: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} does not define _options()")

    def _start(self, state: dict[str, Any], p: Tensor, group: dict[str, Any]) -> None:
        state["step"] = host_number(0.0)

    def _numbers(self, group: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
        return {"t": count(state)}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: a function that computes the loss again and its gradients, and returns the loss.

        Returns:
            What the closure returns; None without one.
        """
        loss = self._evaluate(closure)
        for group in self.param_groups:
            keys = self._keys(group)
            options = self._options(group)
            batches: dict[tuple[Any, ...], tuple[dict[str, Any], list[Tensor]]] = {}
            for p in each_with_gradient(group):
                numbers = self._prepare(p, group, keys)
                if group.get("differentiable"):
                    self._run_recorded(p, keys, {**options, **numbers})
                    continue
                array = p._a
                batch = (*numbers.values(), type(array), array.dtype, index_of(array))
                batches.setdefault(batch, (numbers, []))[1].append(p)
            for numbers, params in batches.values():
                self._run_batch(functools.partial(type(self)._rule, **options, **numbers), params, keys)
        return loss

    def _prepare(self, p: Tensor, group: dict[str, Any], keys: Sequence[str | None]) -> dict[str, Any]:
        """Make the state of a parameter complete, and give the numbers of its step."""
        if not any(keys):
            return self._numbers(group, {})
        state = self.state[p]
        if not state:
            self._start(state, p, group)
        numbers = self._numbers(group, state)
        for key in keys:
            if key is not None and state.get(key) is None:
                state[key] = zeros_like(p)
        return numbers

    def _run_batch(self, rule: Callable[..., None], params: list[Tensor], keys: Sequence[str | None]) -> None:
        pairs = params[0].is_complex()
        small = params if pairs else [p for p in params if p._a.size <= SMALL]
        if len({id(p) for p in params}) < len(params):  # a parameter that stands there twice is updated twice
            for p in params:
                self._run_flat(rule, [p], keys)
            return
        if pairs or (len(small) > 1 and any(keys)):
            self._run_flat(rule, small, keys)
            if len(small) == len(params):
                return
            params = [p for p in params if p._a.size > SMALL]
        for p in params:
            state = self.state[p] if any(keys) else {}
            self._update(rule, p, *(None if key is None else self._state_array(state, key, p) for key in keys))

    def _run_flat(self, rule: Callable[..., None], params: list[Tensor], keys: Sequence[str | None]) -> None:
        flats = self.__dict__.setdefault("_flats", {})
        states = [self.state[p] for p in params] if any(keys) else [{}] * len(params)
        array = params[0]._a
        name = (*map(id, params), keys, type(array), array.dtype, index_of(array))
        backend = tables[type(array)].backend_
        with backend.use(backend.index_of(array)):
            flat = flats.get(name)
            if flat is None or not flat.is_current(states):
                for key in filter(None, keys):
                    for state, p in zip(states, params, strict=True):
                        self._state_array(state, key, p)
                ours = set(map(id, params))
                for other in [n for n in flats if not ours.isdisjoint(n)]:  # their state moves out
                    del flats[other]
                flat = flats[name] = Flat(params, states, keys)
            flat.run(rule, params)

    def _run_recorded(self, p: Tensor, keys: Sequence[str | None], numbers: dict[str, Any]) -> None:
        """The step as recorded operations on tensors, for derivatives through it."""
        rule = type(self)._recorded_rule or type(self)._rule
        arrays = []
        with enable_grad():
            for key in keys:
                if key is not None:  # the last step's graph keeps the old one
                    self.state[p][key] = self.state[p][key].clone()
                arrays.append(None if key is None else self.state[p][key])
            target, g = p, p.grad
            if p.is_complex():
                arrays = [None if a is None else view_as_real(a) for a in arrays]
                target, g = view_as_real(p), view_as_real(p.grad)
            rule(recorded, target, *arrays, g, **numbers)


def host_number(value: float) -> Tensor:
    """A number of the state. It stays on the host, so that no step waits for the device."""
    return wrap(np.full((), value, np.float32))


def number_in(state: dict[str, Any], key: str) -> Tensor:
    """A number of the state, as `host_number` makes it, whatever a loaded state holds there."""
    value = state[key]
    if not isinstance(value, Tensor) or type(value._a) is not np.ndarray:
        value = state[key] = host_number(float(value))
    return value


def count(state: dict[str, Any]) -> float:
    """Add one to the number of steps of a parameter."""
    step = number_in(state, "step")._a
    step += 1
    return float(step)


def with_decay(xp: Any, p: Any, g: Any, weight_decay: float, maximize: bool) -> Any:
    """The gradient of the function that is minimized, with the L2 penalty."""
    if maximize:
        g = -g
    if weight_decay:
        g = g + weight_decay * p
    return g
