"""Index expressions as CuPy treats them: arrays out of range wrap round, masks make the host wait."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture import refuse_upload
from .sync import declare_synchronize


def _as_index_array(item: Any) -> np.ndarray:
    """The NumPy array of an index that is neither a number nor a slice. Lists and NumPy arrays are copied to the
    device by CuPy 14, so they are taken here too."""
    from .array import StrictArray

    if isinstance(item, StrictArray):
        array = item._h
    elif isinstance(item, list | tuple):
        refuse_upload("an index that is a list")
        array = np.asarray([x._h if isinstance(x, StrictArray) else x for x in item])
        if array.size == 0:
            array = array.astype(np.int32)  # an empty list is no index, not an empty mask
    elif isinstance(item, np.ndarray | bool | np.bool_):
        array = np.asarray(item)
        if array.ndim:
            refuse_upload("an index that is a NumPy array")
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are "
            f"valid indices, not {type(item).__name__}"
        )
    if array.dtype.kind not in "biu":
        raise IndexError(f"arrays used as indices must be of integer or boolean type. (actual: {array.dtype.type})")
    return array


def _is_number(item: Any) -> bool:
    return isinstance(item, int | np.integer) and not isinstance(item, bool | np.bool_)


def host_index(shape: tuple[int, ...], key: Any, what: str) -> tuple[tuple[Any, ...], bool]:
    """The index for NumPy that does what ``key`` does in CuPy, and whether it holds arrays (so gives a copy)."""
    items = list(key) if isinstance(key, tuple) else [key]
    arrays = False
    used = 0
    for i, item in enumerate(items):
        if item is None or item is Ellipsis:
            continue
        if _is_number(item) or isinstance(item, slice):
            used += 1
            continue
        array = items[i] = _as_index_array(item)
        arrays = True
        used += array.ndim if array.dtype.kind == "b" else 1
    if used > len(shape):
        raise IndexError(f"too many indices for array: array is {len(shape)}-dimensional, but {used} were indexed")
    return (_wrap_arrays(shape, items, len(shape) - used, what) if arrays else tuple(items)), arrays


def _wrap_arrays(shape: tuple[int, ...], items: list[Any], rest: int, what: str) -> tuple[Any, ...]:
    axis = 0
    for i, item in enumerate(items):
        if item is Ellipsis:
            axis += rest
        elif isinstance(item, np.ndarray):
            if item.dtype.kind == "b":
                declare_synchronize(f"{what} with a boolean mask")
                axis += item.ndim
                continue
            size = shape[axis]
            if size:
                # CuPy never checks integer arrays; out of range they wrap round.
                items[i] = np.remainder(item.astype(np.intp), size)
            axis += 1
        elif item is not None:
            axis += 1
    return tuple(items)
