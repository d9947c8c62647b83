"""``vmap``: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core.batched import random as _random  # noqa: F401 - puts itself before the generator
from .._core.batched.crossing import batched_tensor, enter, leave, leave_shared
from .._core.batched.levels import Level
from .._core.op import TensorBase
from .._core.tensor_base import wrap
from ..backends import backend_of
from ._pytree import flatten, leaves_of, spread


def name_of(func: Any) -> str:
    """The name of a function in messages."""
    return getattr(func, "__name__", repr(func))


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that runs ``func`` on all examples of a batch at once.

    Inside ``func`` a tensor has the shape of one example. Operations run on the whole batch; those that have no rule
    for it run once for each example, which is slower and gives the same (``NNLITE_EXPLAIN=1`` tells which). It can be
    nested, and combined with ``grad``, ``jacrev`` and the others: ``vmap(grad(loss), (None, 0, 0))`` gives the gradient
    of each example.

    Args:
        in_dims: the dimension of the batch in each argument, None for arguments that all examples share; one for all
            arguments, or a tuple with one for each, nested as the arguments are.
        out_dims: where the batch stands in the results, nested likewise; None for results that all examples share.
        randomness: what random functions do inside: ``"error"``, ``"same"`` or ``"different"`` numbers for the
            examples.
        chunk_size: at most this many examples at a time, to use less memory.

    Raises:
        ValueError: the dimensions do not fit the arguments or results, or batch sizes differ.
        RuntimeError: ``func`` needs a value in Python (``.item()``, ``if``) or a shape that depends on values.

    Example:
        >>> import nnlite
        >>> x = nnlite.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> nnlite.vmap(nnlite.dot)(x, x)
        tensor([ 5., 25.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not (isinstance(chunk_size, int) and chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def over_batch(*args: Any, **kwargs: Any) -> Any:
        leaves, dims, rebuild, size = _inputs(func, in_dims, args)
        if chunk_size is None or size <= chunk_size:
            return _run(func, leaves, dims, rebuild, size, out_dims, randomness, kwargs)
        pieces = []
        for start in range(0, size, chunk_size):
            part = [x if d is None else x.narrow(d, start, min(chunk_size, size - start))
                    for x, d in zip(leaves, dims, strict=True)]  # fmt: skip
            pieces.append(_run(func, part, dims, rebuild, min(chunk_size, size - start), out_dims, randomness, kwargs))
        return _joined(pieces, out_dims)

    return over_batch


def _inputs(func: Any, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], list[Any], Any, int]:
    """The leaves of the arguments with their batch dimensions, and the batch size."""
    name = name_of(func)
    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    start = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, int | tuple):
        raise ValueError(
            f"{start}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(f"{start}got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
                         "function with no inputs. The latter is unsupported.")  # fmt: skip
    leaves, rebuild = flatten(args)
    dims = spread(in_dims, args)
    if dims is None:
        raise ValueError(
            f"{start}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{_form(in_dims)} but inputs has structure {_form(args)}."
        )
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(f"{start}Got in_dim={d} for an input but in_dim must be either an integer dimension or "
                             "None.")  # fmt: skip
        if not isinstance(x, TensorBase):
            if type(in_dims) is int:
                dims[i] = None  # numbers beside tensors are shared
                continue
            raise ValueError(f"{start}Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap "
                             "over non-Tensor arguments, please use None as the respective in_dim")  # fmt: skip
        n = x._a.ndim
        if not -n <= d < n:
            raise ValueError(
                f"{start}Got in_dim={d} for some input, but that input is a Tensor of dimensionality {n} so expected "
                f"in_dim to satisfy -{n} <= in_dim < {n}."
            )
        dims[i] = d % n
        sizes.append(x._a.shape[dims[i]])
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the "
            "mapped dimension"
        )
    return leaves, dims, rebuild, sizes[0]


def _form(tree: Any) -> Any:
    """The containers of a tree, for messages."""
    if isinstance(tree, tuple | list):
        return type(tree)(_form(part) for part in tree)
    return {key: _form(value) for key, value in tree.items()} if isinstance(tree, dict) else "*"


def _run(
    func: Any, leaves: list[Any], dims: list[Any], rebuild: Any, size: int, out_dims: Any, randomness: str, kwargs: Any
) -> Any:
    with Level(size, randomness) as level:
        batched = [x if d is None else batch(x, level, d) for x, d in zip(leaves, dims, strict=True)]
        out = func(*rebuild(batched), **kwargs)
        return _outputs(func, out, out_dims, level)


def batch(x: Any, level: Level, axis: int) -> Any:
    """A tensor whose ``axis`` holds the examples, as one of one example; writes to it go through."""
    out = enter(x, level=level, axis=axis)
    out._vc = x._vc
    return out


def _outputs(func: Any, out: Any, out_dims: Any, level: Level) -> Any:
    leaves, rebuild = flatten(out)
    name = name_of(func)
    dims = spread(tuple(out_dims) if isinstance(out_dims, list) and isinstance(out, tuple) else out_dims, out)
    if dims is None:
        single = isinstance(out_dims, tuple) and len(out_dims) == 1 and isinstance(out, TensorBase)
        dims = [out_dims[0]] if single else None
    if dims is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {_form(out_dims)} but outputs has structure {_form(out)}."
        )
    return rebuild([_unbatch(name, x, d, level) for x, d in zip(leaves, dims, strict=True)])


def _unbatch(name: str, x: Any, d: Any, level: Level) -> Any:
    if d is None:
        if isinstance(x, TensorBase):
            if batched_tensor(x, level):
                raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
            return leave_shared(x, level=level)
        return x
    if not isinstance(x, TensorBase):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= "
            "to None for output?"
        )
    n = x._a.ndim + 1
    if not -n <= d < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
    return leave(x, level=level, axis=d % n)


def _joined(pieces: list[Any], out_dims: Any) -> Any:
    """The results of the chunks, one behind the other."""
    from ..ops.shape.views import cat

    first, rebuild = flatten(pieces[0])
    dims = spread(out_dims, pieces[0]) or [out_dims[0]]
    rows = [leaves_of(piece) for piece in pieces]
    return rebuild(
        [rows[0][i] if d is None else cat([row[i] for row in rows], d) for i, d in enumerate(dims[: len(first)])]
    )


def identity_rows(x: Any) -> Any:
    """One row for each element of ``x``: a one there and zeros elsewhere, in the shape of ``x`` behind the rows."""
    a = x._a
    xp = backend_of(a).xp
    return wrap(xp.eye(a.size, dtype=a.dtype).reshape((a.size, *a.shape)))
