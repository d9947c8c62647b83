"""Small parameters end to end in one array, so that an update rule goes over all of them with one call each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.tensor_base import wrap
from ..backends.registry import tables
from ..tensor import Tensor
from ._capturable import is_on_device
from ._update import Arrays, Rule, run

SMALL = 1 << 14
"""Elements up to which a parameter is worth copying into the flat array and back: a copy costs less than the calls."""


class Flat:
    """The parameters, gradients and state of several parameters of one dtype on one device, each in one flat array.

    The state lives here for good: the state tensors become views. Parameters and gradients belong to the model and are
    copied in and out. An array of complex numbers is seen as pairs of real ones, by which the rules are defined.
    """

    def __init__(self, params: Sequence[Tensor], states: Sequence[dict[str, Any]], keys: Sequence[str | None]) -> None:
        first = params[0]._a
        self.backend = tables[type(first)].backend_
        xp = self.backend.xp
        sizes = [p._a.size for p in params]
        ends = np.cumsum(sizes).tolist()
        spans = [(slice(end - size, end), p._a.shape) for size, end, p in zip(sizes, ends, params, strict=True)]
        self.parameter = xp.empty(ends[-1], first.dtype)
        self.gradient = xp.empty(ends[-1], first.dtype)
        self.parts = [self.parameter[span].reshape(shape) for span, shape in spans]
        self.gradient_parts = [self.gradient[span].reshape(shape) for span, shape in spans]
        self.on_device = is_on_device(params[0])
        self.held: dict[str, list[Any]] = {}
        self.columns: list[Any] = [_real(self.parameter)]
        for key in keys:
            if key is None:
                self.columns.append(None)
                continue
            column = xp.concatenate([state[key]._a.reshape(-1) for state in states])
            self.columns.append(_real(column))
            self.held[key] = [column[span].reshape(shape) for span, shape in spans]
            for state, view in zip(states, self.held[key], strict=True):
                if state[key]._view is None:
                    state[key]._a = view
                else:
                    state[key] = wrap(view)
        self.columns.append(_real(self.gradient))

    def is_current(self, states: Sequence[dict[str, Any]]) -> bool:
        """Whether the state tensors are still the views of this object: none was loaded, moved or replaced."""
        for key, views in self.held.items():
            for state, view in zip(states, views, strict=True):
                held = state.get(key)
                if held is None or held._a is not view:
                    return False
        return True

    def load(self, params: Sequence[Tensor]) -> Arrays:
        """Copy parameters and gradients in; the arrays for an update."""
        if self.on_device:  # two calls in place of two for each parameter
            xp = self.backend.xp
            xp.concatenate([p._a.reshape(-1) for p in params], out=self.parameter)
            xp.concatenate([p._grad._a.reshape(-1) for p in params], out=self.gradient)
        else:  # NumPy copies ten small arrays while it looks at the arguments of concatenate
            for p, part, gradient in zip(params, self.parts, self.gradient_parts, strict=True):
                part[...] = p._a
                gradient[...] = p._grad._a
        return tuple(self.columns)

    def store(self, params: Sequence[Tensor]) -> None:
        """Copy the parameters out."""
        for p, part in zip(params, self.parts, strict=True):
            p._a[...] = part
            p._vc[0] += 1

    def run(self, rule: Rule, params: Sequence[Tensor]) -> None:
        """One update of all parameters."""
        run(rule, self.backend.xp, self.load(params))
        self.store(params)


def _real(array: Any) -> Any:
    """An array of complex numbers as real ones."""
    if array.dtype.kind != "c":
        return array
    return array.view(np.float32 if array.dtype.itemsize == 8 else np.float64)
