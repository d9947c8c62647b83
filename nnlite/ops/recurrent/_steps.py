"""Sequences of unequal lengths, laid out step by step: which rows belong to which step, and states before each.

The numbers of all sequences at step 0 come first, then those at step 1 of the sequences that have one, and so on, the
longest sequence first. So step t is a block of rows, and its rows belong to the first ``sizes[t]`` sequences. Sequences
of one length are the special case where all sizes are equal.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from ..shape.views import cat

Sizes = tuple[int, ...]


class Step(NamedTuple):
    """The rows ``start:stop`` hold what the first ``rows`` sequences have at this step."""

    start: int
    stop: int
    rows: int


@functools.lru_cache(128)
def steps(sizes: Sizes, reverse: bool) -> tuple[Step, ...]:
    """The steps in the order in which they are computed."""
    found = []
    stop = 0
    for rows in sizes:
        start, stop = stop, stop + rows
        found.append(Step(start, stop, rows))
    return tuple(found[::-1] if reverse else found)


def before(xp: Any, first: Any, after: Any, sizes: Sizes, reverse: bool) -> Any:
    """The state that each step starts from, of the first states and the states after each step."""
    rows = sizes[0]
    if rows == sizes[-1]:
        parts = [after[rows:], first] if reverse else [first, after[:-rows] if rows else after]
        return xp.concatenate(parts, axis=0)
    out = xp.empty_like(after)
    state = first.copy()
    for start, stop, rows in steps(sizes, reverse):
        out[start:stop] = state[:rows]
        state[:rows] = after[start:stop]
    return out


def unrolled(
    cell: Callable[..., tuple[Any, ...]], x: Any, states: tuple[Any, ...], *, sizes: Sizes, reverse: bool
) -> tuple[Any, ...]:
    """All steps as operations of tensors: ``(outputs, *final states)`` of ``cell(x, *states) -> states``."""
    outs = []
    for start, stop, rows in steps(sizes, reverse):
        made = cell(x[start:stop], *(state[:rows] for state in states))
        outs.append(made[0])
        states = tuple(
            cat([new, old[rows:]]) if rows < old.shape[0] else new for new, old in zip(made, states, strict=True)
        )
    return cat(outs[::-1] if reverse else outs), *states
