"""PyTorch's optimizer database against nnlite: ``python tests/parity/optim_db.py [NAME ...]``.

Each configuration that ``optim_inputs_func`` gives is run in both libraries: 12 steps with the same gradients in
float32, float64 and, where PyTorch supports it, complex64; the parameters and all of the state are compared after each
step. Then nnlite's optimizer is made anew from PyTorch's state dict and both go on. ``optim_error_inputs_func`` gives
what must raise. The last line of each optimizer's report counts what was compared.
"""

from __future__ import annotations

import copy
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

import nnlite

STEPS = 12
STEPS_OF = {"LBFGS": 3}  # of 20 iterations each
SHAPES = [(), (5,), (3, 4), (2, 3, 2), (12, 10)]
MATRICES = [(3, 4), (5, 2), (12, 10)]

LEFT_OUT = {"SparseAdam": "nnlite has no sparse gradients"}
"""Optimizers that only raise NotImplementedError, with the reason."""

BFLOAT = 3e-2
"""PyTorch orthogonalizes Muon's step in bfloat16, nnlite in float32: they agree to bfloat16's precision of a step."""


def info_of(name: str) -> Any:
    return next(info for info in optim_db if info.optim_cls.__name__ == name)


def names() -> list[str]:
    return [info.optim_cls.__name__ for info in optim_db]


def dtypes(info: Any) -> list[str]:
    wide = "complex128" if info.optim_cls.__name__ == "LBFGS" else "complex64"
    return ["float32", "float64", *([wide] if info.supports_complex else [])]


