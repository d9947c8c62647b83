"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from ..tensor import Tensor

SUFFICIENT, CURVATURE = 1e-4, 0.9
"""The constants of the two conditions: the loss falls by that part of what its slope promises, the slope to that."""


class Point(NamedTuple):
    """A place along the direction of search."""

    t: float
    """How far along."""
    f: float
    """The loss."""
    g: Tensor
    """The gradient."""
    slope: float
    """The derivative of the loss along the direction."""


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, length: float, smallest: float = 1e-9, most: int = 25
) -> tuple[Point, int]:
    """A point where the loss is low enough and its slope flat enough, and the number of evaluations.

    Args:
        at: the point at a distance.
        start: the point at distance 0.
        t: the distance to try first.
        length: the largest element of the direction.
        smallest: the change of an element at which the search ends.
        most: iterations at most.

    Source: J. Nocedal and S. Wright, "Numerical optimization", algorithms 3.5 (bracket) and 3.6 (zoom).
    """
    start = start._replace(t=0.0)
    previous, new, tries = start, at(t), 0
    while tries < most:
        if _too_high(new, start) or (tries > 1 and new.f >= previous.f):
            break
        if abs(new.slope) <= -CURVATURE * start.slope:
            return new, tries + 1
        if new.slope >= 0:
            break
        t = cubic_minimum(previous, new, (new.t + 0.01 * (new.t - previous.t), new.t * 10))
        previous, new = new, at(t)
        tries += 1
    else:
        previous = start
    return _zoom(at, start, [previous, new], length, smallest, tries, most)


def _too_high(point: Point, start: Point) -> bool:
    return point.f > start.f + SUFFICIENT * point.t * start.slope


def _zoom(
    at: Callable[[float], Point],
    start: Point,
    bracket: list[Point],
    length: float,
    smallest: float,
    tries: int,
    most: int,
) -> tuple[Point, int]:
    """Shrink a bracket that holds a good point."""
    called, stuck = tries + 1, False
    low, high = _order(bracket)
    while tries < most and abs(bracket[1].t - bracket[0].t) * length >= smallest:
        t = cubic_minimum(bracket[0], bracket[1])
        near, far = sorted(point.t for point in bracket)
        margin = 0.1 * (far - near)
        if min(far - t, t - near) < margin:  # close to an end: once is well, twice is no progress
            if stuck or t >= far or t <= near:
                t = far - margin if abs(t - far) < abs(t - near) else near + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new = at(t)
        called += 1
        tries += 1
        if _too_high(new, start) or new.f >= bracket[low].f:
            bracket[high] = new
            low, high = _order(bracket)
            continue
        if abs(new.slope) <= -CURVATURE * start.slope:
            return new, called
        if new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], called


def _order(bracket: list[Point]) -> tuple[int, int]:
    """The places of the lower and of the higher point."""
    return (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points and their slopes is lowest, within bounds (the points themselves); the
    middle where it has no minimum."""
    first, last = bounds if bounds else sorted((a.t, b.t))
    if a.t > b.t:
        a, b = b, a
    if a.t == b.t:
        return (first + last) / 2
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (first + last) / 2
    d2 = math.sqrt(square)
    scale = b.slope - a.slope + 2 * d2
    if scale == 0:
        return (first + last) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / scale), first), last)
