"""Questions about a tensor that are functions and methods, and methods of layouts that there are none of."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._core import dtypes, inference
from ._core.op import TensorBase, not_a_tensor
from ._core.operands import raw
from ._core.tensor_base import wrap
from .backends import DeviceUnavailableError, backend_for, backend_of
from .backends.registry import loaded_backends
from .ops._public import METHODS, public


def _need(name: str, *tensors: Any) -> None:
    for position, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise not_a_tensor(name, position, t)


@public
def is_same_size(input: Any, other: Any) -> bool:
    """Whether both tensors have the same shape."""
    _need("is_same_size", input, other)
    return input._a.shape == other._a.shape


@public
def is_inference(input: Any) -> bool:
    """Whether the tensor was made in ``inference_mode``, or is a view of such a one."""
    _need("is_inference", input)
    return inference.is_inference(input)


@public
def is_distributed(input: Any) -> bool:
    """Whether the tensor is spread over processes: never."""
    _need("is_distributed", input)
    return False


@public(method=False)
def is_signed(input: Any) -> bool:
    """Whether the elements can be negative."""
    _need("is_signed", input)
    return input.is_signed()


@public(method=False)
def get_device(input: Any) -> int:
    """The index of the tensor's CUDA device, -1 on the CPU."""
    _need("get_device", input)
    return input.get_device()


@public(method=False)
def detach(input: Any) -> Any:
    """The same storage without a graph."""
    _need("detach", input)
    return input.detach()


@public(method=False)
def detach_(input: Any) -> Any:
    """Cut the tensor off from the graph that made it."""
    _need("detach_", input)
    return input.detach_()


@public(only_method=True)
def is_nonzero(input: Any) -> bool:
    """Whether the only element is not zero.

    Raises:
        RuntimeError: there is not just one element.
    """
    return bool(input)


def reader_of_pinned_memory(loaded: bool = False) -> Any:
    """The backend whose devices read pinned memory, or None; ``loaded`` looks only where CuPy is in use already."""
    if loaded:
        return next((backend for backend in loaded_backends() if backend.name == "cuda"), None)
    try:
        backend = backend_for("cuda")
    except DeviceUnavailableError:
        return None
    return backend if backend.unavailable_reason() is None else None


@public(only_method=True)
def is_pinned(input: Any, device: Any = None) -> bool:
    """Whether the tensor lies in pinned memory, from which a GPU copies on its own."""
    backend = reader_of_pinned_memory(loaded=True) if input.is_cpu else None
    return backend is not None and backend.unavailable_reason() is None and backend.is_pinned(input._a)


@public(only_method=True)
def pin_memory(input: Any, device: Any = None) -> Any:
    """A copy in pinned memory, for ``to("cuda", non_blocking=True)``; the tensor itself if it lies there already.

    Raises:
        RuntimeError: the tensor is not on the CPU, or there is no CUDA device that could read it.

    Example:
        >>> import nnlite
        >>> x = nnlite.ones(2)
        >>> if nnlite.cuda.is_available():
        ...     y = x.pin_memory().to("cuda", non_blocking=True)
    """
    if not input.is_cpu:
        raise RuntimeError(f"cannot pin '{input.type()}' only dense CPU tensors can be pinned (call .cpu() first)")
    backend = reader_of_pinned_memory()
    if backend is None:
        raise RuntimeError("Cannot access accelerator device when none is available. (pin_memory() is for copies to "
                           "cuda; ask nnlite.cuda.is_available() first)")  # fmt: skip
    if backend.is_pinned(input._a):
        return input
    pinned = wrap(backend.pinned(input._a))
    return pinned.requires_grad_(input.requires_grad) if input.requires_grad and input.is_leaf else pinned


@public(only_method=True)
def record_stream(input: Any, stream: Any) -> None:
    """Keep the tensor's memory from being used again, after the tensor is gone, before ``stream`` has done what it was
    given by then. For a tensor of one stream that another uses; nothing happens for a tensor that is not on a GPU.

    Example:
        >>> import nnlite
        >>> if nnlite.cuda.is_available():
        ...     side, x = nnlite.cuda.Stream(), nnlite.ones(2, device="cuda")
        ...     side.wait_stream(nnlite.cuda.current_stream())
        ...     with nnlite.cuda.stream(side):
        ...         y = x + 1
        ...     x.record_stream(side)
    """
    backend = backend_of(input._a)
    if backend.has_streams:
        backend.record_stream(input._a, stream._raw)  # type: ignore[attr-defined]


