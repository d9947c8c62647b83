"""The dropout mask of attention as an array, for cuDNN to read: the same numbers of the stream that the generic body
draws block by block, in a few launches.

The generic body goes through the scores, of shape (batch, heads, queries, keys), in blocks of at most ``BLOCK``:
several batches with all heads; or several heads; or, where those of one head are too many, some queries. A block takes
its random words from a whole step of the generator's counter on, one for each score that can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

BLOCK = 1 << 18
"""Scores of a block, as in ``nnlite.ops.attention``."""

STEP = 8
"""Random words of 32 bits in one step of the generator's counter."""

MOST = 1 << 26
"""Random words that are held at a time: 256 MB."""


class Part(NamedTuple):
    """A block within a stretch of blocks that repeats: heads, queries, how many keys count, its first word."""

    heads: slice
    rows: slice
    keys: int
    first: int


def _steps(words: int) -> int:
    return -(-words // STEP)


def _cut(size: int, most: int) -> Iterator[slice]:
    for start in range(0, size, most):
        yield slice(start, min(start + most, size))


def _stretches(shape: tuple[int, int, int, int], causal: bool) -> Iterator[tuple[slice, int, list[Part], int]]:
    """The scores as stretches of equal blocks, with batch and heads as one axis: where a stretch lies on it, how many
    heads in one repetition, the blocks of a repetition, and its steps of the counter."""
    batches, heads, rows, keys = shape
    most_heads = max(BLOCK // (rows * keys), 1)
    most_rows = max(BLOCK // keys, 1)
    if most_heads >= heads:
        each = max(BLOCK // (rows * keys * heads), 1)
        groups = [slice(0, batches - batches % each), slice(batches - batches % each, batches)]
        found = [(slice(g.start * heads, g.stop * heads), min(each, g.stop - g.start) * heads) for g in groups]
    else:
        found = [(slice(0, batches * heads), 1 if most_heads == 1 else heads)]
    for where, repeated in found:
        if where.start == where.stop:
            continue
        parts, steps = [], 0
        for part in _cut(repeated, repeated if most_heads >= heads else most_heads):
            for row in _cut(rows, most_rows):
                count = part.stop - part.start
                parts.append(Part(part, row, min(keys, row.stop) if causal else keys, steps * STEP))
                steps += _steps(count * (row.stop - row.start) * keys)
        yield where, repeated, parts, steps


def kept(
    xp: Any, shape: tuple[int, int, int, int], causal: bool, dropout: float, seed: int, counter: int, like: Any
) -> Any:
    """1 where a score's weight is kept and 0 elsewhere, in the dtype and on the device of ``like``; 0 for keys that no
    query of a block sees, for which nothing is drawn."""
    batches, heads, rows, keys = shape
    mask = xp.zeros((batches * heads, rows, keys), like.dtype)
    threshold = int(dropout * 2**32)
    for where, repeated, parts, steps in _stretches(shape, causal):
        times = (where.stop - where.start) // repeated
        for run in _cut(times, max(MOST // (steps * STEP), 1)):
            count = run.stop - run.start
            bits = xp.random_bits(seed, counter + run.start * steps, count * steps * STEP, like).reshape(count, -1)
            start = where.start + run.start * repeated
            target = mask[start : start + count * repeated].reshape(count, repeated, rows, keys)
            for heads_, rows_, seen, first in parts:
                sizes = (heads_.stop - heads_.start, rows_.stop - rows_.start, seen)
                words = bits[:, first : first + sizes[0] * sizes[1] * seen]
                target[:, heads_, rows_, :seen] = (words >= threshold).reshape(count, *sizes)
        counter = counter + times * steps
    return mask.reshape(shape)