def to_ours(value: Any) -> Any:
    """Options and parameters of a sample as nnlite's."""
    if isinstance(value, torch.Tensor):
        return nnlite.tensor(value.detach().numpy(), requires_grad=value.requires_grad)
    if isinstance(value, dict):
        return {key: to_ours(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        known: dict[int, Any] = {}
        items = [known.setdefault(id(v), to_ours(v)) if isinstance(v, torch.Tensor) else to_ours(v) for v in value]
        return type(value)(items)
    return value


def share(value: Any, known: dict[int, Any]) -> Any:
    """As `to_ours`, where one tensor of PyTorch's gives one of ours however often it occurs."""
    if isinstance(value, torch.Tensor):
        if id(value) not in known:
            known[id(value)] = to_ours(value)
            if value.grad is not None:
                known[id(value)].grad = to_ours(value.grad)
        return known[id(value)]
    if isinstance(value, dict):
        return {key: share(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(share(item, known) for item in value)
    return value


def numbers(shape: tuple[int, ...], dtype: str, seed: Any) -> Any:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values).astype(dtype)


def parameters(name: str, dtype: str, device: str) -> tuple[list[Any], list[Any]]:
    start = [numbers(s, dtype, i) for i, s in enumerate(MATRICES if name == "Muon" else SHAPES)]
    ours = [nnlite.tensor(a, device=device, requires_grad=True) for a in start]
    return ours, [torch.tensor(a, requires_grad=True) for a in start]


def one_step(step: int, dtype: str, ours: list[Any], theirs: list[Any], pair: tuple[Any, Any]) -> None:
    """The same gradients for both; a parameter now and then has none. LBFGS gets a closure."""
    if pair[0].__class__.__name__ == "LBFGS":
        for params, optimizer in ((ours, pair[0]), (theirs, pair[1])):
            optimizer.step(lambda params=params, optimizer=optimizer: closure(params, optimizer))
        return
    for number, (p, q) in enumerate(zip(ours, theirs, strict=True)):
        p.grad = q.grad = None
        if (step + number) % 5 != 3:
            g = numbers(tuple(q.shape), dtype, (step, number))
            p.grad, q.grad = nnlite.tensor(g, device=p.device), torch.tensor(g)
    for optimizer in pair:
        optimizer.step()


def closure(params: list[Any], optimizer: Any) -> Any:
    optimizer.zero_grad()
    loss = sum((((p.abs() ** 2) - 1) ** 2 + 0.3 * p.abs() ** 2).sum() for p in params)
    loss.backward()
    return loss


def differences(ours: Any, theirs: Any, tolerance: float, where: str) -> Iterator[str]:
    """Where two values of parameters, states or options differ."""
    if isinstance(theirs, torch.Tensor) and isinstance(ours, float):  # LBFGS's t, where lr is a tensor
        theirs = theirs.item()
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, nnlite.Tensor):
            yield f"{where}: {type(ours).__name__} where PyTorch has a tensor"
            return
        if str(ours.dtype) != str(theirs.dtype):
            yield f"{where}: {ours.dtype}, PyTorch {theirs.dtype}"
        a, b = ours.detach().cpu().numpy(), theirs.detach().numpy()
        if a.shape != b.shape:
            yield f"{where}: shape {a.shape}, PyTorch {b.shape}"
        elif not np.allclose(a, b, rtol=tolerance, atol=tolerance):
            yield f"{where}: differ by {np.abs(a - b).max():.3g}"
    elif isinstance(theirs, dict):
        if list(ours) != list(theirs):
            yield f"{where}: keys {list(ours)}, PyTorch {list(theirs)}"
        for key in theirs.keys() & ours.keys():
            yield from differences(ours[key], theirs[key], tolerance, f"{where}[{key!r}]")
    elif isinstance(theirs, list | tuple):
        if len(ours) != len(theirs):
            yield f"{where}: {len(ours)} items, PyTorch {len(theirs)}"
        for i, (x, y) in enumerate(zip(ours, theirs, strict=False)):
            yield from differences(x, y, tolerance, f"{where}[{i}]")
    elif isinstance(theirs, float):
        if not np.isclose(float(ours), theirs, rtol=tolerance, atol=tolerance):
            yield f"{where}: {ours}, PyTorch {theirs}"
    elif ours != theirs:
        yield f"{where}: {ours!r}, PyTorch {theirs!r}"


def tolerance_of(name: str, dtype: str, lr: float) -> float:
    if name == "Muon":
        return BFLOAT * lr * STEPS * 10
    if name == "LBFGS":
        return 1e-2 if dtype == "float32" else 1e-7
    return 1e-9 if dtype == "float64" else 2e-5


def run_config(name: str, kwargs: dict[str, Any], dtype: str, device: str) -> Iterator[str]:
    """The differences of one configuration in one dtype."""
    ours, theirs = parameters(name, dtype, device)
    mine, its = getattr(nnlite.optim, name), getattr(torch.optim, name)
    pair = (mine(ours, **to_ours(kwargs)), its(theirs, **kwargs))
    tolerance = tolerance_of(name, dtype, float(pair[1].param_groups[0]["lr"]))
    steps = STEPS_OF.get(name, STEPS)
    for step in range(steps):
        one_step(step, dtype, ours, theirs, pair)
        found = list(differences(ours, theirs, tolerance, "parameters"))
        if name != "LBFGS" or dtype != "float32":  # its history in float32 is rounding of small differences
            found += differences(pair[0].state_dict(), pair[1].state_dict(), tolerance, "state_dict")
        if found:
            yield f"step {step + 1}: {found[0]}"
            return
    resumed = [nnlite.tensor(q.detach().numpy(), device=device, requires_grad=True) for q in theirs]
    again = mine(resumed)
    again.load_state_dict(copy.deepcopy(pair[1].state_dict()))
    for step in range(steps, steps + (1 if name in STEPS_OF else 3)):
        one_step(step, dtype, resumed, theirs, (again, pair[1]))
    yield from (f"from PyTorch's state: {text}" for text in differences(resumed, theirs, tolerance, "parameters"))


def run_errors(info: Any) -> Iterator[str]:
    """What must raise and does not, or raises something else."""
    cls = getattr(nnlite.optim, info.optim_cls.__name__)
    for sample in info.optim_error_inputs_func(device="cpu", dtype=torch.float32):
        case = sample.optimizer_error_input
        params = share(case.params, {}) if case.params is not None else [nnlite.ones(2, 2, requires_grad=True)]
        kwargs = to_ours(case.kwargs)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                optimizer = cls(params, **kwargs)
                if sample.error_on is OptimizerErrorEnum.STEP_ERROR:
                    optimizer.step()
        except Exception as error:
            if not isinstance(error, sample.error_type):
                yield f"{case.desc}: {type(error).__name__} ({error}) where PyTorch raises {sample.error_type.__name__}"
            elif not re.search(sample.error_regex, str(error)):
                yield f"{case.desc}: says {error!s:.100}, PyTorch {sample.error_regex}"
        else:
            yield f"{case.desc}: raised nothing"


def run(name: str, device: str = "cpu") -> tuple[int, list[str]]:
    """The number of comparisons of an optimizer, and the differences found."""
    info = info_of(name)
    if name in LEFT_OUT:
        try:
            getattr(nnlite.optim, name)([nnlite.ones(2, requires_grad=True)])
        except NotImplementedError:
            return 1, []
        return 1, ["raised nothing"]
    found, done = [], 0
    for config in info.optim_inputs_func(device="cpu"):
        for dtype in dtypes(info):
            done += 1
            try:
                found += [f"{config.desc} ({dtype}): {text}" for text in run_config(name, config.kwargs, dtype, device)]
            except Exception as error:
                found.append(f"{config.desc} ({dtype}): {type(error).__name__}: {error}")
    found += run_errors(info)
    return done + len(info.optim_error_inputs_func(device="cpu", dtype=torch.float32)), found


def main() -> int:
    failed = 0
    for name in sys.argv[1:] or names():
        if not hasattr(nnlite.optim, name):
            print(f"{name}: missing")
            failed += 1
            continue
        done, found = run(name)
        for text in found:
            print(f"    {text}")
        failed += len(found)
        print(f"{name}: {done} compared, {len(found)} differences")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
