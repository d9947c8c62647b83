"""The numbers of an optimizer on the device, for steps that are captured in a graph.

A graph repeats the numbers of the host that it was captured with. So the learning rate (and whatever else a schedule
changes) lies in an array of the device that is written before each replay, and the counts of steps are arrays of the
device that the step itself counts up. What a rule makes of these numbers is computed in float64, as on the host, and
cast where it meets an array (`on`), so that both forms give the same bits.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._core.tensor_base import wrap
from ..backends.capture import CaptureError, current, line_here
from ..backends.registry import tables
from ..tensor import Tensor

HOST_NUMBERS = ("step", "mu_product", "eta", "mu")
"""State that is on the host in full precision, so that no step waits for the device; here it is on the device."""

FED = ("lr", "momentum", "betas")
"""Options that rules take as arrays of the device."""


def on(number: Any, like: Any) -> Any:
    """A number as a rule combines it with an array: a float as it is, an array of the device in the array's dtype."""
    return number if type(number) is float else number.astype(like.dtype)


def root(number: Any) -> Any:
    """The square root of a float or of an array of the device."""
    return math.sqrt(number) if type(number) is float else number**0.5


def at_least(bound: float, number: Any) -> Any:
    """The larger of the two."""
    return max(bound, number) if type(number) is float else number.clip(bound)


def as_number(value: Any) -> Any:
    """An option as a float, or as the array of the device that stands in its place."""
    return value if hasattr(value, "astype") and not isinstance(value, np.generic | Tensor) else float(value)


def value_of(array: Any) -> Any:
    """A number of the state, to calculate with."""
    return float(array) if type(array) is np.ndarray else array.astype(np.float64)


def is_on_device(p: Tensor) -> bool:
    """Whether a parameter is on a device that works on its own."""
    return not tables[type(p._a)].backend_.checks_indices


class Fed:
    """Options of one group in an array of the device, by name."""

    def __init__(self, group: dict[str, Any], names: Sequence[str], like: Any) -> None:
        self.names = tuple(names)
        self.backend = tables[type(like)].backend_
        self._values = self._read(group)
        with self.backend.use(self.backend.index_of(like)):
            self._block = self.backend.xp.empty(len(self._values), np.float64)
            self.backend.write(self._block, np.array(self._values, np.float64))
        self._like = like

    def _read(self, group: dict[str, Any]) -> list[float]:
        found: list[float] = []
        for name in self.names:
            value = group[name]
            found += [float(part) for part in value] if isinstance(value, tuple | list) else [float(value)]
        return found

    def bring(self, group: dict[str, Any]) -> None:
        """Write what has changed since the last time."""
        values = self._read(group)
        if values != self._values:
            self._values = values
            with self.backend.use(self.backend.index_of(self._like)):
                self.backend.write(self._block, np.array(values, np.float64))

    def arrays(self, group: dict[str, Any]) -> dict[str, Any]:
        """The options as arrays without dimensions."""
        found: dict[str, Any] = {}
        place = 0
        for name in self.names:
            if isinstance(group[name], tuple | list):
                found[name] = tuple(self._block[place + i] for i in range(len(group[name])))
                place += len(group[name])
            else:
                found[name] = self._block[place]
                place += 1
        return found


def with_device_numbers(group: dict[str, Any], fed: Fed | None) -> dict[str, Any]:
    """The options of a group, with arrays of the device for those that are fed or that are tensors on the device."""
    changed = {} if fed is None else fed.arrays(group)
    for name in FED:
        value = group.get(name)
        if name not in changed and isinstance(value, Tensor) and is_on_device(value):
            changed[name] = value._a.reshape(()).astype(np.float64)
    return {**group, **changed} if changed else group


def bring_numbers(states: Sequence[tuple[Tensor, dict[str, Any]]]) -> None:
    """Move the counts of steps to the device. Parameters with equal ones share one, which is then counted up once."""
    made: dict[Any, dict[str, Tensor]] = {}
    for p, state in states:
        held = [name for name in HOST_NUMBERS if name in state and not _is_there(state[name], p)]
        if not held:
            continue
        key = (p.device, *((name, float(state[name])) for name in held))
        if key not in made:
            if current.capture is not None:
                raise CaptureError(
                    f"the optimizer's state is on the host while a graph is captured, at {line_here()}; let it make a "
                    "few steps with capturable=True before the capture"
                )
            made[key] = {name: _on_device(float(state[name]), p) for name in held}
        state.update(made[key])


def _is_there(value: Any, p: Tensor) -> bool:
    return isinstance(value, Tensor) and type(value._a) is type(p._a)


def _on_device(value: float, p: Tensor) -> Tensor:
    backend = tables[type(p._a)].backend_
    with backend.use(backend.index_of(p._a)):
        return wrap(backend.xp.full((), value, np.float32))


def separate_counts(group: dict[str, Any], states: Any, stepping: Sequence[Tensor]) -> None:
    """Give parameters that make a step a count of their own, where they share one with others that make none."""
    shared = Counter(id(states[p].get("step")) for p in group["params"] if p in states)
    moving = Counter(id(states[p].get("step")) for p in stepping)
    split: dict[int, dict[str, Tensor]] = {}
    for p in stepping:
        state = states[p]
        key = id(state.get("step"))
        if "step" not in state or shared[key] == moving[key]:
            continue
        if current.capture is not None:
            raise CaptureError(
                f"parameters without a gradient share the count of steps of others while a graph is captured, at "
                f"{line_here()}; let the optimizer make a step with the same gradients before the capture"
            )
        if key not in split:
            split[key] = {name: state[name].clone() for name in HOST_NUMBERS if name in state}
        state.update(split[key])


def unless(found: Any, rule: Callable[..., None]) -> Callable[..., None]:
    """A rule that leaves everything as it was where ``found`` is not 0: a step with gradients that are not finite."""

    @functools.wraps(rule)
    def kept(xp: Any, *arrays: Any) -> None:
        before = [None if a is None else a.copy() for a in arrays[:-1]]
        rule(xp, *arrays)
        for array, old in zip(arrays[:-1], before, strict=True):
            if array is not None:
                array[...] = xp.where(found, old, array)

    kept.found_inf = found  # type: ignore[attr-defined]
    return kept


def keep_numbers(found: Any, state: dict[str, Any]) -> Callable[[], None]:
    """What puts the counts back where ``found`` is not 0, once they were counted up."""
    before = {name: state[name]._a.copy() for name in HOST_NUMBERS if name in state}

    def put_back() -> None:
        for name, old in before.items():
            array = state[name]._a
            array[...] = tables[type(array)].backend_.xp.where(found, old, array)

    return put_back
