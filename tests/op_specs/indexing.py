"""Reading and writing parts of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnlite

from .base import OpSpec, normal, of


def _write(call: Any) -> Any:
    """An in-place write as a function: it writes to a product, which is no leaf."""

    def run(x: Any, *args: Any) -> Any:
        y = x * 1
        call(y, *args)
        return y

    return run


def _write_reference(call: Any) -> Any:
    def run(x: Any, *args: Any) -> Any:
        y = x.copy()
        call(y, *args)
        return y

    return run


def _assign(x: Any, index: Any, value: Any) -> None:
    x[index] = value


def _numpy_scatter(x: Any, dim: int, index: Any, src: Any) -> Any:
    out = x.copy()
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = index[place]
        out[tuple(target)] += src[place]
    return out


_BASIC = [
    0,
    -1,
    slice(1, None),
    (slice(None), 1),
    (Ellipsis, slice(None, None, 2)),
    (None, 0),
    (0, 0),
    (1, Ellipsis, None),
]
_PLACES = np.array([[0, 1, 0], [1, 1, 0]])

SPECS = [
    OpSpec(
        "getitem",
        lambda x, index: x[index],
        lambda rng: [of(normal(rng, 2, 3), index) for index in _BASIC],
        lambda x, index: x[index],
        covers=("put_slice",),
        view=True,
        edges=lambda rng: [of(normal(rng), ()), of(normal(rng), None), of(np.zeros((0, 3)), (slice(None), 0))],
    ),
    OpSpec(
        "getitem",
        lambda x: x.narrow(1, 1, 2) * x.select(0, 1)[:2],
        lambda rng: [of(normal(rng, 2, 3))],
        lambda x: x[:, 1:3] * x[1][:2],
        title="narrow and select",
    ),
    OpSpec(
        "index",
        lambda x, *index: x[index],
        lambda rng: [
            of(normal(rng, 3, 2), np.array([2, 0, 2])),
            of(normal(rng, 3, 2), np.array([[0, 1], [1, 1]])),
            of(normal(rng, 2, 3), np.array([0, 1, 1]), np.array([2, 0, 0])),
            of(normal(rng, 2, 3), slice(None), np.array([0, 0])),
            of(normal(rng, 4), np.array([True, False, True, True])),
            of(normal(rng, 2, 3), rng.random((2, 3)) < 0.5),
            of(normal(rng, 2, 3), np.array([-1, 0])),
        ],
        lambda x, *index: x[index],
        covers=("put_index",),
        edges=lambda rng: [of(normal(rng, 2), np.zeros(0, np.int64)), of(np.zeros((0, 2)), np.zeros(0, bool))],
    ),
    OpSpec(
        "index",
        nnlite.index_select,
        lambda rng: [of(normal(rng, 3, 2), 0, np.array([2, 0, 2])), of(normal(rng, 2, 3), -1, np.array([1]))],
        lambda x, dim, index: np.take(x, index, dim),
        title="index_select",
    ),
    OpSpec(
        "index",
        nnlite.masked_select,
        lambda rng: [of(normal(rng, 2, 3), rng.random((2, 3)) < 0.5)],
        lambda x, mask: x[mask],
        title="masked_select",
    ),
    OpSpec(
        "take_along_axis",
        nnlite.gather,
        lambda rng: [of(normal(rng, 2, 3), 0, _PLACES), of(normal(rng, 2, 3), 1, _PLACES[:, :2])],
        lambda x, dim, index: (
            np.take_along_axis(x, index, dim)
            if index.shape[1 - dim] == x.shape[1 - dim]
            else np.take_along_axis(
                x[tuple(slice(n) if i != dim else slice(None) for i, n in enumerate(index.shape))], index, dim
            )
        ),
        title="gather",
        covers=("put_along_axis",),
        edges=lambda rng: [of(normal(rng, 2, 3), 0, np.zeros((0, 3), np.int64))],
    ),
    OpSpec(
        "add_index",
        nnlite.scatter_add,
        lambda rng: [of(normal(rng, 2, 3), 0, _PLACES, normal(rng, 2, 3))],
        _numpy_scatter,
        title="scatter_add",
        covers=("index",),
    ),
    OpSpec(
        "put_",
        _write(_assign),
        lambda rng: [
            of(normal(rng, 3, 2), np.array([0, 2]), normal(rng, 2, 2)),
            of(normal(rng, 3, 2), np.array([0, 2]), normal(rng, 2)),
            of(normal(rng, 4), np.array([True, False, True, False]), normal(rng, 2)),
        ],
        _write_reference(_assign),
        title="x[index] = y",
        covers=("zero_index", "index"),
    ),
    OpSpec(
        "copy",
        _write(_assign),
        lambda rng: [
            of(normal(rng, 3, 2), 1, normal(rng, 2)),
            of(normal(rng, 3, 2), (slice(None), 0), normal(rng)),
            of(normal(rng, 2), slice(None), 2.0),
        ],
        _write_reference(_assign),
        title="x[slice] = y",
        covers=("zeros_like",),
    ),
    OpSpec(
        "copy",
        _write(lambda x, y: x.copy_(y)),
        lambda rng: [of(normal(rng, 2, 3), normal(rng, 3))],
        _write_reference(lambda x, y: np.copyto(x, y)),
        title="copy_",
    ),
    OpSpec(
        "add_index",
        lambda x, index, values: (x * 1).index_put_((index,), values, accumulate=True),
        lambda rng: [of(normal(rng, 3), np.array([0, 0, 2]), normal(rng, 3))],
        _write_reference(lambda x, index, values: np.add.at(x, index, values)),
        title="index_put_ accumulating",
    ),
]
