"""Sums of products by index notation.

The operands are multiplied two at a time, each pair by one (batched) matrix product of permuted operands, so that the
gradient is that of matrix products. Three or more operands go in the order that the package ``opt_einsum`` finds where
it is installed, else from left to right.
"""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Sequence
from typing import Any

from ..._core.op import TensorBase
from .._public import FUNCTIONS, public
from ..reduction import reduce
from ..shape.views import permute, reshape
from ._matrices import tensor
from .matmul import matmul

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NOTHING = (
    "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts "
    "list"
)

Labels = list[str]
"""One for each dimension: a letter, or "...i" for dimension i of the ellipsis, counted from the right."""


@public(method=False)
def einsum(*args: Any) -> Any:
    """The sums of products that an equation such as ``"bij,bjk->bik"`` describes.

    Each operand's dimensions have a letter each, ``...`` stands for any number of dimensions that broadcast. A letter
    missing on the right of ``->`` is summed over; without ``->`` the letters that occur once are kept, in alphabetical
    order. In place of the equation each operand may be followed by a list of numbers from 0 to 51, and the last by the
    list of the result.

    Raises:
        RuntimeError: the equation does not fit the operands, or sizes differ.
        ValueError: no operands, or a number out of range.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> nnlite.einsum("ij,kj->ik", x, x)
        tensor([[ 5., 11.],
                [11., 25.]])
        >>> nnlite.einsum(x, [0, 0])
        tensor(5.)
    """
    if len(args) < 2:
        raise ValueError(_NOTHING)
    if isinstance(args[0], TensorBase):
        operands, inputs, output = _sublists(args)
    else:
        operands = list(args[1]) if len(args) == 2 and isinstance(args[1], list | tuple) else list(args[1:])
        inputs, output = _parsed(args[0], len(operands))
    for x in operands:
        if not isinstance(x, TensorBase):
            raise TypeError(f"expected Tensor as element 0 in argument 1, but got {type(x).__name__}")
    labels = _expanded(inputs, operands)
    kept = _output(output, labels)
    sizes = _sizes(labels, operands)
    terms = [_diagonal(x, names) for x, names in zip(operands, labels, strict=True)]
    for i, j in _path(terms, kept, sizes):
        other, one = terms.pop(max(i, j)), terms.pop(min(i, j))
        needed = set(kept).union(*(names for _, names in terms))
        terms.insert(0, _pair(one, other, needed, sizes))
    return _final(*terms[0], kept)


# ---------------------------------------------------------------------------------------------------------------------
# The equation


def _parsed(equation: str, count: int) -> tuple[list[str], str | None]:
    """The subscripts of each operand and of the result, without spaces; letters and "..." only."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) < count:
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(inputs) > count:
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    for k, part in enumerate([*inputs, right] if arrow else inputs):
        rest = part.replace("...", "", 1)
        where = f"for operand {k}" if k < count else "in the output"
        if "..." in rest:
            raise RuntimeError(f"einsum(): found '.' {where} for which an ellipsis was already found")
        if "." in rest:
            raise RuntimeError(f"einsum(): found '.' {where} that is not part of any ellipsis")
        for letter in rest:
            if letter not in _LETTERS:
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {equation.index(letter)} in the equation string, "
                    "subscripts must be in [a-zA-Z]"
                )
    return inputs, right if arrow else None


def _sublists(args: Sequence[Any]) -> tuple[list[Any], list[str], str | None]:
    """The same of operands followed by lists of numbers."""
    pairs = len(args) // 2
    operands, lists = list(args[: 2 * pairs : 2]), list(args[1::2])
    output = _as_letters(args[-1]) if len(args) % 2 else None
    return operands, [_as_letters(numbers) for numbers in lists], output


def _as_letters(numbers: Any) -> str:
    out = ""
    for n in numbers:
        if n is Ellipsis:
            out += "..."
        elif 0 <= n < len(_LETTERS):
            out += _LETTERS[n]
        else:
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
    return out


def _expanded(inputs: list[str], operands: list[Any]) -> list[Labels]:
    """A label for each dimension of each operand."""
    out = []
    for k, (part, x) in enumerate(zip(inputs, operands, strict=True)):
        before, dots, after = part.partition("...")
        hidden = x._a.ndim - len(before) - len(after)
        if hidden < 0 or (hidden and not dots):
            count = len(before) + len(after)
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({count}) "
                + (
                    f"is more than the number of dimensions ({x._a.ndim}) for operand {k}"
                    if dots
                    else f"does not match the number of dimensions ({x._a.ndim}) for operand {k} and no ellipsis was "
                    "given"
                )
            )
        out.append([*before, *(f"...{i}" for i in reversed(range(hidden))), *after])
    return out


def _output(output: str | None, labels: list[Labels]) -> Labels:
    """The labels of the result."""
    used = [name for names in labels for name in names]
    hidden = sorted({name for name in used if name.startswith(".")}, key=lambda name: -int(name[3:]))
    if output is None:
        return hidden + sorted(name for name in set(used) if used.count(name) == 1 and not name.startswith("."))
    before, dots, after = output.partition("...")
    for letter in before + after:
        if (before + after).count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
        if letter not in used:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
    return [*before, *(hidden if dots else []), *after]


def _sizes(labels: list[Labels], operands: list[Any]) -> dict[str, int]:
    """The size of each label; 1 broadcasts."""
    sizes: dict[str, int] = {}
    for k, (names, x) in enumerate(zip(labels, operands, strict=True)):
        own: dict[str, int] = {}
        for axis, (name, n) in enumerate(zip(names, x._a.shape, strict=True)):
            if own.setdefault(name, n) != n:
                raise RuntimeError(
                    f"einsum(): subscript {name} is repeated for operand {k} but the sizes don't match, {n} != "
                    f"{own[name]}"
                )
            seen = sizes.get(name, 1)
            if n != seen and n != 1 and seen != 1:
                raise RuntimeError(
                    f"einsum(): dimension {axis} covered by ellipsis in operand {k} has size {n} which does not "
                    f"broadcast with previously seen ellipsis with size {seen} for the respective dimension"
                    if name.startswith(".")
                    else f"einsum(): subscript {name} has size {n} for operand {k} which does not broadcast with "
                    f"previously seen size {seen}"
                )
            sizes[name] = n if seen == 1 else seen
    return sizes


# ---------------------------------------------------------------------------------------------------------------------
# The products

Term = tuple[Any, Labels]


def _diagonal(x: Any, names: Labels) -> Term:
    """The operand with repeated labels made one: the diagonal."""
    names = list(names)
    for name in sorted(set(names)):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            x = FUNCTIONS["diagonal"](x, 0, first, second)
            names = [n for i, n in enumerate(names) if i not in (first, second)] + [name]
    return x, names


@functools.cache
def _opt_einsum() -> Any:
    try:
        return importlib.import_module("opt_einsum")
    except ImportError:
        return None


def _path(terms: list[Term], kept: Labels, sizes: dict[str, int]) -> list[tuple[int, int]]:
    """Which two of the terms to multiply next, each time; the product is put in front of the others."""
    if len(terms) > 2 and _opt_einsum() is not None:
        letter = {name: _LETTERS[i] if i < 52 else chr(0x100 + i) for i, name in enumerate(sizes)}
        spelled = ["".join(letter[n] for n in names) for _, names in terms]
        equation = ",".join(spelled) + "->" + "".join(letter[n] for n in kept)
        shapes = [tuple(sizes[n] for n in names) for _, names in terms]
        found = _opt_einsum().contract_path(equation, *shapes, shapes=True)[0]
        return _in_front(found, len(terms))
    return [(0, 1)] * (len(terms) - 1)


def _in_front(path: Any, count: int) -> list[tuple[int, int]]:
    """opt_einsum's path, whose products are put at the end, for products put in front."""
    order = list(range(count))
    mine = list(range(count))
    out = []
    for step in path:
        chosen = [order[i] for i in sorted(step)]
        for i in sorted(step, reverse=True):
            order.pop(i)
        while len(chosen) > 1:
            i, j = mine.index(chosen[0]), mine.index(chosen[1])
            out.append((i, j))
            made = count + len(out)
            for place in sorted((i, j), reverse=True):
                mine.pop(place)
            mine.insert(0, made)
            chosen = [made, *chosen[2:]]
        order.append(chosen[0])
    return out


