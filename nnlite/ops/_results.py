"""Results with names: tuples that print as PyTorch's ``torch.return_types``."""

from __future__ import annotations

import functools
from typing import Any

from .._core.op import TensorBase
from ._public import put


class Named(tuple[Any, ...]):
    """A tuple whose elements have names."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__[7:]}(\n{parts})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self).__module__, type(self).__name__[7:], self._fields, tuple(self))


def _field(place: int, name: str) -> Any:
    return property(lambda self: self[place], doc=f"The element called {name}.")


@functools.cache
def named(module: str, name: str, *fields: str) -> type[Named]:
    """The class ``return_name`` of ``module``, of tuples with these fields."""
    space: dict[str, Any] = {f: _field(i, f) for i, f in enumerate(fields)}
    space.update(
        __slots__=(), _fields=fields, __module__=module, __doc__=f"The result of :func:`nnlite.{name}`: {fields}."
    )
    return type(f"return_{name}", (Named,), space)


def _rebuilt(module: str, name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Named:
    """What was pickled."""
    return named(module, name, *fields)(values)


def put_all(name: str, results: Named, out: Any, input: Any) -> Named:
    """Write each result to its tensor in ``out=``, which has to have its dtype and is not the input.

    Raises:
        TypeError: ``out`` is not a tuple of as many tensors.
        RuntimeError: see :func:`put`.
    """
    if not isinstance(out, list | tuple) or len(out) != len(results) or not all(isinstance(o, TensorBase) for o in out):
        raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, one for each of {results._fields}")
    return type(results)(put(result, o, input, exact=True) for result, o in zip(results, out, strict=True))
