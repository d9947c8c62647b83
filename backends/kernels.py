"""The kernel table: one look-up from an operation's name to the function that computes it on a device.

An operation has one generic body, an expression over the array namespace ``xp``. A backend may override it by name::

    @kernel("softmax", when=contiguous_float)
    def softmax(x, *, axis): ...

``table.softmax`` is the override where there is one, else the generic body bound to the backend's ``xp``. It is
resolved at first use and kept as an attribute of the table, so that a later call is one attribute look-up.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from .. import _index
from .._lazy import Registry
from .base import Backend

Body = Callable[..., Any]

GENERIC: Registry[Body] = Registry(_index.OPERATIONS)
"""Operation name -> generic body ``body(xp, *arrays, **attributes)``, or the name of a function of ``xp``."""

EXPLAIN = os.environ.get("NNLITE_EXPLAIN", "") not in ("", "0")


class Override:
    """A kernel that a backend registered: the function, the condition under which it applies, and the kernel, if any,
    that takes what it does not."""

    __slots__ = ("beneath", "function", "when")

    def __init__(self, function: Body, when: Callable[..., bool] | None, beneath: Override | None = None) -> None:
        self.function = function
        self.when = when
        self.beneath = beneath


Overrides = dict[str, Override] | Callable[[], dict[str, Override]]
"""Operation name -> kernel, or what gives it when the first operation is looked up."""


def kernel(
    name: str, *, table: dict[str, Override], when: Callable[..., bool] | None = None, above: bool = False
) -> Callable[[Body], Body]:
    """Register a function as the kernel of operation ``name`` in a backend's ``table``.

    ``when`` takes the same arguments and says whether the kernel can take them; where it is false the generic body
    runs. The function has the signature of the generic body without ``xp`` (a test checks it).

    Args:
        above: there may be a kernel for this operation; it goes on taking what ``when`` refuses.
    """

    def register(function: Body) -> Body:
        if name in table and not (above and when is not None):
            raise ValueError(f"kernel {name!r} is registered twice")
        table[name] = Override(function, when, table.get(name))
        return function

    return register


class KernelTable:
    """All operations of one backend, by name, as plain functions of arrays."""

    overrides_: dict[str, Override]

    def __init__(self, backend: Backend, overrides: Overrides | None = None) -> None:
        self.backend_ = backend
        self.late_overrides_ = overrides if callable(overrides) else (lambda: overrides or {})

    def __getattr__(self, name: str) -> Body:
        if name == "overrides_":
            self.overrides_ = self.late_overrides_()
            return self.overrides_  # type: ignore[return-value]
        try:
            GENERIC.find(name)
        except KeyError:
            raise AttributeError(f"no operation is called {name!r}") from None
        function = self.backend_.placed(name, self._resolve(name))
        setattr(self, name, function)
        return function

    def has_kernel_(self, name: str) -> bool:
        """Whether the backend registered a kernel for an operation."""
        return name in self.overrides_

    def _resolve(self, name: str) -> Body:
        body = GENERIC[name]
        xp = self.backend_.xp
        generic: Body = getattr(xp, body) if isinstance(body, str) else functools.partial(body, xp)
        override = self.overrides_.get(name)
        label = f"{self.backend_.name}.{name}"
        if override is None:
            return _explained(generic, label + " generic") if EXPLAIN else generic
        if EXPLAIN:
            generic = _explained(generic, label + " generic (the override does not take these arguments)")
        return _chosen(override, generic, label)


def _chosen(override: Override, generic: Body, label: str) -> Body:
    """The override where it applies, then those beneath it, then the generic body."""
    fast = _explained(override.function, label + " override") if EXPLAIN else override.function
    when = override.when
    if when is None:
        return fast
    other = generic if override.beneath is None else _chosen(override.beneath, generic, label)

    def choose(*args: Any, **attributes: Any) -> Any:
        return fast(*args, **attributes) if when(*args, **attributes) else other(*args, **attributes)

    return choose


def _explained(function: Body, label: str) -> Body:
    @functools.wraps(function, assigned=())
    def traced(*args: Any, **attributes: Any) -> Any:
        shapes = ", ".join(str(tuple(a.shape)) for a in args if hasattr(a, "shape"))
        print(f"nnlite: {label} {shapes}", file=sys.stderr)
        return function(*args, **attributes)

    return traced
