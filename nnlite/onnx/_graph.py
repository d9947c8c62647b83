"""The file's graph while it is written: names, nodes, initializers, and formulas of dynamic sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._sizes import Dim, Formula, Symbol, formula
from ._traced import Value
from .errors import DynamicSizeError

INT64_MAX = np.iinfo(np.int64).max


def tensor_type(dtype: Any) -> int:
    """ONNX's number of a NumPy dtype."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class Graph:
    """What has been written so far.

    Attributes:
        opset: the version of the operators.
        names: value key -> name.
        shapes: value key -> shape, integers or dimensions.
    """

    def __init__(self, opset: int, symbols: list[Symbol]) -> None:
        self.opset = opset
        self.symbols = symbols
        self.nodes: list[Any] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.names: dict[Any, str] = {}
        self.shapes: dict[Any, tuple[Any, ...]] = {}
        self.prefix = ""
        self._used: set[str] = set()
        self._known: dict[Any, str] = {}
        self._recent: list[tuple[Any, int, tuple[int, ...]]] = []

    # -- names --------------------------------------------------------------------------------------------------------

    def fresh(self, wanted: str) -> str:
        """A name that nothing has yet."""
        name, number = wanted, 0
        while name in self._used:
            number += 1
            name = f"{wanted}_{number}"
        self._used.add(name)
        return name

    def define(self, value: Value, name: str, shape: tuple[Any, ...]) -> None:
        """Say which name a value has."""
        self.names[value.key] = name
        self.shapes[value.key] = shape
        for axis, size in enumerate(shape):
            if isinstance(size, Dim):
                self._recent.insert(0, (value.key, axis, size.values))

    # -- nodes --------------------------------------------------------------------------------------------------------

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; the name of its output, or a list of names."""
        from onnx import helper

        label = self.fresh(f"{self.prefix}/{kind}")
        outs = [self.fresh(f"{label}_output_{i}") for i in range(outputs)]
        names = list(inputs)
        while names and not names[-1]:
            names.pop()
        attributes = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(helper.make_node(kind, names, outs, name=label, **attributes))
        return outs[0] if outputs == 1 else outs

    def constant(self, array: Any, dtype: Any = None) -> str:
        """The name of an initializer with these values."""
        array = np.asarray(array, dtype=dtype)
        key = (array.dtype, array.shape, array.tobytes()) if array.nbytes <= 4096 else (id(array),)
        name = self._known.get(key)
        if name is None:
            name = self._known[key] = self.fresh(
                f"constant_{sum(k.startswith('constant_') for k in self.initializers)}"
            )
            self.initializers[name] = array
        return name

    # -- sizes --------------------------------------------------------------------------------------------------------

    def size(self, dim: Dim, near: Any = ()) -> str:
        """The name of a tensor of shape (1,) with a dynamic size."""
        local = [(key, axis, n.values) for key in near for axis, n in enumerate(self.shapes[key]) if isinstance(n, Dim)]
        found = formula(dim.values, self.symbols, [*local, *self._recent])
        if found is None:
            raise DynamicSizeError(f"no formula of the dynamic dimensions gives the sizes {list(dim.values)}")
        return self._computed(found)

    def _computed(self, found: Formula) -> str:
        name = self._known.get(found)
        if name is not None:
            return name
        for term in found.terms:
            key, axis = term
            shape = self._known.get(term)
            if shape is None:
                shape = self._known[term] = self.node("Shape", self.names[key], start=axis, end=axis + 1)
            name = shape if name is None else self.node("Mul", name, shape)
        assert name is not None
        if found.factor != 1:
            name = self.node("Mul", name, self.constant([found.factor], np.int64))
        if found.offset:
            name = self.node("Add", name, self.constant([found.offset], np.int64))
        self._known[found] = name
        return name

    def ints(self, values: Any, near: Any = ()) -> str:
        """The name of a vector of integers, of which some may be dynamic."""
        values = list(values)
        if not any(isinstance(v, Dim) for v in values):
            return self.constant(np.array(values, np.int64))
        parts = []
        for v in values:
            parts.append(self.size(v, near) if isinstance(v, Dim) else self.constant([v], np.int64))
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=0)

    def scalar(self, value: Any, near: Any = ()) -> str:
        """The name of an integer without dimensions."""
        if not isinstance(value, Dim):
            return self.constant(np.int64(value))
        return self.node("Squeeze", self.size(value, near), self.constant([0], np.int64))
