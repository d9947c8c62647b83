"""LSTM and GRU over a sequence: all steps in one compiled call, and the products of all steps by BLAS."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ...kernels import kernel
from ..first_use import load, worth
from ..kernels import OVERRIDES
from ..products import column_sums, matmul
from .team import share
from .workspace import workspace

_FLOAT32 = np.dtype(np.float32)

LEAST = 0
"""Numbers in the states of all steps from which on compiled kernels pay."""

GRAIN = 1 << 20
"""Multiplications that are worth a thread."""

_LAID_OUT = 1 << 16
"""Numbers that are worth a thread to lay out."""

_WIDTH = 32
"""Columns of a panel."""

Sizes = tuple[int, ...]


def _fits(x: Any, h: Any, w_hh: Any, sizes: Sizes) -> bool:
    return bool(
        worth(x.shape[0] * h.shape[1], LEAST)
        and x.dtype is h.dtype is w_hh.dtype is _FLOAT32
        and x.size
        and h.size
        and sizes
    )


def _takes_lstm(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: Sizes, reverse: bool
) -> bool:
    return w_hr is None and _fits(x, h, w_hh, sizes)


def _takes_lstm_gradient(
    g_out: Any,
    g_h: Any,
    g_c: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    out: Any,
    gates: Any,
    cells: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    wanted: bool,
) -> bool:
    return w_hr is None and _fits(x, h, w_hh, sizes)


def _takes_gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool) -> bool:
    return _fits(x, h, w_hh, sizes)


def _takes_gru_gradient(
    g_out: Any,
    g_h: Any,
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    out: Any,
    gates: Any,
    inner: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    wanted: bool,
) -> bool:
    return _fits(x, h, w_hh, sizes)


@functools.lru_cache(128)
def _steps(sizes: Sizes, reverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each step and its number of rows, in the order in which the steps are computed."""
    counts = np.array(sizes, np.int64)
    begins = np.cumsum(counts) - counts
    return (begins[::-1].copy(), counts[::-1].copy()) if reverse else (begins, counts)


