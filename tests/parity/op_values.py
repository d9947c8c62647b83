"""PyTorch's arguments as nnlite's, and the comparison of results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import nnlite
from nnlite._core.tensor_base import wrap
from nnlite.backends import backend_of

TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 1e-5, "complex64": 1e-5}
"""Relative and absolute difference allowed in a result; 1e-7 for other dtypes; gradients get ten times as much."""


class Difference(AssertionError):
    """nnlite gives something else than PyTorch."""


class Converter:
    """Arguments of one sample; a tensor that stands twice becomes one tensor that stands twice."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.tensors: dict[int, Any] = {}
        self.storages: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if id(value) not in self.tensors:
                self.tensors[id(value)] = self.tensor(value)
            return self.tensors[id(value)]
        if isinstance(value, torch.Size):
            return nnlite.Size(value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(self, value))
        if isinstance(value, list | tuple):
            return type(value)(map(self, value))
        if isinstance(value, dict):
            return {key: self(v) for key, v in value.items()}
        if isinstance(value, slice):
            return slice(self(value.start), self(value.stop), self(value.step))
        if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
            return getattr(nnlite, str(value).split(".")[1])
        if isinstance(value, torch.device):
            return nnlite.device(self.device)
        if isinstance(value, torch.nn.Module):
            module = getattr(nnlite.nn, type(value).__name__)()
            for name in value.__constants__:
                setattr(module, name, getattr(value, name))
            return module
        if isinstance(value, torch.Generator):
            return nnlite.Generator(device=self.device).manual_seed(value.initial_seed())
        return value

    def tensor(self, t: torch.Tensor) -> Any:
        """A copy with the tensor's strides; tensors over one storage count as such."""
        values = as_numpy(t) if t.layout == torch.strided and not t.is_quantized else None
        if values is None:
            raise NotImplementedError(f"nnlite has no tensors of layout {t.layout}")
        if t.numel() and t.untyped_storage().nbytes() > t.numel() * t.itemsize and not t.is_conj() and not t.is_neg():
            return self.view(t)
        extent = 1 + sum((n - 1) * step for n, step in zip(t.shape, t.stride(), strict=True)) if t.numel() else 0
        flat = np.zeros(extent, values.dtype)
        steps = tuple(step * flat.itemsize for step in t.stride())
        np.lib.stride_tricks.as_strided(flat, values.shape, steps)[...] = values
        array = nnlite.from_numpy(flat).to(self.device)._a
        made = wrap(backend_of(array).xp.as_strided(array, tuple(t.shape), steps))
        made._vc = self.storages.setdefault(t.untyped_storage().data_ptr(), made._vc)
        return made.requires_grad_() if t.requires_grad else made

    def view(self, t: torch.Tensor) -> Any:
        """A tensor that sees a part of its storage, which operators by strides can reach beyond."""
        storage = t.detach().as_strided((t.untyped_storage().nbytes() // t.itemsize,), (1,), 0)
        whole = nnlite.from_numpy(np.array(as_numpy(storage))).to(self.device)
        made = whole.as_strided(tuple(t.shape), t.stride(), t.storage_offset())
        made._vc = self.storages.setdefault(t.untyped_storage().data_ptr(), made._vc)
        return made.requires_grad_() if t.requires_grad else made


def as_numpy(t: torch.Tensor) -> np.ndarray:
    """The values of PyTorch's tensor, of bfloat16 too."""
    t = t.detach().resolve_conj().resolve_neg()
    if t.dtype is torch.bfloat16:
        return t.view(torch.int16).numpy(force=True).view(nnlite.bfloat16.np)
    return t.numpy(force=True)  # some gradients are tensors of zeros without a storage


def leaves(value: Any) -> Iterator[Any]:
    """The tensors in nested arguments or results that require grad, each once."""
    seen: set[int] = set()
    for t in tensors_in(value):
        if t.requires_grad and id(t) not in seen:
            seen.add(id(t))
            yield t


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors in nested arguments or results."""
    if isinstance(value, torch.Tensor | nnlite.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors_in(part)


def compare(
    mine: Any, theirs: Any, *, values: bool = True, factor: float = 1.0, what: str = "result", exact: Any = None
) -> None:
    """Raise ``Difference`` unless nnlite's result is PyTorch's, or as near to PyTorch's ``exact`` one."""
    if isinstance(theirs, torch.Tensor):
        if not isinstance(mine, nnlite.Tensor):
            raise Difference(f"{what}: {type(mine).__name__}, not a tensor")
        if str(mine.dtype) != str(theirs.dtype):
            raise Difference(f"{what}: dtype {mine.dtype}, not {theirs.dtype}")
        if tuple(mine.shape) != tuple(theirs.shape):
            raise Difference(f"{what}: shape {tuple(mine.shape)}, not {tuple(theirs.shape)}")
        if values:
            _compare_values(mine, theirs, factor, what, exact)
    elif isinstance(theirs, list | tuple):
        if not isinstance(mine, list | tuple) or len(mine) != len(theirs):
            raise Difference(f"{what}: {mine!r:.60}, not {len(theirs)} values")
        exacts = exact if isinstance(exact, list | tuple) else [None] * len(theirs)
        for i, (one, other, third) in enumerate(zip(mine, theirs, exacts, strict=True)):
            compare(one, other, values=values, factor=factor, what=f"{what} {i}", exact=third)
    elif isinstance(theirs, torch.dtype | torch.device):
        if str(mine) != str(theirs):
            raise Difference(f"{what}: {mine}, not {theirs}")
    elif type(mine) is not type(theirs) or (values and mine != theirs and not (mine != mine and theirs != theirs)):
        raise Difference(f"{what}: {mine!r:.60}, not {theirs!r:.60}")


def _compare_values(mine: Any, theirs: torch.Tensor, factor: float, what: str, exact: Any) -> None:
    a, b = mine.detach().cpu().numpy(), as_numpy(theirs)
    if a.dtype.name == "bfloat16":
        a, b = a.astype("float32"), b.astype("float32")
    if a.dtype.kind in "fc":
        tolerance = TOLERANCE.get(str(mine.dtype).split(".")[1], 1e-7) * factor
        with np.errstate(all="ignore"):
            same = np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
            if isinstance(exact, torch.Tensor) and not np.all(same):
                c = as_numpy(exact)
                c = np.where(np.abs(c) > torch.finfo(theirs.dtype).max, c * np.inf, c)
                same |= np.isclose(a, c, rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        same = a == b
    if not np.all(same):
        where = tuple(int(i) for i in np.argwhere(~np.atleast_1d(same))[0])
        one, other = np.atleast_1d(a)[where], np.atleast_1d(b)[where]
        raise Difference(f"{what}: {one} at {where} of {a.shape}, not {other} ({np.sum(~same)} differ)")