def _pair(one: Term, other: Term, needed: set[str], sizes: dict[str, int]) -> Term:
    """The product of two terms, summed over the labels that nothing else needs."""
    (x, xs), (y, ys) = _reduced(one, other[1], needed, sizes), _reduced(other, one[1], needed, sizes)
    both = [n for n in xs if n in ys]
    summed = [n for n in both if n not in needed]
    batch = [n for n in both if n in needed]
    left, right = [n for n in xs if n not in both], [n for n in ys if n not in both]
    if not summed:
        names = [*batch, *left, *right]
        return _aligned(x, xs, names) * _aligned(y, ys, names), names
    own = dict(zip(ys, y._a.shape, strict=True)) | dict(zip(xs, x._a.shape, strict=True))
    b, rows, k, columns = ([own[n] for n in names] for names in (batch, left, summed, right))
    x = permute(x, *[xs.index(n) for n in (*batch, *left, *summed)])
    y = permute(y, *[ys.index(n) for n in (*batch, *summed, *right)])
    lead = (math.prod(b),) if batch else ()
    x = reshape(x, (*lead, math.prod(rows), math.prod(k)))
    y = reshape(y, (*lead, math.prod(k), math.prod(columns)))
    return reshape(matmul(x, y), (*b, *rows, *columns)), [*batch, *left, *right]


def _reduced(term: Term, others: Labels, needed: set[str], sizes: dict[str, int]) -> Term:
    """The term without dimensions of size 1 that broadcast, summed over labels that are its own and not needed."""
    x, names = term
    broadcast = [i for i, n in enumerate(names) if x._a.shape[i] == 1 and sizes[n] != 1 and n in others]
    if broadcast:
        x = reshape(x, tuple(size for i, size in enumerate(x._a.shape) if i not in broadcast))
        names = [n for i, n in enumerate(names) if i not in broadcast]
    alone = [i for i, n in enumerate(names) if n not in needed and (n not in others)]
    if alone:
        x = reduce.sum(x, alone).to(x.dtype)
        names = [n for i, n in enumerate(names) if i not in alone]
    return x, names


def _aligned(x: Any, names: Labels, wanted: Labels) -> Any:
    """The term's dimensions in the wanted order, of size 1 where it has none."""
    x = permute(x, *[names.index(n) for n in wanted if n in names]) if names else x
    sizes = iter(x._a.shape)
    return reshape(x, tuple(next(sizes) if n in names else 1 for n in wanted))


def _final(x: Any, names: Labels, kept: Labels) -> Any:
    """The last term summed over what is not kept, its dimensions in order."""
    alone = [i for i, n in enumerate(names) if n not in kept]
    if alone:
        x = reduce.sum(x, alone).to(x.dtype)
        names = [n for n in names if n in kept]
    return permute(tensor("einsum", x), *[names.index(n) for n in kept]) if names else x