def _pitch(columns: int) -> int:
    """The distance of rows of products with so many columns: whole panels."""
    return -(-columns // _WIDTH) * _WIDTH


def _panels(module: Any, weight: Any, turned: bool) -> np.ndarray:
    """W_hh for ``times``: of the gates (``turned``: products with the transpose) or of the states."""
    gates, size = weight.shape
    columns, depth = (gates, size) if turned else (size, gates)
    made, flat = workspace("panels", _pitch(columns) * depth), _flat(weight)
    step, across = (1, size) if turned else (size, 1)

    def body(start: int, stop: int) -> None:
        first, last = start * _WIDTH, min(stop * _WIDTH, columns)
        module.lay_out(flat[first * across :], depth, step, last - first, across, made[first * depth :])

    share(-(-columns // _WIDTH), body, -(-_LAID_OUT // (_WIDTH * depth)))
    return made


def _flat(a: Any) -> np.ndarray:
    return np.ascontiguousarray(a).reshape(-1)


def _share(sequences: int, sizes: Sizes, gates: int, size: int, body: Any) -> None:
    """Sequences shared out to threads, if there is enough to do for each."""
    work = max(len(sizes) * gates * size, 1)
    share(sequences, body, max(4, -(-GRAIN // work)))


def _gradients(
    g: np.ndarray, factors: tuple[np.ndarray, ...], weight: np.ndarray | None, bias: Any
) -> tuple[np.ndarray | None, list[np.ndarray], np.ndarray | None]:
    """Of ``g``, the gradient of all steps' gates: its products with ``weight``, unless that is None, and its transpose
    with the factors of weights, and its sums, unless ``bias`` is None."""
    gx = None if weight is None else matmul(g, weight)
    return gx, [matmul(g.T, factor) for factor in factors], None if bias is None else column_sums(g)


def _start(g: Any, like: Any) -> np.ndarray:
    """A fresh array for a state's gradient, with what came for the last state."""
    return np.zeros(like.shape, np.float32) if g is None else np.array(g, np.float32, order="C")


@kernel("lstm_scan", table=OVERRIDES, when=_takes_lstm, above=True)
def lstm_scan(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, *, sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    """35 steps of 20 sequences, 256 numbers: 8 ms on one thread in place of 16."""
    module, (sequences, size) = load("recurrent"), h.shape
    begins, counts = _steps(sizes, reverse)
    gates = matmul(x, w_ih.T)
    shift = np.zeros(4 * size, np.float32) if b_ih is None else b_ih + b_hh
    cells, out = np.empty((len(x), size), np.float32), np.empty((len(x), size), np.float32)
    h, c = np.array(h, order="C"), np.array(c, order="C")
    given = begins, counts, size, _panels(module, w_hh, True), shift
    made = gates.reshape(-1), cells.reshape(-1), out.reshape(-1), h.reshape(-1), c.reshape(-1)
    pitch = _pitch(4 * size)

    def body(start: int, stop: int) -> None:
        module.lstm(*given, *made, start, stop, pitch, workspace("products", (stop - start) * pitch))

    _share(sequences, sizes, 4 * size, size, body)
    return out, h, c, gates, cells


@kernel("lstm_scan_gradient", table=OVERRIDES, when=_takes_lstm_gradient, above=True)
def lstm_scan_gradient(
    g_out: Any,
    g_h: Any,
    g_c: Any,
    x: Any,
    h: Any,
    c: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    w_hr: Any,
    out: Any,
    gates: Any,
    cells: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    wanted: bool,
) -> tuple[Any, ...]:
    """35 steps of 20 sequences, 256 numbers: 16 ms on one thread in place of 20, most of it products of all steps."""
    module, (sequences, size) = load("recurrent"), h.shape
    begins, counts = _steps(sizes, reverse)
    g_gates, h_before = np.empty((len(x), 4 * size), np.float32), np.empty((len(x), size), np.float32)
    down_h, down_c = _start(g_h, h), _start(g_c, c)
    given = (begins, counts, size, _panels(module, w_hh, False), _flat(gates), _flat(cells), _flat(out), _flat(h),
             _flat(c), g_out is not None, _flat(out if g_out is None else g_out))  # fmt: skip
    made = down_h.reshape(-1), down_c.reshape(-1), g_gates.reshape(-1), h_before.reshape(-1)
    pitch = _pitch(size)

    def body(start: int, stop: int) -> None:
        module.lstm_gradient(*given, *made, start, stop, pitch, workspace("products", (stop - start + 1) * pitch))

    _share(sequences, sizes, 4 * size, size, body)
    gx, (gw, gu), gb = _gradients(g_gates, (x, h_before), w_ih if wanted else None, b_ih)
    return gx, down_h, down_c, gw, gu, gb, None if gb is None else gb.copy(), None


@kernel("gru_scan", table=OVERRIDES, when=_takes_gru, above=True)
def gru_scan(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, *, sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    """35 steps of 20 sequences, 256 numbers: 9 ms on one thread in place of 13."""
    module, (sequences, size) = load("recurrent"), h.shape
    begins, counts = _steps(sizes, reverse)
    gates = matmul(x, w_ih.T)
    shift, inner_shift = np.zeros(3 * size, np.float32), np.zeros(size, np.float32)
    if b_ih is not None:
        shift += b_ih
        shift[: 2 * size] += b_hh[: 2 * size]
        inner_shift += b_hh[2 * size :]
    inner, out = np.empty((len(x), size), np.float32), np.empty((len(x), size), np.float32)
    h = np.array(h, order="C")
    given = begins, counts, size, _panels(module, w_hh, True), shift, inner_shift
    made = gates.reshape(-1), inner.reshape(-1), out.reshape(-1), h.reshape(-1)
    pitch = _pitch(3 * size)

    def body(start: int, stop: int) -> None:
        module.gru(*given, *made, start, stop, pitch, workspace("products", (stop - start) * pitch))

    _share(sequences, sizes, 3 * size, size, body)
    return out, h, gates, inner


@kernel("gru_scan_gradient", table=OVERRIDES, when=_takes_gru_gradient, above=True)
def gru_scan_gradient(
    g_out: Any,
    g_h: Any,
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    out: Any,
    gates: Any,
    inner: Any,
    *,
    sizes: Sizes,
    reverse: bool,
    wanted: bool,
) -> tuple[Any, ...]:
    """35 steps of 20 sequences, 256 numbers: 18 ms on one thread in place of 20."""
    module, (sequences, size) = load("recurrent"), h.shape
    begins, counts = _steps(sizes, reverse)
    g_hidden, to_n = np.empty((len(x), 3 * size), np.float32), np.empty((len(x), size), np.float32)
    h_before, down = np.empty((len(x), size), np.float32), _start(g_h, h)
    given = (begins, counts, size, _panels(module, w_hh, False), _flat(gates), _flat(inner), _flat(out), _flat(h),
             g_out is not None, _flat(out if g_out is None else g_out))  # fmt: skip
    made = down.reshape(-1), g_hidden.reshape(-1), to_n.reshape(-1), h_before.reshape(-1)
    pitch = _pitch(size)

    def body(start: int, stop: int) -> None:
        module.gru_gradient(*given, *made, start, stop, pitch, workspace("products", (stop - start) * pitch))

    _share(sequences, sizes, 3 * size, size, body)
    _, (gu,), gc = _gradients(g_hidden, (h_before,), None, b_hh)
    g_hidden[:, 2 * size :] = to_n  # and now the gradient of the inputs' part
    gx, (gw,), gb = _gradients(g_hidden, (x,), w_ih if wanted else None, b_ih)
    return gx, down, gw, gu, gb, gc


def warm_up() -> None:
    """Compile the kernels of this file."""
    x, bias = np.zeros((4, 16), np.float32), np.zeros(64, np.float32)
    sizes: Any = {"sizes": (2, 2), "reverse": False}
    w, b = np.zeros((64, 16), np.float32), bias
    h = x[:2]
    out, _, _, *kept = lstm_scan(x, h, h, w, w, b, b, None, **sizes)
    lstm_scan_gradient(out, None, None, x, h, h, w, w, b, b, None, out, *kept, **sizes, wanted=True)
    w, b = w[:48], b[:48]
    out, _, *kept = gru_scan(x, h, w, w, b, b, **sizes)
    gru_scan_gradient(out, None, x, h, w, w, b, b, out, *kept, **sizes, wanted=True)
