"""Writing the result of an operation into its first input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.registry import backend_of, tables
from . import dtypes
from .batched.levels import VmapError
from .grad_mode import mode
from .inference import check_write
from .node import Node, caller, next_seq
from .operands import check_same_device, explain, no_order, not_a_tensor, number_for, numbers_moved, raised, raw
from .operation import OUT, Op, cast
from .tensor_base import TensorBase, wrap
from .views import base_of, check_in_place, node_of, rebase


def in_place(function: Callable[..., Any], x: Any, *others: Any, **attrs: Any) -> Any:
    """Put the result of an operation into its first input.

    Raises:
        RuntimeError: the result does not fit ``x``'s shape or dtype, or ``x`` is a leaf that requires grad.
    """
    op: Op = function.op  # type: ignore[attr-defined]
    name = op.name + "_"
    if not isinstance(x, TensorBase):
        raise not_a_tensor(name, 0, x)
    check_write(x)
    xa = x._a
    if op.ordered and xa.dtype.kind == "c":
        raise no_order(op.name, xa)
    if op.to_float and xa.dtype.kind in "biu":
        _check_result_type(xa, dtypes.default.float)
    others = tuple(_operand(name, x, other) for other in others)
    raws = [xa, *(_apart(x, other) for other in others)]
    nodes = tuple([node_of(t) if isinstance(t, TensorBase) else None for t in (x, *others)])
    record = mode.grad and op.differentiable and any(node is not None for node in nodes)
    if record or (mode.grad and x._view is not None and base_of(x._view)._node is not None):
        check_in_place(x, name)
    keeps = op.keeps(nodes) if record else ()
    saves_x = any(keep and source == 0 for keep, source in zip(keeps, op.saves, strict=False))
    old = backend_of(xa).xp.array(xa) if saves_x else xa
    _write(op, name, xa, raws, attrs)
    x._vc[0] += 1
    if record:
        rebase(x, _node(op, nodes, x, others, [old, *raws[1:]], attrs))
    return x


def _apart(x: TensorBase, other: Any) -> Any:
    """The raw operand; a copy if it is another part of the storage that is written to, since kernels run in any
    order."""
    if isinstance(other, TensorBase) and other._vc is x._vc and other._a is not x._a:
        return backend_of(other._a).xp.array(other._a)
    return raw(other)


def _operand(name: str, x: TensorBase, other: Any) -> Any:
    """``other`` as an operand of an operation that writes to ``x``: in ``x``'s dtype."""
    if not isinstance(other, TensorBase):
        if isinstance(other, np.ndarray):
            other = wrap(other)
        elif other is not None:
            _check_result_type(x._a, dtypes.result((x._a, other)))
            return number_for(other, x._a)
        else:
            return None
    if type(other._a) is not type(x._a):
        _, other = numbers_moved((x, other)) or (x, other)
    if other._a.dtype is not x._a.dtype:
        _check_result_type(x._a, dtypes.result((x._a, other._a)))
        check_same_device(name, (x._a, other._a))
        return cast(other, x._a.dtype)
    return other


def _check_result_type(xa: Any, kind: dtypes.dtype) -> None:
    mine = dtypes.from_numpy[xa.dtype]
    if kind.category > mine.category:
        given, wanted = (dtypes.TITLES[t.name] for t in (kind, mine))
        raise RuntimeError(f"result type {given} can't be cast to the desired output type {wanted}")


def _write(op: Op, name: str, xa: Any, raws: list[Any], attrs: dict[str, Any]) -> None:
    backend = backend_of(xa)
    if backend.several and backend.current_index() != backend.index_of(xa):
        check_same_device(name, raws)
        with backend.use(backend.index_of(xa)):
            return _write(op, name, xa, raws, attrs)
    for a in raws:
        if type(a) is not type(xa) and type(a) in tables:
            check_same_device(name, raws)
            check_same_batch(name, xa, a)
    if 0 in xa.strides and xa.size > 1 and not (op.write is not None and getattr(raws[1], "size", 0) == 1):
        check_no_element_twice(name, xa)
    try:
        if op.write is not None:
            op.write(backend.xp, *raws, **attrs)
            return
        if op.ufunc and all(getattr(a, "ndim", 0) <= xa.ndim for a in raws):
            op.impl[type(xa)](*raws, out=xa, casting="unsafe")
            return
        result = op.impl[type(xa)](*raws, **attrs)
    except (ValueError, TypeError, MemoryError) as error:
        raise _shape_error(xa, raws, explain(name, error, raws)) from error
    except RuntimeError as error:
        raised(error)
    if tuple(result.shape) != tuple(xa.shape):
        raise _shape_error(xa, [result], RuntimeError("shapes differ"))
    xa[...] = result


def check_same_batch(name: str, xa: Any, other: Any) -> None:
    """Raise if the examples of a ``vmap`` would have to write different values to what they share."""
    mine, its = (getattr(a, "level", None) for a in (xa, other))
    if its is not None and (mine is None or mine.id < its.id):
        raise VmapError(
            f"vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in "
            f"extra_args that has more elements than `self`: {name} would write a value for each example to a tensor "
            f"that all examples share. Use the operation that makes a new tensor, or make `self` from an input."
        )


def check_no_element_twice(name: str, xa: Any) -> None:
    """Raise for a raw array in which one element stands at several places, as ``expand`` makes it."""
    if any(n > 1 and not step for n, step in zip(xa.shape, xa.strides, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            f"Please clone() the tensor before performing the operation. ({name})"
        )


def _shape_error(xa: Any, raws: list[Any], error: Exception) -> Exception:
    try:
        shape = np.broadcast_shapes(*(a.shape for a in raws if hasattr(a, "shape")))
    except ValueError:
        return error
    if tuple(shape) == tuple(xa.shape):
        return error
    return RuntimeError(f"output with shape {list(xa.shape)} doesn't match the broadcast shape {list(shape)}")


def _node(
    op: Op, nodes: tuple[Any, ...], x: Any, others: tuple[Any, ...], raws: list[Any], attrs: dict[str, Any]
) -> Node:
    """The node of an operation that wrote to ``x``; ``raws[0]`` holds ``x``'s former values if the rule wants them."""
    n = Node()
    n.op = op
    n.edges = nodes
    saved: list[Any] = []
    versions: list[Any] = []
    for source, keep in zip(op.saves, op.keeps(nodes), strict=True):
        if not keep:
            saved.append(None)
        elif source == OUT:
            saved.append(x._a)
            versions += (x._vc, x._vc[0])
        else:
            saved.append(raws[source])
            t = None if source == 0 else others[source - 1]
            if isinstance(t, TensorBase):
                # Where the operand shares x's storage the write has changed it too, and backward has to say so.
                versions += (t._vc, t._vc[0] - (t._vc is x._vc))
    n.saved = tuple(saved)
    n.versions = tuple(versions) or None
    n.attrs = attrs
    n.shapes = tuple(getattr(a, "shape", None) for a in raws)
    n.hooks = None
    n.where = caller()
    n.seq = next_seq()
    return n
