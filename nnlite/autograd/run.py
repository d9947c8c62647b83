"""``backward`` and ``grad``: the ways into the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .._core import dtypes, engine
from .._core.op import TensorBase
from .._core.tensor_base import wrap
from .._core.views import node_of
from ..backends import backend_of
from ._vmap import vmap
from .graph import GradientEdge


def _batched(outs: tuple[Any, ...], nodes: list[Any], grads: tuple[Any, ...], retain: bool, create: bool) -> list[Any]:
    """Gradients for a batch of gradients to start from, in one walk."""
    given = [g for g in grads if g is not None]
    if not given:
        raise RuntimeError("grad(is_grads_batched=True) needs grad_outputs, with the batch as dimension 0")
    unused: list[bool] = []

    def one(*parts: Any) -> tuple[Any, ...]:
        rest = iter(parts)
        own = tuple(None if g is None else next(rest) for g in grads)
        found = engine.gradients_at(_roots(outs, own), nodes, retain, create)
        unused[:] = [g is None for g in found]
        return tuple(given[0].new_zeros(()) if g is None else g for g in found)

    results = vmap(one)(*given)
    return [None if missing else g for g, missing in zip(results, unused, strict=True)]


_SINGLE = (TensorBase, GradientEdge)


def _several(value: Any) -> tuple[Any, ...]:
    single = isinstance(value, _SINGLE) or not isinstance(value, Iterable)
    return (value,) if single else tuple(value)


def _roots(tensors: tuple[Any, ...], gradients: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """Pairs of node and gradient to start from."""
    roots = []
    for i, (t, g) in enumerate(zip(tensors, gradients, strict=True)):
        node = node_of(t)
        if node is None:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        a = t._a
        if g is None:
            if a.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs (the output has shape {list(a.shape)}; "
                    "pass gradient=, or reduce it with .sum() or .mean())"
                )
            if a.dtype.kind not in "fV":
                raise RuntimeError(
                    f"grad can be implicitly created only for real scalar outputs but got {dtypes.from_numpy[a.dtype]}"
                )
            one = backend_of(a).xp.empty_like(a)
            one.fill(1)
            g = wrap(one)
        else:
            g = _checked(i, g, a)
        roots.append((node, g))
    return roots


def _checked(i: int, g: Any, a: Any) -> Any:
    if not isinstance(g, TensorBase):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if tuple(g._a.shape) != tuple(a.shape):
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of "
            f"torch.Size({list(a.shape)})."
        )
    return g if g._a.dtype == a.dtype else g.to(dtypes.from_numpy[a.dtype])


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of ``tensors`` to the ``.grad`` of the leaves they were computed from.

    Args:
        grad_tensors: the gradients to start from; 1 for scalars unless given.
        retain_graph: keep what was saved, so that backward can run again; as ``create_graph`` unless given.
        create_graph: record the gradients' computation, so that they can be differentiated.
        inputs: add only to the ``.grad`` of these.

    Raises:
        RuntimeError: no graph, not a scalar, a second backward, or a saved tensor that was written to since.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([1.0, 2.0], requires_grad=True)
        >>> nnlite.autograd.backward((x * x).sum())
        >>> x.grad
        tensor([2., 4.])
    """
    outs = _several(tensors)
    grads = (None,) * len(outs) if grad_tensors is None else _several(grad_tensors)
    if len(grads) != len(outs):
        raise RuntimeError(f"got {len(outs)} tensors and {len(grads)} gradients")
    retain = create_graph if retain_graph is None else retain_graph
    roots = _roots(outs, grads)
    if inputs is None:
        engine.run(roots, retain, create_graph)
        return
    leaves = _several(inputs)
    if not leaves:
        raise RuntimeError("'inputs' argument to 'backward' cannot be empty.")
    nodes = [_input_node(i, t) for i, t in enumerate(leaves)]
    for t, g in zip(leaves, engine.gradients_at(roots, nodes, retain, create_graph), strict=True):
        if g is not None:
            t._grad = g.clone() if t._grad is None else t._grad + g


def _input_node(i: int, t: Any) -> Any:
    if isinstance(t, GradientEdge):
        return t.ownership_token or t.node
    if not isinstance(t, TensorBase):
        raise TypeError(f"grad(): argument 'inputs' must be Tensors or GradientEdges, got {type(t).__name__}")
    node = node_of(t)
    if node is None:
        raise RuntimeError(f"One of the differentiated Tensors does not require grad (element {i} of inputs)")
    return node


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``; no ``.grad`` changes.

    Raises:
        RuntimeError: an input was not used and ``allow_unused`` is not set, or as for :func:`backward`.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor(3.0, requires_grad=True)
        >>> (dx,) = nnlite.autograd.grad(x**3, x, create_graph=True)
        >>> nnlite.autograd.grad(dx, x)
        (tensor(18.),)
    """
    outs, ins = _several(outputs), _several(inputs)
    if not ins:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    grads: Sequence[Any] = (None,) * len(outs) if grad_outputs is None else _several(grad_outputs)
    if allow_unused is None:
        allow_unused = materialize_grads
    nodes = [_input_node(i, t) for i, t in enumerate(ins)]
    retain = create_graph if retain_graph is None else retain_graph
    if materialize_grads and not allow_unused:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
                         "allow_unused=False.")  # fmt: skip
    if is_grads_batched:
        found = _batched(outs, nodes, tuple(grads), retain, create_graph)
    else:
        found = engine.gradients_at(_roots(outs, tuple(grads)), nodes, retain, create_graph)
    for i, g in enumerate(found):
        if g is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set "
                f"allow_unused=True if this is the desired behavior. (element {i} of inputs)"
            )
        if g is None and materialize_grads:
            found[i] = wrap(backend_of(ins[i]._a).xp.zeros_like(ins[i]._a))
    return tuple(found)
