"""Which tensors lie in the same memory, told by their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.device import device_of
from ._storages import address


def bounds(array: Any) -> tuple[int, int]:
    """The addresses of the first byte that an array reaches and of the byte after the last."""
    low = high = address(array)
    if not array.size:
        return low, low
    for n, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (n - 1) * stride
        else:
            high += (n - 1) * stride
    return low, high + array.itemsize


def overlapping(tensors: Mapping[str, Any]) -> list[list[str]]:
    """The names of the tensors, those that share bytes together; sorted by address. Empty tensors share nothing."""
    places = sorted((str(device_of(t._a)), *bounds(t._a), name) for name, t in tensors.items() if t.numel())
    groups: list[list[str]] = []
    device, end = "", 0
    for where, low, high, name in places:
        if groups and where == device and low < end:
            groups[-1].append(name)
            end = max(end, high)
        else:
            groups.append([name])
            device, end = where, high
    return groups


def covering(tensors: Mapping[str, Any], names: list[str]) -> list[str]:
    """Those of the names whose tensors hold every element between the lowest and the highest address of all."""
    spans = [bounds(tensors[name]._a) for name in names]
    size = max(high for _, high in spans) - min(low for low, _ in spans)
    return [name for name in names if tensors[name].numel() * tensors[name].element_size() == size]
