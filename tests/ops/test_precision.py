"""Float32 in, float32 at every step inside: no operation makes a float64 array on the way, forward or backward."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from op_specs import SPECS
from op_specs.base import OpSpec
from ops.test_specs import draws, several, tensors

import nnlite
from nnlite.backends.strict.array import StrictArray
from nnlite.backends.strict.memory import Memory

DEVICE = "strict"
"""All arrays of this device, also those between two steps of an expression, come through one function."""

ON_PURPOSE: dict[str, str] = {
    "cast": "it converts to float64 as well",
}
"""Specs that make float64 arrays, and why."""


def place() -> str:
    """The line of the package that is being computed."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "/backends/" in frame.f_code.co_filename:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


@contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Notes the lines that make arrays of double precision."""
    found: list[str] = []
    add = Memory.add

    def noted(memory: Memory, array: StrictArray, nbytes: int) -> None:
        if array.dtype.char in "dD":
            found.append(place())
        add(memory, array, nbytes)

    with monkeypatch.context() as patch:
        patch.setattr(Memory, "add", noted)
        yield found


def asks_for_double(kwargs: dict[str, Any]) -> bool:
    return any(value in (nnlite.float64, nnlite.complex128) for value in kwargs.values() if type(value) is nnlite.dtype)


def compute(spec: OpSpec, given: list[Any], kwargs: dict[str, Any]) -> None:
    """Forward, backward, and backward of backward where there is one."""
    leaves = [t for t in given if isinstance(t, nnlite.Tensor) and t.requires_grad]
    outs = [r for r in several(spec.call(*given, **kwargs)) if r.requires_grad]
    if not outs or not leaves:
        return
    incoming = [nnlite.ones_like(r).requires_grad_() for r in outs]
    nnlite.autograd.grad(outs, leaves, incoming, allow_unused=True, retain_graph=True)
    if spec.second:
        grads = nnlite.autograd.grad(outs, leaves, incoming, allow_unused=True, create_graph=True)
        total = sum((g * g).sum() for g in grads if g is not None)
        if isinstance(total, nnlite.Tensor) and total.requires_grad:
            total.backward()


@pytest.mark.parametrize(
    "spec", [s for s in SPECS if "float32" in s.dtypes and s.id not in ON_PURPOSE], ids=lambda spec: spec.id
)
def test_float32_stays_float32(spec, monkeypatch):
    for args, kwargs in spec.samples(draws()):
        if asks_for_double(kwargs):
            continue
        given = tensors(spec, args, DEVICE, "float32", grad=True)
        with watched(monkeypatch) as found:
            compute(spec, given, kwargs)
        assert not found, f"{spec.id}{kwargs}: float64 at {sorted(set(found))}"


def test_exceptions_are_specs():
    assert not set(ON_PURPOSE) - {spec.id for spec in SPECS}


def test_a_float64_array_on_the_way_is_found(monkeypatch):
    x = nnlite.ones(3, device=DEVICE)
    with watched(monkeypatch) as found:
        (x * 2 + 1).sum()
    assert not found
    with watched(monkeypatch) as found:
        (x.double() * 2).float()
    assert len(found) == 2
