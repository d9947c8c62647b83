"""Update rules of optimizers in one pass over their arrays, from element ``start`` to ``stop``."""

from __future__ import annotations

import numpy as np

from .jit import in_order
from .lanes import peek, poke


@in_order
def adam(p, m, v, g, sign, kept, decay, to_m, of_v, to_v, small, step, start, stop):
    """p <- kept p - step m / (sqrt(v) + small), with the averages of the gradient sign g + decay p."""
    for i in range(start, stop):
        number, mean, square = peek(p, i), peek(m, i), peek(v, i)
        gradient = sign * peek(g, i)
        if decay != 0:  # one loop for each: 0 times infinity is not 0
            gradient += decay * number
        mean += (gradient - mean) * to_m
        square = square * of_v + gradient * gradient * to_v
        poke(m, i, mean)
        poke(v, i, square)
        poke(p, i, number * kept - mean / (np.sqrt(square) + small) * step)


@in_order
def momentum(p, buffer, g, sign, decay, kept, taken, of_g, of_buffer, lr, start, stop):
    """p <- p - lr (of_g g + of_buffer b), or p - lr b where of_g is 0, with b <- kept b + taken g for the gradient
    g, which is sign g + decay p."""
    for i in range(start, stop):
        number = peek(p, i)
        gradient = sign * peek(g, i)
        if decay != 0:  # one loop for each: 0 times infinity is not 0
            gradient += decay * number
        moved = peek(buffer, i) * kept + taken * gradient
        poke(buffer, i, moved)
        if of_g != 0:
            moved = of_g * gradient + of_buffer * moved
        poke(p, i, number - lr * moved)


@in_order
def descent(p, g, sign, decay, lr, start, stop):
    """p <- p - lr (sign g + decay p)."""
    for i in range(start, stop):
        number, gradient = peek(p, i), sign * peek(g, i)
        if decay != 0:
            gradient += decay * number
        poke(p, i, number - lr * gradient)
