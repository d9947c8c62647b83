"""Which dimensions of the inputs are dynamic, and recordings with other sizes of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .._core.op import TensorBase
from .._core.tensor_base import wrap
from ..autograd._pytree import flatten
from ..backends import backend_of
from ._recording import Recording, record
from ._sizes import RECORDINGS, Symbol, plans
from .errors import DynamicSizeError, OnnxExporterError

TRIES = 60
"""After so many sizes that the model does not take it is refused."""

Axes = dict[tuple[int, int], str]
"""(number of the input, axis) -> the name of the dimension."""


def from_dynamic_axes(spec: Mapping[str, Any], inputs: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> Axes:
    """The dimensions that ``dynamic_axes`` names, ``{input: {axis: name}}`` or ``{input: [axis, ...]}``.

    What it says of outputs follows from the inputs.
    """
    found: Axes = {}
    for name, axes in spec.items():
        if name not in inputs:
            continue
        position = inputs.index(name)
        pairs = axes.items() if isinstance(axes, Mapping) else [(axis, f"{name}_dynamic_axes_{axis}") for axis in axes]
        for axis, label in pairs:
            found[position, _axis(name, axis, shapes[position])] = _label(label)
    return found


def _axis(name: str, axis: Any, shape: tuple[int, ...]) -> int:
    if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        raise ValueError(f"dynamic axis {axis!r} of input {name!r}: it has {len(shape)} dimensions")
    return axis % len(shape)


def _label(label: Any) -> str:
    """A name, or what has one, such as ``Dim("batch")``."""
    name = label if isinstance(label, str) else getattr(label, "__name__", None)
    if not isinstance(name, str) or not name:
        raise ValueError(f"a dynamic dimension is given by its name, got {label!r}")
    return name


def from_dynamic_shapes(spec: Any, args: tuple[Any, ...], kwargs: dict[str, Any], parameters: Sequence[str]) -> Axes:
    """The dimensions that ``dynamic_shapes`` names.

    It has the structure of the arguments, with ``{axis: name}``, a tuple with a name or None for each axis, or None in
    place of each tensor. At the top it may be a dictionary by the names of ``forward``'s parameters.
    """
    found: Axes = {}
    if isinstance(spec, Mapping):
        given = [spec.get(name) for name in parameters[: len(args)]]
        rest = {name: spec.get(name) for name in kwargs}
        unknown = set(spec) - set(parameters[: len(args)]) - set(kwargs)
        if unknown:
            raise ValueError(f"dynamic_shapes names {sorted(unknown)}, which are no arguments of this call")
    else:
        given, rest = list(spec), {}
        if len(given) != len(args) + len(kwargs):
            raise ValueError(f"dynamic_shapes has {len(given)} entries for {len(args) + len(kwargs)} arguments")
        rest = dict(zip(kwargs, given[len(args) :], strict=True))
    counter = [0]
    for value, part in zip((*args, *kwargs.values()), (*given[: len(args)], *rest.values()), strict=True):
        _collect(value, part, found, counter)
    return found


def _collect(value: Any, spec: Any, found: Axes, counter: list[int]) -> None:
    if isinstance(value, TensorBase):
        position = counter[0]
        counter[0] += 1
        pairs = spec.items() if isinstance(spec, Mapping) else enumerate(spec or ())
        for axis, label in pairs:
            if label is not None:
                found[position, _axis(f"argument {position}", axis, value.shape)] = _label(label)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            _collect(part, spec.get(key) if isinstance(spec, Mapping) else None, found, counter)
    elif isinstance(value, tuple | list):
        for i, part in enumerate(value):
            _collect(part, spec[i] if isinstance(spec, tuple | list) and i < len(spec) else None, found, counter)


# ---------------------------------------------------------------------------------------------------------------------


def resized(array: Any, sizes: Mapping[int, int]) -> Any:
    """The array with other sizes: cut off, or repeated from the beginning, so that its values stay possible ones."""
    xp = backend_of(array).xp
    for axis, size in sizes.items():
        if size != array.shape[axis]:
            places = xp.asarray(np.arange(size) % max(array.shape[axis], 1))
            array = xp.take(array, places, axis=axis)
    return array


def recorded(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], axes: Axes) -> tuple[list[Recording], Any]:
    """Recordings of the model with different sizes of the dynamic dimensions, and these dimensions.

    Raises:
        DynamicSizeError: the model runs with none of the other sizes that were tried.
    """
    leaves, rebuild = flatten((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, TensorBase)]
    if not axes:
        return [record(model, args, kwargs)], []
    shapes = [tuple(t._a.shape) for t in tensors]
    names = list(dict.fromkeys(axes.values()))
    first = {name: next(shapes[i][axis] for (i, axis), n in axes.items() if n == name) for name in names}
    last: Exception | None = None
    for sizes in itertools.islice(_candidates(names, first), TRIES):
        try:
            found = [_one(model, leaves, rebuild, axes, sizes, k) for k in range(RECORDINGS)]
        except OnnxExporterError:
            raise
        except Exception as error:  # the model does not take these sizes
            last = error
            continue
        return found, [Symbol(name, i, axis, sizes[name]) for (i, axis), name in axes.items()]
    raise DynamicSizeError(
        "nnlite.onnx.export(): the model runs with none of the other sizes of the dynamic dimensions "
        f"{names} that were tried; the last error was {type(last).__name__}: {last}"
    ) from last


def _candidates(names: list[str], first: Mapping[str, int]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Sizes of all dimensions in all recordings, the most likely to be possible first.

    Dimensions of one size may have to stay equal whatever their names are; so this is tried for each way, too.
    """
    together = list(dict.fromkeys(first[name] for name in names))
    numbers = [{name: i for i, name in enumerate(names)}]
    if len(together) < len(names):
        numbers.append({name: together.index(first[name]) for name in names})
    kinds = sorted(itertools.product(range(5), repeat=min(len(names), 3)), key=lambda chosen: (sum(chosen), chosen))
    for chosen in kinds:
        for number in numbers:
            found = {name: plans(first[name], number[name]) for name in names}
            picked = {name: chosen[min(i, len(chosen) - 1)] for i, name in enumerate(names)}
            if all(picked[name] < len(found[name]) for name in names):
                yield {name: found[name][picked[name]] for name in names}


def _one(model: Any, leaves: Any, rebuild: Any, axes: Axes, sizes: Mapping[str, Any], k: int) -> Recording:
    given, position = [], 0
    for leaf in leaves:
        if isinstance(leaf, TensorBase):
            own = {axis: sizes[name][k] for (i, axis), name in axes.items() if i == position}
            given.append(wrap(resized(leaf._a, own)) if own else leaf)
            position += 1
        else:
            given.append(leaf)
    args, kwargs = rebuild(given)
    return record(model, args, kwargs)
