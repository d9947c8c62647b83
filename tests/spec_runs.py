"""Samples run on a device, and what of the kernel table they run."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from op_specs import SPECS
from op_specs.base import OpSpec

import nnlite
import nnlite.optim  # its update rules stand in the kernel table
from nnlite._core.op import OPS
from nnlite.backends import backend_for
from nnlite.backends.kernels import KernelTable, Override
from nnlite.backends.registry import tables


def draws() -> np.random.Generator:
    return np.random.default_rng(7)


def is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.floating) and np.asarray(value).dtype == np.float64


def inputs_of(spec: OpSpec, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The positions of the arguments that get a gradient."""
    return tuple(i for i, a in enumerate(args) if is_float(a)) if spec.inputs is None else spec.inputs


def tensors(spec: OpSpec, args: tuple[Any, ...], device: str, dtype: str = "float64", grad: bool = False) -> list[Any]:
    """The sample's arguments on a device: float64 arrays in ``dtype``, other arrays in their own."""
    wanted = inputs_of(spec, args) if grad else ()
    out = []
    for i, a in enumerate(args):
        if is_float(a):
            a = nnlite.tensor(np.asarray(a), dtype=getattr(nnlite, dtype), device=device, requires_grad=i in wanted)
        elif isinstance(a, np.ndarray):
            a = nnlite.tensor(a, device=device)
        out.append(a)
    return out


def several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple) else (value,)


@contextlib.contextmanager
def fresh_table(device: str, overrides: bool = True) -> Iterator[KernelTable]:
    """The device's kernel table with nothing resolved yet, and without its overrides if so asked."""
    array_type = backend_for(device.split(":")[0]).array_type
    table = tables[array_type]
    kept = dict(table.__dict__)
    resolved = {name: op.impl.pop(array_type, None) for name, op in OPS.items()}
    table.__dict__.clear()
    table.__dict__.update(backend_=kept["backend_"], overrides_=kept["overrides_"] if overrides else {})
    try:
        yield table
    finally:
        table.__dict__.clear()
        table.__dict__.update(kept)
        for name, op in OPS.items():
            op.impl.pop(array_type, None)
            if resolved[name] is not None:
                op.impl[array_type] = resolved[name]


def noting(name: str, write: Any, names: set[str]) -> Any:
    def noted(*args: Any, **kwargs: Any) -> None:
        names.add(name)
        write(*args, **kwargs)

    return noted


def operations_run(spec: OpSpec, device: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names that forward, backward and double backward ask the kernel table for, and those that write in place."""
    names: set[str] = set()
    resolve = KernelTable._resolve
    monkeypatch.setattr(KernelTable, "_resolve", lambda table, name: names.add(name) or resolve(table, name))
    for name, op in OPS.items():
        if op.write is not None:
            monkeypatch.setattr(op, "write", noting(name, op.write, names))
    with fresh_table(device):
        for args, kwargs in spec.samples(draws()):
            given = tensors(spec, args, device, grad=True)
            leaves = [t for t in given if isinstance(t, nnlite.Tensor) and t.requires_grad]
            outs = [r for r in several(spec.call(*given, **kwargs)) if r.requires_grad]
            if not outs or not leaves:
                continue
            incoming = [nnlite.ones_like(r).requires_grad_() for r in outs]
            nnlite.autograd.grad(outs, leaves, incoming, allow_unused=True, retain_graph=True)
            grads = nnlite.autograd.grad(outs, leaves, incoming, allow_unused=True, create_graph=True)
            total = sum((g * g).sum() for g in grads if g is not None)
            if isinstance(total, nnlite.Tensor) and total.requires_grad:
                with contextlib.nullcontext() if spec.second else contextlib.suppress(NotImplementedError):
                    total.backward()
    return names


def stands_in(override: Override | None, folder: str) -> bool:
    """Whether a kernel, or one beneath it, is a function of a module whose name contains ``folder``."""
    if override is None:
        return False
    function: Any = override.function
    while isinstance(function, functools.partial):
        function = function.func
    return folder in function.__module__ or stands_in(override.beneath, folder)


def specs_with_kernels(folder: str, devices: list[str]) -> set[str]:
    """The ids of the specs that run an operation with a kernel of ``folder``, be it in a derivative."""
    found = set()
    for device in devices:
        overrides = tables[backend_for(device.split(":")[0]).array_type].overrides_
        kernels = {name for name, override in overrides.items() if stands_in(override, folder)}
        for spec in SPECS:
            with pytest.MonkeyPatch.context() as monkeypatch:
                if not kernels.isdisjoint(operations_run(spec, device, monkeypatch)):
                    found.add(spec.id)
    return found