@public(only_method=True)
def dim_order(input: Any) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, the outermost first."""
    strides = input._a.strides
    return tuple(sorted(range(len(strides)), key=lambda i: -strides[i]))


@public(only_method=True)
def dense_dim(input: Any) -> int:
    """How many dimensions are dense: all."""
    return input.dim()


@public(only_method=True)
def sparse_dim(input: Any) -> int:
    """How many dimensions are sparse: 0."""
    return 0


@public(only_method=True)
def module_load(input: Any, other: Any, assign: bool = False) -> Any:
    """What ``load_state_dict`` puts in the place of this tensor: ``other`` itself, or a tensor with its values."""
    return other if assign else input.detach().copy_(other.detach())


def _of_absent_device(kind: str) -> None:
    def move(input: Any, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"Tensor.{kind}(): there is no {kind} device; nnlite has cpu and cuda")

    move.__name__ = move.__qualname__ = kind
    move.__doc__ = "Not available: raises RuntimeError, since there are no such devices."
    METHODS[kind] = move


for _kind in ("ipu", "mtia", "xpu"):
    _of_absent_device(_kind)


@public(only_method=True)
def to_dense(input: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
    """The tensor itself, which is dense, in ``dtype`` if that is given."""
    return input if dtype is None else input.to(dtype)


@public(only_method=True)
def apply_(input: Any, callable: Any) -> Any:
    """Replace each element of a CPU tensor by ``callable(element)``. Slow: operations on the whole tensor are not.

    Raises:
        TypeError: the tensor is not on the CPU. RuntimeError: it requires grad.
    """
    return _mapped("apply_", input, callable)


@public(only_method=True)
def map_(input: Any, tensor: Any, callable: Any) -> Any:
    """Replace each element of a CPU tensor by ``callable(element, element of tensor)``. Slow, as ``apply_``.

    Raises:
        TypeError: a tensor is not on the CPU. RuntimeError: the tensor requires grad.
    """
    return _mapped("map_", input, callable, tensor)


def _mapped(name: str, input: Any, function: Any, *others: Any) -> Any:
    _need(name, input, *others)
    if not all(t.is_cpu for t in (input, *others)):
        raise TypeError(f"{name} is only implemented on CPU tensors (move the tensor with .cpu())")
    if any(t.requires_grad for t in (input, *others)):
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    columns = [t.expand(input.shape)._a.reshape(-1).tolist() for t in (input, *others)]
    made = [function(*row) for row in zip(*columns, strict=True)]
    return input.copy_(input.new_tensor(made).reshape(input.shape))


def _not_sparse(name: str, wanted: str) -> None:
    def refused(input: Any, *args: Any, **options: Any) -> Any:
        raise RuntimeError(f"{name} expected {wanted} tensor layout but got Strided (nnlite's tensors are dense)")

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = f"""Not for dense tensors, which all of nnlite's are.

    Raises:
        RuntimeError: always, as PyTorch's {name} does for dense tensors.
    """
    METHODS[name] = refused


for _name in ("coalesce", "indices", "is_coalesced", "values"):
    _not_sparse(_name, "sparse coordinate")
for _name in ("crow_indices", "col_indices"):
    _not_sparse(_name, "sparse row compressed")
for _name in ("ccol_indices", "row_indices"):
    _not_sparse(_name, "sparse column compressed")


def _no_sparse(name: str) -> None:
    def refused(input: Any, *args: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{name}() is not implemented: nnlite's tensors are dense; use nonzero() for the "
                                  "places and x[x != 0] for the values")  # fmt: skip

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = """Not offered: nnlite's tensors are dense.

    Raises:
        NotImplementedError: always; it says how to get places and values.
    """
    METHODS[name] = refused


for _name in ("to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc", "to_sparse_bsr", "to_sparse_bsc"):
    _no_sparse(_name)


@public(method=False)
def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype of an operation on two tensors or numbers.

    Raises:
        TypeError: something else.

    Example:
        >>> import nnlite
        >>> nnlite.result_type(nnlite.tensor([1, 2]), 1.0)
        torch.float32
    """
    for position, value in enumerate((tensor1, tensor2)):
        if not isinstance(value, TensorBase | int | float | complex | np.generic):
            raise not_a_tensor("result_type", position, value)
    return dtypes.result(tuple(raw(v) for v in (tensor1, tensor2)))


@public(method=False)
def can_cast(from_: Any, to: Any) -> bool:
    """Whether a dtype converts to another by PyTorch's rules for writing results: not to a lower category, where
    complex is above floating point, that above integers, and those above bool.

    Example:
        >>> import nnlite
        >>> nnlite.can_cast(nnlite.float64, nnlite.float32), nnlite.can_cast(nnlite.float32, nnlite.int64)
        (True, False)
    """
    return dtypes.as_dtype(from_, "can_cast").category <= dtypes.as_dtype(to, "can_cast").category
