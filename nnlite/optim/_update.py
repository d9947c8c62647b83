"""How the update rule of an optimizer is run on raw arrays.

A rule is a function ``rule(xp, parameter, *state, gradient)`` that changes the parameter and the state in place,
written as the formula stands in the textbook; the numbers (learning rate and so on) are bound to it once a group.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backends.kernels import GENERIC
from ..backends.registry import tables

BLOCK = 1 << 16
"""Elements of a block: the five or so float32 arrays of a rule, a block of each, fit a core's second-level cache."""

PIECE = 1 << 17
"""Elements that a thread updates at a time. Two threads that call NumPy on a quarter of that wait for one
another."""

WHOLE = 1 << 13
"""Elements from which on an update that stands in the kernel table is taken from there: below, the look costs more."""

Rule = Callable[..., None]
Arrays = tuple[Any, ...]


def update(name: str) -> Callable[[Rule], Rule]:
    """Put a rule into the kernel table, as an operation on flat arrays, where a backend may have a faster one."""

    def register(rule: Rule) -> Rule:
        @functools.wraps(rule)
        def body(xp: Any, *arrays: Any, **numbers: Any) -> None:
            _run_in_blocks(functools.partial(rule, **numbers), xp, arrays)

        GENERIC[name] = body
        rule.operation = name  # type: ignore[attr-defined]
        return rule

    return register


def multi_update(
    xp: Any,
    rule: str,
    parameters: Sequence[Arrays],
    *,
    numbers: dict[str, Any],
    grad_scale: Any = None,
    found_inf: Any = None,
) -> bool:
    """Update many parameters of one dtype at once, where a backend can.

    Args:
        rule: the name under which the rule stands in the kernel table.
        parameters: for each its array, those of its state (None for what the rule does without) and its gradient.
        numbers: of the rule; each a Python number or a float64 array without dimensions on the device.
        grad_scale: None or a float32 array without dimensions that the gradients are divided by first.
        found_inf: None or a float32 array without dimensions; nothing changes where it is not 0.

    Returns:
        whether it was done. If not, it is for the caller to do it one by one.
    """
    return False


GENERIC["multi_update"] = multi_update


def all_at_once(rule: Rule, parameters: Sequence[Arrays], found_inf: Any = None) -> bool:
    """Run a rule with its numbers bound (`functools.partial`) on many parameters, where the backend can."""
    operation = getattr(getattr(rule, "func", None), "operation", None)
    if operation is None:
        return False
    table = tables[type(parameters[0][0])]
    done: bool = table.multi_update(operation, parameters, numbers=rule.keywords, found_inf=found_inf)  # type: ignore[attr-defined]
    return done


def run(rule: Rule, xp: Any, arrays: Arrays) -> None:
    """Call ``rule(xp, *arrays)``, where ``arrays`` are the parameter, its state (None for what the rule does without)
    and the gradient, in this order; all but the last are written."""
    parameter = arrays[0]
    if parameter.dtype.itemsize == 2:
        _run_in_float32(rule, xp, arrays)
    elif parameter.size >= WHOLE and _can_be_cut(arrays):
        flat = tuple(None if a is None else a.reshape(-1) for a in arrays)
        operation = getattr(getattr(rule, "func", None), "operation", None)
        if operation is None:
            _run_in_blocks(rule, xp, flat)
        else:
            getattr(tables[np.ndarray], operation)(*flat, **rule.keywords)  # type: ignore[attr-defined]
    else:
        rule(xp, *arrays)


def run_all(rule: Rule, xp: Any, many: Sequence[Arrays]) -> None:
    """`run` for several parameters, in several threads where the device works with threads."""
    share = getattr(type(xp), "share", None)
    pieces: list[Arrays] = []
    for arrays in many:
        parameter = arrays[0]
        size, narrow = parameter.size, parameter.dtype.itemsize == 2
        if size < WHOLE and not narrow:
            rule(xp, *arrays)
            continue
        if share is None or narrow or not _can_be_cut(arrays):
            run(rule, xp, arrays)
            continue
        flat = [None if a is None else a.reshape(-1) for a in arrays]
        count = -(-size // PIECE)
        for i in range(count):
            part = slice(size * i // count, size * (i + 1) // count)
            pieces.append(tuple(None if a is None else a[part] for a in flat))

    if not pieces:
        return

    def body(start: int, stop: int) -> None:
        for piece in pieces[start:stop]:
            run(rule, xp, piece)

    if share is not None and sum(piece[0].size for piece in pieces) >= PIECE:
        share(len(pieces), body)
    else:
        body(0, len(pieces))


def _run_in_float32(rule: Rule, xp: Any, arrays: Arrays) -> None:
    # float16 and bfloat16 cannot hold the numbers of a rule: 0.999 is 1 in bfloat16, and 1e-8 is 0 in float16.
    wide: list[Any] = [None if a is None else a.astype(np.float32) for a in arrays]
    rule(xp, *wide)
    for narrow, result in zip(arrays[:-1], wide[:-1], strict=True):
        if narrow is not None:
            narrow[...] = result.astype(narrow.dtype)


def _can_be_cut(arrays: Arrays) -> bool:
    """Whether these are NumPy arrays of one shape in one order. (On a device, one large array is what is fast.)"""
    shape = arrays[0].shape
    return all(a is None or (type(a) is np.ndarray and a.flags.c_contiguous and a.shape == shape) for a in arrays)


def _run_in_blocks(rule: Rule, xp: Any, arrays: Arrays) -> None:
    # A rule goes about ten times over its arrays. Large NumPy arrays would come from memory each time; block by block
    # they come from there once (10 million parameters, Adam: 40 ms a step where it was 95).
    if arrays[0].size <= 2 * BLOCK:
        rule(xp, *arrays)
        return
    for start in range(0, arrays[0].size, BLOCK):
        part = slice(start, start + BLOCK)
        rule(xp, *[None if a is None else a[part] for a in arrays])
