"""``Elementwise``: the optimizers that update each element of a parameter by itself. They run many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core.grad_mode import enable_grad
from .._core.op import recorded
from .._core.tensor_base import wrap
from ..backends.capture import CaptureError, current, line_here
from ..backends.registry import tables
from ..ops.pointwise.complex import view_as_real
from ..tensor import Tensor
from . import _capturable
from ._capturable import Fed, is_on_device, value_of
from ._flat import SMALL, Flat
from ._update import all_at_once, run_all
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

    found_inf: Any
    """While a GradScaler has a captured step made: a tensor that is not 0 where the step is to be left out."""

    _rule: Callable[..., None]
    _minds_found_inf = True
    _fed: list[Fed | None] | None = None
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
        loss = None if closure is None else self._evaluate(closure)
        for number, group in enumerate(self.param_groups):
            keys = self._keys(group)
            if self._is_device_form(group):
                self._step_on_device(number, group, keys)
                continue
            options = self._options(group)
            held = tuple(filter(None, keys))
            batches: dict[tuple[Any, ...], tuple[dict[str, Any], list[Tensor]]] = {}
            numbers = {} if held else self._numbers(group, {})
            for p in each_with_gradient(group):
                if held:
                    numbers = self._prepare(p, group, held)
                if group.get("differentiable"):
                    self._run_recorded(p, keys, {**options, **numbers})
                    continue
                array = p._a
                batch = (*numbers.values(), type(array), array.dtype, index_of(array))
                if batch in batches:
                    batches[batch][1].append(p)
                else:
                    batches[batch] = (numbers, [p])
            for numbers, params in batches.values():
                self._run_batch(functools.partial(type(self)._rule, **options, **numbers), params, keys)
        return loss

    def _prepare(self, p: Tensor, group: dict[str, Any], held: Sequence[str]) -> dict[str, Any]:
        """Make the state of a parameter complete, and give the numbers of its step."""
        state = self.state[p]
        if not state:
            self._start(state, p, group)
        step = state.get("step")
        if isinstance(step, Tensor) and type(step._a) is not np.ndarray:
            _to_host(state)
        numbers = self._numbers(group, state)
        for key in held:
            if state.get(key) is None:
                state[key] = zeros_like(p)
        return numbers

    # The form for graphs: numbers on the device

    def _is_device_form(self, group: dict[str, Any]) -> bool:
        if self._fed is None and not group.get("capturable"):
            return False
        return not group.get("differentiable") and all(is_on_device(p) for p in group["params"])

    def _feed(self, names: Sequence[Sequence[str]] | None) -> None:
        """Take options from arrays of the device from now on: for each group the names of those that may change from
        step to step. None goes back to numbers of the host."""
        self._fed = None if names is None else [
            Fed(group, some, group["params"][0]._a) if some and self._is_fed(group) else None
            for group, some in zip(self.param_groups, names, strict=True)
        ]  # fmt: skip

    @staticmethod
    def _is_fed(group: dict[str, Any]) -> bool:
        return bool(group["params"]) and is_on_device(group["params"][0])

    def _bring(self) -> None:
        """Let the device know what schedules have changed; before a step or a replay."""
        for fed, group in zip(self._fed or (), self.param_groups, strict=False):
            if fed is not None:
                fed.bring(group)

    def _step_on_device(self, number: int, group: dict[str, Any], keys: tuple[str | None, ...]) -> None:
        fed = self._fed[number] if self._fed is not None and number < len(self._fed) else None
        if current.capture is None and fed is not None:
            fed.bring(group)
        group = _capturable.with_device_numbers(group, fed)
        found = getattr(self, "found_inf", None)
        found = None if found is None else found._a
        options = self._options(group)
        for numbers, params in self._cohorts(group, keys, found):
            rule: Any = functools.partial(type(self)._rule, **options, **numbers)
            self._run_batch(rule if found is None else _capturable.unless(found, rule), params, keys)

    def _cohorts(
        self, group: dict[str, Any], keys: tuple[str | None, ...], found: Any
    ) -> list[tuple[dict[str, Any], list[Tensor]]]:
        """The parameters that have a gradient, by what they can share, with the numbers of their step."""
        params = list(each_with_gradient(group))
        if any(keys):
            self._make_states(params, group, keys)
        numbers: dict[Any, dict[str, Any]] = {}
        cohorts: dict[Any, list[Tensor]] = {}
        for p in params:
            state = self.state[p] if any(keys) else {}
            count_of: Any = id(state["step"]) if "step" in state else tuple(self._numbers(group, state).values())
            if count_of not in numbers:
                put_back = None if found is None else _capturable.keep_numbers(found, state)
                numbers[count_of] = self._numbers(group, state)
                if put_back is not None:
                    put_back()
            cohorts.setdefault((count_of, type(p._a), p._a.dtype, index_of(p._a)), []).append(p)
        for p in params:
            for key in filter(None, keys):
                if self.state[p].get(key) is None:
                    self.state[p][key] = zeros_like(p)
        return [(numbers[key[0]], cohort) for key, cohort in cohorts.items()]

    def _make_states(self, params: list[Tensor], group: dict[str, Any], keys: tuple[str | None, ...]) -> None:
        for p in params:
            state = self.state[p]
            if current.capture is not None and (not state or any(key and state.get(key) is None for key in keys)):
                raise CaptureError(
                    f"the optimizer makes its state while a graph is captured, at {line_here()}: each replay would "
                    "make it anew; let it make a step before the capture"
                )
            if not state:
                self._start(state, p, group)
        states = [(p, self.state[p]) for p in params]
        _capturable.bring_numbers(states)
        _capturable.separate_counts(group, self.state, params)

    def _run_batch(self, rule: Callable[..., None], params: list[Tensor], keys: Sequence[str | None]) -> None:
        """Update parameters of one dtype on one device, with equal numbers."""
        array = params[0]._a
        table = tables[type(array)]
        with table.backend_.use(table.backend_.index_of(array)):
            if len(params) > 1 and len(set(map(id, params))) < len(params):  # who stands there twice is updated twice
                for p in params:
                    self._run_flat(rule, [p], keys)
            elif table.has_kernel_("multi_update") and self._run_at_once(rule, params, keys):
                pass
            elif array.dtype.kind == "c":  # as pairs of real numbers
                self._run_flat(rule, params, keys)
            else:
                self._run_small_and_large(rule, params, keys)

    def _run_small_and_large(self, rule: Callable[..., None], params: list[Tensor], keys: Sequence[str | None]) -> None:
        """Small ones end to end and the large ones, in one go that threads share."""
        flat = None
        if any(keys) and len(params) > 1:
            small = [p for p in params if p._a.size <= SMALL]
            if len(small) > 1:
                flat = self._flat_of(small, keys)
                params = [p for p in params if p._a.size > SMALL] if len(small) < len(params) else []
        arrays = self._arrays_of(params, keys)
        if flat is not None:
            arrays.append(flat.load(small))
        run_all(rule, tables[type(arrays[0][0])].backend_.xp, arrays)
        if flat is not None:
            flat.store(small)
        for p in params:
            p._vc[0] += 1

    def _arrays_of(self, params: list[Tensor], keys: Sequence[str | None]) -> list[tuple[Any, ...]]:
        """For each parameter its array, those of its state, and its gradient's."""
        if not any(keys):
            return [(p._a, *keys, p._grad._a) for p in params]
        return [
            (p._a, *[None if key is None else self._state_array(self.state[p], key, p) for key in keys], p._grad._a)
            for p in params
        ]

    def _run_at_once(self, rule: Callable[..., None], params: list[Tensor], keys: Sequence[str | None]) -> bool:
        """All parameters in one go, if the backend can."""
        arrays = self._arrays_of(params, keys)
        done = all_at_once(getattr(rule, "__wrapped__", rule), arrays, getattr(rule, "found_inf", None))
        if done:
            for p in params:
                p._vc[0] += 1
        return done

    def _run_flat(self, rule: Callable[..., None], params: list[Tensor], keys: Sequence[str | None]) -> None:
        self._flat_of(params, keys).run(rule, params)

    def _flat_of(self, params: list[Tensor], keys: Sequence[str | None]) -> Flat:
        """The flat arrays of these parameters and their state."""
        flats: dict[Any, Flat] = self.__dict__.setdefault("_flats", {})
        states = [self.state[p] for p in params] if any(keys) else [{}] * len(params)
        array = params[0]._a
        name = (*map(id, params), keys, type(array), array.dtype, index_of(array))
        flat = flats.get(name)
        if flat is None or not flat.is_current(states):
            if current.capture is not None and any(keys):
                raise CaptureError(
                    f"the optimizer gathers its state while a graph is captured, at {line_here()}; let it make "
                    "a step with the same gradients before the capture"
                )
            for key in filter(None, keys):
                for state, p in zip(states, params, strict=True):
                    self._state_array(state, key, p)
            ours = set(map(id, params))
            for other in [n for n in flats if not ours.isdisjoint(n)]:  # their state moves out
                del flats[other]
            flat = flats[name] = Flat(params, states, keys)
        return flat

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
    if not isinstance(value, Tensor):
        value = state[key] = host_number(float(value))
    return value


def _to_host(state: dict[str, Any]) -> None:
    """Bring the numbers of a state back from the device."""
    for name in _capturable.HOST_NUMBERS:
        if name in state:
            state[name] = host_number(float(state[name]))


def count(state: dict[str, Any]) -> Any:
    """Add one to the number of steps of a parameter."""
    step = number_in(state, "step")._a
    if type(step) is np.ndarray:
        step[()] = step.item() + 1  # in a tenth of the time of ``step += 1``
    else:
        step += 1
    return value_of(step)


def with_decay(xp: Any, p: Any, g: Any, weight_decay: float, maximize: bool) -> Any:
    """The gradient of the function that is minimized, with the L2 penalty."""
    if maximize:
        g = -g
    if weight_decay:
        g = g + weight_decay * p
    return g
