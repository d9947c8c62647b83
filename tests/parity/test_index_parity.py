"""Indexing by expressions drawn at random: what PyTorch reads and writes, and the gradients; or its exception."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

SHAPES = [(), (1,), (5,), (0,), (3, 4), (2, 3, 4), (4, 1, 3), (2, 0, 3), (2, 3, 2, 2)]
PLAN = random.Random

Part = Any
"""An index part in words that both libraries' tensors can be made of: a number, a slice, None, Ellipsis, a list, a
bool, or an array that becomes a tensor."""


def draw_array(plan: PLAN, size: int) -> np.ndarray:
    shape = plan.choice([(), (1,), (2,), (3,), (2, 1), (1, 3), (0,), (2, 2)])
    low, high = (-size, size) if plan.random() < 0.5 else (0, size)
    if plan.random() < 0.03:
        high += 1  # now and then out of range
    count = int(np.prod(shape))
    values = [plan.randrange(low, high) if high > low else 0 for _ in range(count)]
    return np.array(values, np.int64 if plan.random() < 0.8 else np.int32).reshape(shape)


def draw_part(plan: PLAN, shape: tuple[int, ...], axis: int) -> tuple[Part, int]:
    """A part for the axes from ``axis`` on, and how many of them it takes."""
    size = shape[axis] if axis < len(shape) else 1
    kind = plan.choice(["int", "slice", "slice", "None", "array", "array", "mask", "list", "bool", "mask of several"])
    if kind == "int":
        return plan.randrange(-size, size) if size else 0, 1
    if kind == "slice":
        bound = [None, *range(-size - 1, size + 2)]
        return slice(plan.choice(bound), plan.choice(bound), plan.choice([None, 1, 2, 3])), 1
    if kind == "None":
        return None, 0
    if kind == "array":
        return draw_array(plan, size), 1
    if kind == "list":
        return [plan.randrange(-size, size) for _ in range(plan.randrange(1, 4))] if size else [0], 1
    if kind == "bool":
        return plan.random() < 0.5, 0
    axes = shape[axis : axis + (1 if kind == "mask" else 2)]
    if plan.random() < 0.03:
        axes = tuple(n + 1 for n in axes)
    return np.array([plan.random() < 0.5 for _ in range(int(np.prod(axes)))], bool).reshape(axes), len(axes)


def draw_index(plan: PLAN, shape: tuple[int, ...]) -> Any:
    parts: list[Part] = []
    axis = 0
    while axis < len(shape) + (plan.random() < 0.05) and plan.random() < 0.8:
        part, taken = draw_part(plan, shape, axis)
        parts.append(part)
        axis += taken
    if plan.random() < 0.25:
        parts.insert(plan.randrange(len(parts) + 1), Ellipsis)
    if len(parts) == 1 and plan.random() < 0.5:
        return parts[0]
    return tuple(parts)


def for_library(index: Any, tensor: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(for_library(part, tensor) for part in index)
    return tensor(index) if isinstance(index, np.ndarray) else index


def outcome(function: Any) -> Any:
    """The arrays that a function gives, or the type of its exception."""
    try:
        return [np.asarray(t.detach().numpy()) for t in function()]
    except Exception as error:
        return type(error)


def same(mine: Any, theirs: Any, what: str) -> None:
    if mine is IndexError and isinstance(theirs, list) and not theirs[0].size:
        return  # PyTorch does not look at the positions where there is nothing to pick
    if isinstance(theirs, type):
        assert mine is theirs, f"{what}: {mine}, not {theirs}"
        return
    assert isinstance(mine, list), f"{what}: raised {mine}"
    for one, other in zip(mine, theirs, strict=True):
        assert one.shape == other.shape, f"{what}: shape {one.shape}, not {other.shape}"
        np.testing.assert_array_equal(one, other, err_msg=what)


def read(lib: Any, tensor: Any, values: np.ndarray, index: Any) -> Any:
    x = tensor(values).requires_grad_()
    part = x[for_library(index, tensor)]
    weights = tensor(np.arange(1.0, part.numel() + 1).reshape(tuple(part.shape)))
    (grad,) = lib.autograd.grad((part * weights).sum(), x, create_graph=True)
    return part, grad


def write(lib: Any, tensor: Any, values: np.ndarray, index: Any, source: Any) -> Any:
    x = tensor(values).requires_grad_()
    y = x * 1
    v = tensor(source).requires_grad_() if isinstance(source, np.ndarray) else source
    y[for_library(index, tensor)] = v
    weights = tensor(np.arange(1.0, y.numel() + 1).reshape(values.shape))
    wanted = [x, v] if isinstance(source, np.ndarray) else [x]
    # PyTorch leaves the value out of the graph where the index is just False.
    grads = lib.autograd.grad((y * weights).sum(), wanted, allow_unused=True)
    return y, *(lib.zeros_like(t) if g is None else g for t, g in zip(wanted, grads, strict=True))


def once(values: np.ndarray, index: Any) -> bool:
    """Whether PyTorch's index names no element twice: with repeated positions the order of writes is undefined."""
    try:
        picked = torch.arange(values.size).reshape(values.shape)[for_library(index, torch.tensor)]
    except Exception:
        return True
    return len(picked.unique()) == picked.numel()


def source_for(plan: PLAN, values: np.ndarray, index: Any) -> Any:
    if plan.random() < 0.3:
        return 2.5
    try:
        shape = list(torch.tensor(values)[for_library(index, torch.tensor)].shape)
    except Exception:
        return 2.5
    cut = shape[plan.randrange(len(shape) + 1) :]
    cut = [1 if plan.random() < 0.2 else n for n in cut]
    if plan.random() < 0.1:
        cut = [1, *cut]
    if plan.random() < 0.03:
        cut = [*cut, 7]
    return np.arange(1.0, np.prod(cut) + 1).reshape(cut)


@pytest.mark.parametrize("seed", range(20))
def test_reading(seed, device):
    plan = random.Random(seed)
    for _ in range(25):
        shape = plan.choice(SHAPES)
        values = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
        index = draw_index(plan, shape)
        if device != "cpu" and out_of_range(values, index):
            continue  # such a device finds out later
        mine = outcome(lambda v=values, i=index: [t.cpu() for t in read(nnlite, on(device), v, i)])
        same(mine, outcome(lambda v=values, i=index: read(torch, torch.tensor, v, i)), f"{shape} [{index}]")


@pytest.mark.parametrize("seed", range(20))
def test_writing(seed, device):
    plan = random.Random(1000 + seed)
    for _ in range(25):
        shape = plan.choice(SHAPES)
        values = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
        index = draw_index(plan, shape)
        source = source_for(plan, values, index)
        if not once(values, index) or (device != "cpu" and out_of_range(values, index)):
            continue
        mine = outcome(lambda v=values, i=index, s=source: [t.cpu() for t in write(nnlite, on(device), v, i, s)])
        theirs = outcome(lambda v=values, i=index, s=source: write(torch, torch.tensor, v, i, s))
        same(mine, theirs, f"{shape} [{index}] = {getattr(source, 'shape', source)}")


def on(device: str) -> Any:
    return lambda value: nnlite.tensor(value, device=device)


def out_of_range(values: np.ndarray, index: Any) -> bool:
    try:
        torch.tensor(values)[for_library(index, torch.tensor)]
    except IndexError:
        return True
    except Exception:
        return False
    return False
