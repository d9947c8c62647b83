"""Jacobians, Hessians and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.grad_mode import enable_grad
from .._core.op import TensorBase, recorded
from .._core.tensor_base import wrap
from .._core.views import node_of
from ..backends import backend_of
from ._vmap import identity_rows, vmap
from .run import grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _as_tuple(value: Any, what: str, function: str) -> tuple[bool, tuple[Any, ...]]:
    """Whether it was a tuple, and the tensors."""
    is_tuple = isinstance(value, tuple)
    values = value if is_tuple else (value,)
    for i, x in enumerate(values):
        if not isinstance(x, TensorBase):
            if is_tuple:
                raise TypeError(
                    f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the value at "
                    f"index {i} has type {type(x)}."
                )
            raise TypeError(f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the "
                            f"given {what} has type {type(x)}.")  # fmt: skip
    return is_tuple, values


def _tracked(inputs: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    """Inputs whose gradients are apart from everything else: views where the results are to be differentiated."""
    return tuple(
        recorded.alias(x, shape=x._a.shape) if create_graph and node_of(x) is not None
        else x.detach().requires_grad_()
        for x in inputs
    )  # fmt: skip


def _released(value: Any, create_graph: bool) -> Any:
    if create_graph:
        return value
    if isinstance(value, tuple):
        return tuple(_released(v, False) for v in value)
    return value.detach()


def _one_or_all(values: Any, is_tuple: bool) -> Any:
    return tuple(values) if is_tuple else values[0]


def _check_strict(outputs: tuple[Any, ...], strict: bool, what: str) -> None:
    if strict:
        for i, y in enumerate(outputs):
            if node_of(y) is None:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradients. The outputs must be "
                    f"computed in a differentiable manner from the input when running in strict mode ({what})."
                )


def _gradients(outputs: Any, inputs: Any, vectors: Any, create: bool, retain: bool = True) -> tuple[Any, ...]:
    """Gradients, None for what was not used, for outputs of which some may not be recorded."""
    pairs = [(y, v) for y, v in zip(outputs, vectors, strict=True) if node_of(y) is not None]
    if not pairs:
        return (None,) * len(inputs)
    return grad(
        [y for y, _ in pairs], inputs, [v for _, v in pairs], allow_unused=True, create_graph=create,
        retain_graph=retain or create,
    )  # fmt: skip


def _filled(grads: Any, like: tuple[Any, ...], strict: bool, create_graph: bool, what: str) -> tuple[Any, ...]:
    """Zeros for what was not used.

    Raises:
        RuntimeError: ``strict`` and an input was not used, or its gradient does not depend on the inputs.
    """
    found = []
    for i, (g, x) in enumerate(zip(grads, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(
                    f"The output of the user-provided function is independent of input {i}. This is not allowed in "
                    f"strict mode ({what})."
                )
            g = zeros_like(x)
        if strict and create_graph and node_of(g) is None:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode when create_graph=True."
            )
        found.append(g)
    return tuple(found)


def zeros_like(x: Any) -> Any:
    """Zeros without a graph."""
    return wrap(backend_of(x._a).xp.zeros_like(x._a))


def _vectors(v: Any, like: tuple[Any, ...], is_tuple: bool, function: str) -> tuple[Any, ...]:
    """The vectors of a product, checked against what they belong to; 1 for a single number."""
    if v is None:
        if len(like) != 1 or like[0]._a.size != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single "
                "element." if function == "vjp" else
                "The vector v can only be None if the input to the user-provided function is a single Tensor with a "
                "single element."
            )  # fmt: skip
        return (wrap(backend_of(like[0]._a).xp.ones_like(like[0]._a)),)
    _, vectors = _as_tuple(v, "v", function)
    if len(vectors) != len(like):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}.")
    for i, (a, b) in enumerate(zip(vectors, like, strict=True)):
        if a._a.shape != b._a.shape:
            where = f"Entry {i} in v" if is_tuple else "v"
            raise RuntimeError(f"{where} has invalid size: should be {b.shape} but got {a.shape}.")
    return vectors


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""The outputs of ``func`` and the vector-Jacobian product :math:`v^T J`.

    Args:
        inputs: a tensor or a tuple of them.
        v: in the form of the outputs; may be left out for one number.
        create_graph: make both differentiable.
        strict: refuse outputs that do not depend on the inputs.

    Raises:
        TypeError: inputs or outputs are no tensors. RuntimeError: ``v`` has another form or shape; see ``strict``.

    Example:
        >>> import nnlite
        >>> nnlite.autograd.functional.vjp(lambda x: x * x, nnlite.tensor([1.0, 2.0]), nnlite.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        inputs_tuple, given = _as_tuple(inputs, "inputs", "vjp")
        own = _tracked(given, create_graph)
        outputs_tuple, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "vjp")
        _check_strict(outputs, strict, "vjp")
        vectors = _vectors(v, outputs, outputs_tuple, "vjp")
        found = _filled(_gradients(outputs, own, vectors, create_graph), own, strict, create_graph, "vjp")
    return (
        _released(_one_or_all(outputs, outputs_tuple), create_graph),
        _released(_one_or_all(found, inputs_tuple), create_graph),
    )


def _dummies(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(zeros_like(y).requires_grad_() for y in outputs)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""The outputs of ``func`` and the Jacobian-vector product :math:`J v`.

    Computed as the derivative of the vector-Jacobian product by its vector (two reverse passes).

    Args and errors are those of :func:`vjp`; ``v`` has the form of the inputs.

    Example:
        >>> import nnlite
        >>> nnlite.autograd.functional.jvp(lambda x: x * x, nnlite.tensor([1.0, 2.0]), nnlite.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        inputs_tuple, given = _as_tuple(inputs, "inputs", "jvp")
        own = _tracked(given, create_graph)
        vectors = _vectors(v, own, inputs_tuple, "jvp")
        outputs_tuple, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "jvp")
        _check_strict(outputs, strict, "jvp")
        dummies = _dummies(outputs)
        through = _filled(_gradients(outputs, own, dummies, True), own, strict, create_graph, "jvp")
        found = _filled(_gradients(through, dummies, vectors, create_graph), outputs, strict, create_graph, "jvp")
    return (
        _released(_one_or_all(outputs, outputs_tuple), create_graph),
        _released(_one_or_all(found, outputs_tuple), create_graph),
    )


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    r"""The Jacobian :math:`J_{ij} = \partial f_i / \partial x_j`.

    Args:
        vectorize: compute all rows in one backward, by ``vmap``.
        strategy: ``"reverse-mode"`` or ``"forward-mode"``; the latter needs ``vectorize=True``.

    Shape: output shape followed by input shape; a tuple for a tuple of inputs, and a tuple of those for outputs.

    Raises:
        RuntimeError: ``strict`` together with ``vectorize``, or as for :func:`vjp`.

    Example:
        >>> import nnlite
        >>> nnlite.autograd.functional.jacobian(lambda x: x * x, nnlite.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _by_columns(func, inputs, create_graph, strict, vectorize)
    with enable_grad():
        inputs_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        own = _tracked(given, create_graph)
        outputs_tuple, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "jacobian")
        _check_strict(outputs, strict, "jacobian")
        if vectorize and strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorize=True` are not supported together. "
                "Please either set `strict=False` or `vectorize=False`."
            )
        rows = [_one_output(y, own, create_graph, strict, vectorize) for y in outputs]
        result = tuple(_one_or_all(row, inputs_tuple) for row in rows)
    return _released(_one_or_all(result, outputs_tuple), create_graph)


def _one_output(y: Any, own: tuple[Any, ...], create: bool, strict: bool, vectorize: bool) -> tuple[Any, ...]:
    """The Jacobian of one output by each input."""
    from ..ops.shape.views import stack

    shape = tuple(y._a.shape)
    if node_of(y) is None or not y._a.size:
        parts: Any = [x.new_zeros(shape + tuple(x._a.shape)) for x in own]
        return tuple(parts)
    rows = identity_rows(y)
    if vectorize:
        parts = vmap(lambda v: _filled(_gradients((y,), own, (v,), create), own, False, False, "jacobian"))(rows)
    else:
        each = [_filled(_gradients((y,), own, (v,), create), own, strict, create, "jacobian") for v in rows.unbind(0)]
        parts = [stack(column) for column in zip(*each, strict=True)]
    return tuple(part.reshape(shape + tuple(x._a.shape)) for part, x in zip(parts, own, strict=True))


def _by_columns(func: Any, inputs: Any, create_graph: bool, strict: bool, vectorize: bool) -> Any:
    """The Jacobian column by column."""
    if strict:
        raise RuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported '
            'together (yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is only implemented for "
            "`vectorize=True`."
        )
    with enable_grad():
        inputs_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        own = _tracked(given, create_graph)
        outputs_tuple, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "jacobian")
        dummies = _dummies(outputs)
        through = _filled(_gradients(outputs, own, dummies, True), own, False, False, "jacobian")
        columns = []
        for i, x in enumerate(own):

            def column(t: Any, i: int = i) -> tuple[Any, ...]:
                tangents = [t if k == i else zeros_like(other) for k, other in enumerate(own)]
                return _filled(_gradients(through, dummies, tangents, create_graph), outputs, False, False, "jacobian")

            columns.append(vmap(column, out_dims=-1)(identity_rows(x)))
        rows = [
            [c[k].reshape(tuple(y._a.shape) + tuple(x._a.shape)) for c, x in zip(columns, own, strict=True)]
            for k, y in enumerate(outputs)
        ]
    result = tuple(_one_or_all(row, inputs_tuple) for row in rows)
    return _released(_one_or_all(result, outputs_tuple), create_graph)


def _check_single(out: Any, function: str) -> Any:
    """The one number that a function has to return for its Hessian."""
    is_tuple, outputs = _as_tuple(out, "outputs of the user-provided function", function)
    if is_tuple or len(outputs) != 1:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0]._a.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {function} should contain a single element")
    return outputs[0].squeeze()


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    r"""The Hessian :math:`H_{ij} = \partial^2 f / \partial x_i \partial x_j` of a function that returns one number.

    Args:
        outer_jacobian_strategy: how the gradient is differentiated; see :func:`jacobian`.

    Example:
        >>> import nnlite
        >>> nnlite.autograd.functional.hessian(lambda x: (x**3).sum(), nnlite.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    inputs_tuple, given = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def gradient(*own: Any) -> tuple[Any, ...]:
        out = _check_single(func(*own), "hessian")
        _check_strict((out,), strict, "hessian")
        if node_of(out) is None:
            return tuple(zeros_like(x) for x in own)
        found = _gradients((out,), own, (wrap(backend_of(out._a).xp.ones_like(out._a)),), True)
        return _filled(found, own, strict, strict, "jacobian")

    result = jacobian(gradient, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return result if inputs_tuple else result[0][0]


def _with_gradient(
    func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool, function: str
) -> tuple[bool, tuple[Any, ...], tuple[Any, ...], Any, tuple[Any, ...]]:
    """Whether the inputs came as a tuple, the inputs tracked, the vectors, the output, and its gradient."""
    inputs_tuple, given = _as_tuple(inputs, "inputs", function)
    own = _tracked(given, create_graph)
    vectors = _vectors(v, own, inputs_tuple, function)
    raw = func(*own)
    out = _check_single(raw, function)
    _check_strict((out,), strict, function)
    one = wrap(backend_of(out._a).xp.ones_like(out._a))
    first = _filled(_gradients((out,), own, (one,), True), own, strict, True, "jacobian")
    return inputs_tuple, own, vectors, raw, first


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""The output of ``func`` and the vector-Hessian product :math:`v^T H`; see :func:`hvp`, which it equals.

    Example:
        >>> import nnlite
        >>> nnlite.autograd.functional.vhp(lambda x: (x**3).sum(), nnlite.tensor([1.0, 2.0]), nnlite.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        inputs_tuple, own, vectors, raw, first = _with_gradient(func, inputs, v, create_graph, strict, "vhp")
        found = _filled(_gradients(first, own, vectors, create_graph), own, strict, create_graph, "hessian")
    return _released(raw, create_graph), _released(_one_or_all(found, inputs_tuple), create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    r"""The output of ``func`` and the Hessian-vector product :math:`H v`.

    Computed as the derivative of the vector-Jacobian product of the gradient; ``vhp`` is faster and, the Hessian being
    symmetric where it is continuous, the same.

    Example:
        >>> import nnlite
        >>> nnlite.autograd.functional.hvp(lambda x: (x**3).sum(), nnlite.tensor([1.0, 2.0]), nnlite.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        inputs_tuple, own, vectors, raw, first = _with_gradient(func, inputs, v, create_graph, strict, "hvp")
        dummies = _dummies(own)
        second = _filled(_gradients(first, own, dummies, True), own, strict, True, "hessian")
        found = _filled(_gradients(second, dummies, vectors, create_graph), own, strict, create_graph, "hessian")
    return _released(raw, create_graph), _released(_one_or_all(found, inputs_tuple), create_graph)
