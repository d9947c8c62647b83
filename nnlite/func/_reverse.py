"""Gradients, vector-Jacobian products, and Jacobians by reverse mode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core.op import TensorBase
from ..autograd._pytree import flatten
from ..autograd._vmap import identity_rows, vmap
from ._tracking import Tracker, gradients, ones_like, recording, released, tensors_in, with_aux


def _chosen(name: str, argnums: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """The numbers of the arguments to differentiate by."""
    if not isinstance(argnums, int | tuple):
        raise RuntimeError(f"{name}: argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if isinstance(argnums, tuple) and not argnums:
        raise RuntimeError(f"{name}: argnums must be non-empty")
    numbers = (argnums,) if isinstance(argnums, int) else argnums
    for n in numbers:
        if not isinstance(n, int):
            raise RuntimeError(f"{name}: argnums must be int or Tuple[int, ...], got {n!r} in it")
        if not -count <= n < count:
            raise RuntimeError(f"{name}: Got argnum={n}, but only {count} positional inputs")
    found = tuple(n % count for n in numbers)
    if len(set(found)) != len(found):
        raise RuntimeError(f"{name}: argnums elements must be unique, got {argnums}")
    return found


class Tracked:
    """One run of a function with some of its arguments tracked."""

    def __init__(self, name: str, func: Any, argnums: Any, args: tuple[Any, ...], kwargs: Any, has_aux: bool) -> None:
        self.tracker = Tracker()
        self.places = _chosen(name, argnums, len(args))
        arguments = list(args)
        self.inputs: list[Any] = []
        self.rebuilds = []
        for n in self.places:
            leaves, rebuild = tensors_in(name, f"argument {n}", args[n])
            own = [self.tracker.track(x) for x in leaves]
            for x in own:
                if x._a.dtype.kind not in "fcV":
                    raise RuntimeError(f"{name}: only Tensors of floating point dtype can require gradients")
            arguments[n] = rebuild(own)
            self.inputs += own
            self.rebuilds.append((rebuild, len(own)))
        self.single = isinstance(argnums, int)
        self.out, self.aux = with_aux(name, func(*arguments, **kwargs), has_aux)

    def as_arguments(self, values: list[Any]) -> Any:
        """One value for each input, in the form of the arguments."""
        parts, at = [], 0
        for rebuild, count in self.rebuilds:
            parts.append(rebuild(values[at : at + count]))
            at += count
        return parts[0] if self.single else tuple(parts)


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns ``(gradient, value)`` of ``func``; see :func:`grad`.

    Example:
        >>> import nnlite
        >>> nnlite.func.grad_and_value(lambda x: x * x)(nnlite.tensor(3.0))
        (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        name = "grad_and_value(f)(*args)"
        with recording() as outer:
            run = Tracked(name, func, argnums, args, kwargs, has_aux)
            out = run.out
            if not isinstance(out, TensorBase):
                raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(out)}")
            if out._a.ndim:
                raise RuntimeError(
                    f"{name}: Expected f(*args) to return a scalar tensor, got tensor with {out._a.ndim} dims. Maybe "
                    "you wanted to use the vjp or jacrev APIs instead?"
                )
            keep = outer and run.tracker.reaches_outside([out])
            found = gradients([out], [ones_like(out)], run.inputs, False, keep)
        value = released(out, keep)
        result = run.as_arguments(found)
        return (result, (value, released(run.aux, keep))) if has_aux else (result, value)

    return gradient_and_value


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    r"""A function that computes the gradient of ``func``, which returns one number.

    .. math:: g_i = \partial f / \partial x_i

    Args:
        argnums: by which argument(s) to differentiate; an argument may be a nested container of tensors.
        has_aux: ``func`` returns ``(output, aux)``, and the result is ``(gradient, aux)``.

    Raises:
        RuntimeError: the output is no tensor of 0 dimensions, or ``argnums`` does not fit the arguments.

    Example:
        >>> import nnlite
        >>> from nnlite.func import grad
        >>> grad(grad(nnlite.sin))(nnlite.tensor(0.5)) + nnlite.sin(nnlite.tensor(0.5))
        tensor(0.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        result, value = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return gradient


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    r"""The output of ``func`` and a function that computes vector-Jacobian products :math:`v^T J`.

    Returns:
        ``(output, vjp_fn)``, or ``(output, vjp_fn, aux)`` with ``has_aux``. ``vjp_fn(*cotangents)`` returns one result,
        or a tuple of as many as there are primals.

    Raises:
        RuntimeError: outputs are no tensors, or the cotangents do not have their form.

    Example:
        >>> import nnlite
        >>> y, vjp_fn = nnlite.func.vjp(nnlite.sin, nnlite.zeros(2))
        >>> vjp_fn(nnlite.ones(2))
        (tensor([1., 1.]),)
    """
    name = "vjp(f, *primals)"
    with recording() as outer:
        run = Tracked(name, func, tuple(range(len(primals))), primals, {}, has_aux)
        outputs, rebuild = tensors_in(name, "f(*primals)", run.out)
        keep = outer and run.tracker.reaches_outside(outputs)

    def vjp_fn(*cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        tree = cotangents[0] if len(cotangents) == 1 and not isinstance(run.out, tuple) else cotangents
        if len(cotangents) == 1 and isinstance(run.out, tuple) and isinstance(cotangents[0], tuple):
            tree = cotangents[0]
        given, _ = flatten(tree)
        if len(given) != len(outputs):
            raise RuntimeError(
                f"Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function: {len(outputs)} tensors, got {len(given)}"
            )
        for v, y in zip(given, outputs, strict=True):
            if tuple(v._a.shape) != tuple(y._a.shape):
                raise RuntimeError(f"vjp_fn: the cotangent has shape {list(v._a.shape)}, the output {list(y._a.shape)}")
        with recording() as wanted:
            tracked = keep or any(v.requires_grad for v in given)
            create = (wanted and tracked) if create_graph is None else create_graph
            found = gradients(outputs, given, run.inputs, retain_graph, create)
        return run.as_arguments(found)

    out = released(rebuild(outputs), keep)
    return (out, vjp_fn, released(run.aux, keep)) if has_aux else (out, vjp_fn)


def jacrev(
    func: Callable[..., Any],
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    r"""A function that computes the Jacobian of ``func`` by reverse mode, one backward for all rows at once.

    .. math:: J_{ij} = \partial f_i / \partial x_j

    Shape: output shape followed by input shape; nested as the outputs, and within as the arguments of ``argnums``.

    Args:
        chunk_size: at most this many rows at a time.

    Example:
        >>> import nnlite
        >>> nnlite.func.jacrev(lambda x: x * x)(nnlite.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        name = "jacrev(f, ...)(*args)"
        with recording() as outer:
            run = Tracked(name, func, argnums, args, kwargs, has_aux)
            outputs, rebuild = tensors_in(name, "f(*args)", run.out)
            keep = outer and run.tracker.reaches_outside(outputs)
            rows = [
                _rows(run, outputs, i, keep, chunk_size) for i in range(len(outputs))
            ]  # for each output the Jacobian by each input
        result = rebuild([run.as_arguments(row) for row in rows])
        return (result, released(run.aux, keep)) if has_aux else result

    return jacobian


def _rows(run: Tracked, outputs: list[Any], i: int, create: bool, chunk_size: int | None) -> list[Any]:
    y = outputs[i]
    shape = tuple(y._a.shape)

    def row(v: Any) -> tuple[Any, ...]:
        return tuple(gradients([y], [v], run.inputs, True, create))

    found = vmap(row, chunk_size=chunk_size)(identity_rows(y))
    return [g.reshape(shape + tuple(x._a.shape)) for g, x in zip(found, run.inputs, strict=True)]
