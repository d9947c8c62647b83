"""What the translation of one call sees: its operands by their names in the file, sizes, dtypes and attributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._graph import Graph, tensor_type
from ._recording import Constant
from ._sizes import Dim, Each, Merged, Varying
from ._traced import Value
from ._varying import varying_constant
from .errors import DynamicSizeError, OnnxExporterError


class Context:
    """One call.

    Attributes:
        graph: what is written so far.
        args, attrs: of the call, as all recordings have them.
        makers: value key -> the call that made it.
    """

    def __init__(self, graph: Graph, merged: Merged, makers: dict[Any, Merged]) -> None:
        self.graph = graph
        self.merged = merged
        self.args = merged.args
        self.makers = makers
        self.opset = graph.opset

    # -- attributes ---------------------------------------------------------------------------------------------------

    def __getitem__(self, name: str) -> Any:
        """An attribute that is the same for all sizes; integers in it may be dynamic."""
        value = self.merged.attrs[name]
        if isinstance(value, Each):
            raise DynamicSizeError(f"its argument {name!r} depends on a dynamic dimension")
        return value

    def each(self, name: str) -> tuple[Any, ...]:
        """An attribute as each recording has it."""
        return tuple(call.attrs[name] for call in self.merged.calls)

    def fixed(self, name: str) -> Any:
        """An attribute without dynamic sizes."""
        value = self[name]
        if _has_dim(value):
            raise DynamicSizeError(f"its argument {name!r} depends on a dynamic dimension")
        return value

    # -- operands -----------------------------------------------------------------------------------------------------

    def name_of(self, operand: Any, dtype: Any = None) -> str:
        """The name of a value, constant or number; ``""`` for None. Numbers get this dtype."""
        if operand is None:
            return ""
        if isinstance(operand, Value):
            name = self.graph.names.get(operand.key)
            if name is None:
                raise OnnxExporterError("it uses a result that is only computed for derivatives")
            return name
        if isinstance(operand, Constant):
            return self.graph.constant(operand.array)
        if isinstance(operand, Varying):
            return varying_constant(self.graph, operand.arrays)
        if isinstance(operand, Dim):
            return self.op("Cast", self.graph.scalar(operand), to=tensor_type(dtype))
        if isinstance(operand, Each):
            if all(isinstance(v, float) and v.is_integer() for v in operand.values):
                return self.name_of(Dim([int(v) for v in operand.values]), dtype)
            raise DynamicSizeError("a number depends on a dynamic dimension")
        return self.graph.constant(operand, dtype)

    def x(self, position: int = 0) -> str:
        """The name of an operand; numbers have the dtype of the first array."""
        if position >= len(self.args):
            return ""
        return self.name_of(self.args[position], self.kind)

    @property
    def kind(self) -> Any:
        """The dtype of the first operand that is an array."""
        return next(found for found in map(self.dtype, range(len(self.args))) if found is not None)

    def dtype(self, position: int = 0) -> Any:
        """The dtype of an operand, None for a number."""
        operand = self.args[position]
        if isinstance(operand, Value):
            return operand.dtype
        if isinstance(operand, Constant):
            return operand.array.dtype
        return operand.arrays[0].dtype if isinstance(operand, Varying) else None

    def shape(self, position: int = 0) -> tuple[Any, ...]:
        """The shape of an operand; sizes may be dynamic."""
        return self.shape_of(self.args[position])

    def shape_of(self, operand: Any) -> tuple[Any, ...]:
        if isinstance(operand, Value):
            return self.graph.shapes[operand.key]
        if isinstance(operand, Constant):
            return operand.array.shape
        if isinstance(operand, Varying):
            from ._sizes import merge

            return merge([a.shape for a in operand.arrays])
        return ()

    @property
    def out_shape(self) -> tuple[Any, ...]:
        return self.merged.shapes[0]

    @property
    def out_dtype(self) -> Any:
        return self.merged.dtypes[0]

    @property
    def near(self) -> list[Any]:
        """The operands that formulas of sizes look at first."""
        return [a.key for a in self.args if isinstance(a, Value)]

    # -- nodes --------------------------------------------------------------------------------------------------------

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Write a node."""
        return self.graph.node(kind, *inputs, outputs=outputs, **attributes)

    def const(self, value: Any, dtype: Any = None) -> str:
        """A constant; numbers have the dtype of the first array."""
        return self.graph.constant(value, self.kind if dtype is None else dtype)

    def ints(self, values: Any) -> str:
        """A vector of integers, of which some may be dynamic."""
        return self.graph.ints(values, self.near)

    def cast(self, name: str, dtype: Any) -> str:
        return self.op("Cast", name, to=tensor_type(dtype))

    def reshape(self, name: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> str:
        """``name``, of shape ``before``, in another shape."""
        if before == after:
            return name
        if [n for n in before if n != 1] == [n for n in after if n != 1]:
            return self._ones_moved(name, before, after)
        dims = [i for i, n in enumerate(after) if isinstance(n, Dim)]
        target: list[Any] = list(after)
        if dims and not any(n == 0 for n in after):
            target[dims[0] if len(dims) == 1 else dims[-1]] = -1
            for i in dims:
                if isinstance(target[i], Dim) and i < len(before) and before[i] == target[i]:
                    target[i] = 0
        return self.op("Reshape", name, self.ints(target))

    def _ones_moved(self, name: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> str:
        """Dimensions of size 1 left out and put in."""
        out = [i for i, n in enumerate(before) if n == 1]
        put = [i for i, n in enumerate(after) if n == 1]
        while out and put and out[-1] - len(before) == put[-1] - len(after):  # these stay where they are
            out.pop()
            put.pop()
        while out and put and out[0] == put[0]:
            del out[0], put[0]
        if out:
            name = self.op("Squeeze", name, self.ints(out))
        return self.op("Unsqueeze", name, self.ints(put)) if put else name


def _has_dim(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_has_dim, value))
    if isinstance(value, slice):
        return any(map(_has_dim, (value.start, value.stop, value.step)))
    return isinstance(value, Dim | Each)


def as_bool(c: Context, position: int) -> str:
    """An operand as truth values."""
    kind = c.dtype(position)
    name = c.x(position)
    return name if kind is None or kind == np.bool_ else c.cast(name, np.bool_)
