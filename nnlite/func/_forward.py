"""Jacobian-vector products, by way of two reverse passes.

The vector-Jacobian product v -> v^T J is linear in v, so that its own vector-Jacobian product with t is J t: forward
mode without a rule of its own for each operation. It costs about three times the function where true forward mode
costs two. (https://j-towns.github.io/2017/06/12/A-new-trick.html)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core.tensor_base import make_leaf
from ..autograd._pytree import flatten
from ..autograd._vmap import identity_rows, vmap
from ._reverse import Tracked, jacrev
from ._tracking import gradients, recording, released, tensors_in, zeros_like


def pushed(run: Tracked, outputs: list[Any], tangents: list[Any], create: bool) -> list[Any]:
    """J t for each output."""
    dummies = [make_leaf(zeros_like(y)) for y in outputs]
    through = gradients(outputs, dummies, run.inputs, True, True)
    return gradients(through, tangents, dummies, True, create)


def _pushed_through(run: Tracked, outputs: list[Any]) -> Any:
    """``t -> J t``, its first reverse pass done."""
    dummies = [make_leaf(zeros_like(y)) for y in outputs]
    through = gradients(outputs, dummies, run.inputs, True, True)
    return lambda tangents, create: gradients(through, tangents, dummies, True, create)


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    r"""The output of ``func`` at ``primals`` and the Jacobian-vector product :math:`J t`.

    Computed as the derivative of the vector-Jacobian product by its vector.

    Raises:
        RuntimeError: primals and tangents are no tuples of tensors of the same form and shapes.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([1.0, 2.0])
        >>> nnlite.func.jvp(lambda x: x * x, (x,), (nnlite.ones(2),))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    name = "jvp(f, primals, tangents)"
    for what, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, tuple):
            raise RuntimeError(
                f"{name}: Expected {what} to be a tuple. E.g. it should be valid to call f(*primals)."
                if what == "primals" else f"{name}: Expected tangents to be a tuple, got {type(value).__name__}"
            )  # fmt: skip
    flat, _ = tensors_in(name, "primals", primals)
    moves, _ = tensors_in(name, "tangents", tangents)
    if len(flat) != len(moves):
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure: {len(flat)} and {len(moves)} "
            "tensors"
        )
    if not flat:
        raise RuntimeError(f"{name}: Expected at least one Tensor in primals")
    for x, t in zip(flat, moves, strict=True):
        if tuple(x._a.shape) != tuple(t._a.shape):
            raise RuntimeError(f"{name}: the tangent has shape {list(t._a.shape)}, the primal {list(x._a.shape)}")
    with recording() as outer:
        run = Tracked(name, func, tuple(range(len(primals))), primals, {}, has_aux)
        outputs, rebuild = tensors_in(name, "f(*primals)", run.out)
        inner = run.tracker.reaches_outside(outputs)
        keep = outer and (inner or any(t.requires_grad for t in moves))
        found = pushed(run, outputs, moves, keep)
    out = released(rebuild(outputs), outer and inner)
    result = (out, released(rebuild(found), keep))
    return (*result, released(run.aux, outer and inner)) if has_aux else result


def jacfwd(
    func: Callable[..., Any],
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that computes the Jacobian of ``func`` column by column, all columns at once.

    Shape: as :func:`jacrev`. Cheaper than it where there are fewer inputs than outputs.

    Example:
        >>> import nnlite
        >>> nnlite.func.jacfwd(lambda x: x * x)(nnlite.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        name = "jacfwd(f, ...)(*args)"
        with recording() as outer:
            run = Tracked(name, func, argnums, args, kwargs, has_aux)
            outputs, rebuild = tensors_in(name, "f(*args)", run.out)
            keep = outer and run.tracker.reaches_outside(outputs)
            push = _pushed_through(run, outputs)
            columns = [_columns(run, push, i, keep, chunk_size, randomness) for i in range(len(run.inputs))]
            rows = []
            for k, y in enumerate(outputs):
                rows.append([
                    column[k].reshape(tuple(y._a.shape) + tuple(x._a.shape))
                    for column, x in zip(columns, run.inputs, strict=True)
                ])  # fmt: skip
        result = rebuild([run.as_arguments(row) for row in rows])
        result = released(result, keep)
        return (result, released(run.aux, keep)) if has_aux else result

    return jacobian


def _columns(run: Tracked, push: Any, i: int, create: bool, chunk_size: int | None, randomness: str) -> Any:
    """The Jacobian of each output by input ``i``, its columns along the last dimension."""

    def column(t: Any) -> tuple[Any, ...]:
        tangents = [t if k == i else zeros_like(x) for k, x in enumerate(run.inputs)]
        return tuple(push(tangents, create))

    return vmap(column, out_dims=-1, randomness=randomness, chunk_size=chunk_size)(identity_rows(run.inputs[i]))


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    r"""A function that computes the Hessian :math:`H_{ij} = \partial^2 f / \partial x_i \partial x_j`.

    Example:
        >>> import nnlite
        >>> nnlite.func.hessian(lambda x: (x**3).sum())(nnlite.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The output of ``func`` at ``primals`` and the function ``t -> J t``, which does not run ``func`` again.

    Example:
        >>> import nnlite
        >>> y, push = nnlite.func.linearize(nnlite.sin, nnlite.zeros(2))
        >>> push(nnlite.ones(2))
        tensor([1., 1.])
    """
    name = "linearize(f, *primals)"
    with recording() as outer:
        run = Tracked(name, func, tuple(range(len(primals))), primals, {}, False)
        outputs, rebuild = tensors_in(name, "f(*primals)", run.out)
        keep = outer and run.tracker.reaches_outside(outputs)
        push = _pushed_through(run, outputs)

    def pushforward(*tangents: Any) -> Any:
        moves, _ = flatten(tangents)
        if len(moves) != len(run.inputs):
            raise RuntimeError(f"{name}: {len(run.inputs)} tangents are needed, got {len(moves)}")
        with recording() as wanted:
            create = wanted and (keep or any(t.requires_grad for t in moves))
            found = push(moves, create)
        return released(rebuild(found), create)

    return released(rebuild(outputs), keep), pushforward


__all__ = ["hessian", "jacfwd", "jacrev", "jvp", "linearize", "pushed"]
