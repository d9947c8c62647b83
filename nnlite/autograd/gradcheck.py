"""Compare the gradients that backward computes with differences of the function's values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.op import TensorBase
from .._core.tensor_base import wrap
from ..backends import backend_of
from .run import grad


class GradcheckError(RuntimeError):
    """The two gradients differ."""


def _tensors(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, TensorBase) else tuple(value)


def _host(t: Any) -> np.ndarray:
    return np.asarray(backend_of(t._a).to_host(t._a))


def _differentiable(value: Any) -> list[Any]:
    return [
        t for t in _tensors(value) if isinstance(t, TensorBase) and t._a.dtype.kind in "fcV" and t._node is not None
    ]


def _numerical(
    function: Callable[..., Any], inputs: tuple[Any, ...], x: Any, count: int, eps: float
) -> list[np.ndarray]:
    """For each output the matrix of differences by each element of ``x``."""
    backend = backend_of(x._a)
    start = _host(x).copy()
    columns: list[list[np.ndarray]] = [[] for _ in range(count)]
    for place in np.ndindex(start.shape):
        values = []
        for step in (eps, -eps):
            moved = start.copy()
            moved[place] += step
            x._a[...] = backend.from_host(moved, backend.index_of(x._a))
            values.append([_host(t).copy() for t in _differentiable(function(*inputs))])
        x._a[...] = backend.from_host(start, backend.index_of(x._a))
        for column, up, down in zip(columns, *values, strict=True):
            column.append(((up - down) / (2 * eps)).ravel())
    return [np.array(column).reshape(start.size, -1) for column in columns]


def _analytical(outputs: list[Any], x: Any, k: int) -> np.ndarray:
    """The matrix of derivatives of output ``k``, one backward for each of its elements."""
    out = outputs[k]
    backend = backend_of(out._a)
    rows = []
    for place in np.ndindex(tuple(out._a.shape)):
        seed = np.zeros(out._a.shape, _host(out).dtype)
        seed[place] = 1
        g = wrap(backend.from_host(seed, backend.index_of(out._a)))
        (dx,) = grad(out, x, g, retain_graph=True, allow_unused=True)
        rows.append(np.zeros(x._a.size) if dx is None else _host(dx).ravel())
    return np.array(rows).reshape(-1, x._a.size).T


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    **options: Any,
) -> bool:
    r"""Whether backward's gradients agree with central differences: \|a - n\| <= atol + rtol \|n\|.

    Args:
        func: a function of tensors that returns a tensor or several.
        inputs: its inputs; those that require grad should be float64.
        nondet_tol: how much two runs of backward may differ.

    Raises:
        GradcheckError: they differ (with ``raise_exception=False`` the result is False instead).
        ValueError: no input requires grad.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([0.3, -0.7], dtype=nnlite.float64, requires_grad=True)
        >>> nnlite.autograd.gradcheck(nnlite.sin, x)
        True
    """
    try:
        return _check(func, _tensors(inputs), eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _check(func: Any, inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float) -> bool:
    wanted = [t for t in inputs if isinstance(t, TensorBase) and t.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    if any(t._a.dtype.kind == "c" for t in wanted):
        raise NotImplementedError(
            "gradcheck() of complex inputs: check the real and imaginary parts as two real inputs"
        )
    outputs = _differentiable(func(*inputs))
    for i, x in enumerate(wanted):
        numerical = _numerical(func, inputs, x, len(outputs), eps)
        for k in range(len(outputs)):
            analytical = _analytical(outputs, x, k)
            if np.abs(analytical - _analytical(outputs, x, k)).max(initial=0) > nondet_tol:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                    "gives different values"
                )
            if not np.allclose(analytical, numerical[k], rtol, atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {k} with respect to input {i},\n"
                    f"numerical:{numerical[k]}\nanalytical:{analytical}\n"
                )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    **options: Any,
) -> bool:
    """``gradcheck`` of the gradient: whether double backward agrees with differences of backward.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([0.3, -0.7], dtype=nnlite.float64, requires_grad=True)
        >>> nnlite.autograd.gradgradcheck(nnlite.sin, x)
        True
    """
    ins = _tensors(inputs)
    outputs = _differentiable(func(*ins))
    if grad_outputs is None:
        draws = np.random.default_rng(0)
        grads = []
        for out in outputs:
            backend = backend_of(out._a)
            values = draws.standard_normal(tuple(out._a.shape)).astype(_host(out).dtype)
            grads.append(wrap(backend.from_host(values, backend.index_of(out._a))).requires_grad_())
    else:
        grads = list(_tensors(grad_outputs))
    count = len(ins)

    def first_derivative(*args: Any) -> Any:
        outs = _differentiable(func(*args[:count]))
        wanted = [t for t in args[:count] if isinstance(t, TensorBase) and t.requires_grad]
        found = grad(outs, wanted, args[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first_derivative, (*ins, *grads), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol,
    )  # fmt: skip
