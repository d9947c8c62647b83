"""Functions that make tensors of data, of a pattern, or of random numbers."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._core import dtypes, rng
from ._core.device import available, device_of
from ._core.op import TensorBase, in_place, not_a_tensor
from ._core.tensor_base import wrap
from ._core.views import check_in_place
from .backends import backend_of
from .ops._public import public, put
from .ops.elementwise import zeros_like as _zeros_of
from .ops.shape import sizes_of
from .ops.transfer import to_device


def _finish(array: Any, requires_grad: bool) -> Any:
    t = wrap(array)
    return t.requires_grad_() if requires_grad else t


def _kind(dtype: Any, function: str) -> dtypes.dtype:
    return dtypes.default.float if dtype is None else dtypes.as_dtype(dtype, function)


def _check_layout(function: str, kwargs: dict[str, Any]) -> None:
    """Accept the arguments that mean nothing here; refuse the others."""
    for name in ("layout", "pin_memory", "memory_format", "out", "names"):
        value = kwargs.pop(name, None)
        if name == "out" and value is not None:
            raise NotImplementedError(f"{function}(out=...) is not implemented; write to the tensor with copy_()")
    if kwargs:
        raise TypeError(f"{function}() got an unexpected keyword argument '{next(iter(kwargs))}'")


# ---------------------------------------------------------------------------------------------------------------------
# Of data


def _shape_of_lists(data: Any, depth: int = 0) -> None:
    """Raise PyTorch's error for nested sequences of different lengths."""
    if not isinstance(data, list | tuple) or not data:
        return
    first = data[0]
    if not isinstance(first, list | tuple):
        for item in data:
            if isinstance(item, list | tuple):
                raise TypeError(f"'{type(item).__name__}' object cannot be interpreted as a number at dim {depth + 1}")
    else:
        for item in data:
            if not isinstance(item, list | tuple):
                raise TypeError(f"not a sequence: {type(item).__name__} beside lists at dim {depth + 1}")
            if len(item) != len(first):
                raise ValueError(f"expected sequence of length {len(first)} at dim {depth + 1} (got {len(item)})")
        for item in data:
            _shape_of_lists(item, depth + 1)


def _leaf(data: Any) -> Any:
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return data


def _leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, list | tuple):
        for item in data:
            yield from _leaves(item)
    else:
        yield data


def _plain(data: Any) -> Any:
    """Nested lists with their tensors as arrays."""
    if isinstance(data, TensorBase):
        return backend_of(data._a).to_host(data._a)
    return [_plain(item) for item in data] if isinstance(data, list | tuple) else data


def _host_array(data: Any, dtype: dtypes.dtype | None) -> np.ndarray:
    """A NumPy array of a number, a NumPy value or nested sequences, in the dtype that PyTorch gives it."""
    if isinstance(data, np.ndarray | np.generic):
        return _of_array(np.asarray(data), dtype)
    if not isinstance(data, int | float | complex | list | tuple | range):
        if hasattr(data, "__array__"):
            return _of_array(np.asarray(data), dtype)
        if not hasattr(data, "__getitem__") or isinstance(data, dict | str | bytes):
            raise _no_number(data)
        data = list(data)
    has_tensors = isinstance(data, list | tuple) and _contains_tensor(data)
    try:
        array = np.array(_plain(data) if has_tensors else data)
    except (ValueError, TypeError):
        _shape_of_lists(data)
        raise _no_number(data) from None
    except OverflowError:
        raise _too_large() from None
    if array.dtype.kind not in "biufcV":
        _shape_of_lists(data)
        raise _no_number(data)
    if array.dtype == np.uint64 and not isinstance(_leaf(data), np.generic):
        raise _too_large()
    if dtype is not None:
        return _converted(array, dtype)
    return array.astype(_inferred(data, array).np, copy=False)


def _of_array(array: np.ndarray, dtype: dtypes.dtype | None) -> np.ndarray:
    if array.dtype.kind not in "biufcV":
        raise TypeError(f"can't convert np.ndarray of type {array.dtype.type.__module__}.{array.dtype.type.__name__}. "
                        "The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, "
                        "int16, int8, uint8, and bool.")  # fmt: skip
    return array.astype((dtypes.from_numpy[array.dtype] if dtype is None else dtype).np, copy=False)


def _inferred(data: Any, array: np.ndarray) -> dtypes.dtype:
    """The dtype of the numbers in nested sequences."""
    if array.size == 0 and not isinstance(_leaf(data), TensorBase | np.ndarray):
        return dtypes.default.float
    if isinstance(_leaf(data), np.generic | TensorBase | np.ndarray):
        kinds = {dtypes.from_numpy[v.dtype] if isinstance(v, np.generic | np.ndarray)
                 else dtypes.from_numpy[v._a.dtype] if isinstance(v, TensorBase) else dtypes.of_scalar(v)
                 for v in _leaves(data)}  # fmt: skip
        return functools.reduce(dtypes.promote_types, kinds)
    if array.dtype.kind == "f":
        return dtypes.default.float
    return dtypes.default.complex if array.dtype.kind == "c" else dtypes.from_numpy[array.dtype]


def _converted(array: np.ndarray, dtype: dtypes.dtype) -> np.ndarray:
    """Numbers of nested sequences in a dtype that was asked for.

    Raises:
        RuntimeError: a number is out of the range of an integer type.
        TypeError: a complex number for a real type.
    """
    if array.dtype.kind == "c" and dtype.category in (dtypes.INTEGER, dtypes.FLOAT):
        raise TypeError(f"must be real number, not complex (tensor() with dtype={dtype})")
    if dtype.category == dtypes.INTEGER and array.size:
        for extreme in (array.min(), array.max()):
            dtypes.number(extreme, dtype)
    return array.astype(dtype.np)


def _no_number(data: Any) -> Exception:
    """The error for data that holds something else than numbers."""
    for leaf in _leaves(data):
        if isinstance(leaf, str | bytes):
            return TypeError(f"new(): invalid data type '{type(leaf).__name__}' (tensor() takes numbers)")
        if not isinstance(leaf, int | float | complex | np.generic | np.ndarray | TensorBase | range):
            return RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")
        if isinstance(leaf, int) and not -(1 << 63) <= leaf < 1 << 63:
            return _too_large()
    return ValueError("tensor(): the items have different shapes")


def _too_large() -> ValueError:
    return ValueError("Overflow when unpacking long long: an integer does not fit in 64 bits (give it as a float)")


def _contains_tensor(data: Any) -> bool:
    return any(isinstance(v, TensorBase) or (isinstance(v, list | tuple) and _contains_tensor(v)) for v in data)


@public(method=False)
def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Any:
    """A tensor with a copy of ``data``: a number, nested sequences, a NumPy array or a tensor.

    Floats get the default dtype, ints int64, bools bool; arrays keep theirs.

    Raises:
        ValueError: sequences of different lengths, or an integer that needs more than 64 bits.
        TypeError: text. RuntimeError: anything else that is no number, or a number that ``dtype`` cannot hold.

    Example:
        >>> import nnlite
        >>> nnlite.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    kind = None if dtype is None else dtypes.as_dtype(dtype, "tensor")
    if isinstance(data, TensorBase):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            stacklevel=2,
        )
        copy = data.detach().to(kind or data.dtype).clone()
        copy = copy if device is None else copy.to(device)
        return copy.requires_grad_() if requires_grad else copy
    array = _host_array(data, kind)
    backend, index = available(device)
    if backend.name == "cpu":
        owned = array.base is None and array is not data and not isinstance(data, np.generic)
        return _finish(array if owned else np.array(array), requires_grad)
    return _finish(backend.from_host(array, index), requires_grad)


@public(method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """``data`` as a tensor, without a copy where it is a tensor or a NumPy array of the right dtype and device."""
    if isinstance(data, TensorBase):
        return data.to(*(v for v in (device, dtype) if v is not None))
    kind = None if dtype is None else dtypes.as_dtype(dtype, "as_tensor")
    if isinstance(data, np.ndarray) and (kind is None or kind.np == data.dtype):
        shared = from_numpy(data)
        return shared if device is None else to_device(shared, device_of_name(device))
    return tensor(data, dtype=kind, device=device)


def device_of_name(value: Any) -> Any:
    """A device object."""
    from ._core.device import as_device

    return as_device(value)


@public(method=False)
def from_numpy(ndarray: Any, /) -> Any:
    """A CPU tensor that shares the array's memory.

    Raises:
        TypeError: not an array, or its dtype has no tensor type.
        ValueError: a negative stride or foreign byte order.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. "
                         "Conversion between byte orders is currently not supported.")  # fmt: skip
    dtypes.from_numpy[ndarray.dtype]
    if any(s < 0 for s in ndarray.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides "
                         "are "
                         "not currently supported. (You can probably work around this by making a copy of your array  "
                         "with array.copy().) ")  # fmt: skip
    if not ndarray.flags.writeable:
        warnings.warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. "
                      "Writing to the tensor will raise an error; copy the array first.", stacklevel=2)  # fmt: skip
    return wrap(ndarray.view(np.ndarray))


@public(method=False)
def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor that shares the memory of any array with ``__dlpack__``."""
    kind = ext_tensor.__dlpack_device__()[0] if hasattr(ext_tensor, "__dlpack_device__") else 1
    backend, _ = available("cpu" if kind in (1, 3) else "cuda")
    return wrap(backend.xp.from_dlpack(ext_tensor))


@public(method=False)
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """A 0-d tensor of a number, in the default float type unless ``dtype`` says otherwise."""
    return full((), s, dtype=_kind(dtype, "scalar_tensor"), device=device, requires_grad=requires_grad)


# ---------------------------------------------------------------------------------------------------------------------
# Of a pattern


def _sizes(size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = sizes_of(size)
    if min(shape, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def _filled(function: str, size: tuple[Any, ...], maker: str, options: dict[str, Any]) -> Any:
    if "size" in options:
        size = (options.pop("size"),)
    kind = _kind(options.pop("dtype", None), function)
    where, requires_grad = options.pop("device", None), options.pop("requires_grad", False)
    _check_layout(function, options)
    shape = _sizes(size)
    backend, index = available(where)
    with backend.use(index):
        return _finish(getattr(backend.xp, maker)(shape, dtype=kind.np), requires_grad)


@public(method=False)
def zeros(*size: Any, **options: Any) -> Any:
    """A tensor of zeros: ``zeros(2, 3, dtype=None, device=None, requires_grad=False)``.

    Example:
        >>> import nnlite
        >>> nnlite.zeros(2)
        tensor([0., 0.])
    """
    return _filled("zeros", size, "zeros", options)


@public(method=False)
def ones(*size: Any, **options: Any) -> Any:
    """A tensor of ones; arguments as :func:`nnlite.zeros`."""
    return _filled("ones", size, "ones", options)


@public(method=False)
def empty(*size: Any, **options: Any) -> Any:
    """A tensor whose elements are whatever the memory held; arguments as :func:`nnlite.zeros`."""
    return _filled("empty", size, "empty", options)


@public(method=False)
def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Any:
    """A tensor of one value; its type follows the value unless ``dtype`` is given."""
    _check_layout("full", options)
    if isinstance(fill_value, TensorBase):
        fill_value = fill_value.item()
    kind = dtypes.of_scalar(fill_value) if dtype is None else dtypes.as_dtype(dtype, "full")
    value, shape = dtypes.number(fill_value, kind), _sizes((size,))
    backend, index = available(device)
    with backend.use(index):
        return _finish(backend.xp.full(shape, value, dtype=kind.np), requires_grad)


def _like(name: str, maker: Any) -> Any:
    """Register ``name_like(input, ...)`` and ``input.new_name(...)``; returns the former."""

    def like(input: Any, *args: Any, dtype: Any = None, device: Any = None, **options: Any) -> Any:
        if not isinstance(input, TensorBase):
            raise not_a_tensor(f"{name}_like", 0, input)
        return maker(tuple(input._a.shape), *args, dtype=dtype or input.dtype, device=device or input.device, **options)

    def new(input: Any, *args: Any, dtype: Any = None, device: Any = None, **options: Any) -> Any:
        return maker(*args, dtype=dtype or input.dtype, device=device or input.device, **options)

    like.__name__ = like.__qualname__ = f"{name}_like"
    new.__name__ = new.__qualname__ = f"new_{name}"
    like.__doc__ = f"``{name}`` with the shape, dtype and device of ``input``, unless others are given."
    new.__doc__ = f"``{name}`` with the dtype and device of the tensor, unless others are given."
    public(like, method=False)
    if name in ("zeros", "ones", "empty", "full"):
        public(new, only_method=True)
    return like


zeros_like = _like("zeros", zeros)
ones_like = _like("ones", ones)
empty_like = _like("empty", empty)
full_like = _like("full", full)


@public(only_method=True)
def new_tensor(input: Any, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """``tensor(data)`` with the dtype and device of the tensor, unless others are given."""
    return tensor(data, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


@public(method=False)
def arange(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """The numbers from ``start`` (0 if only the end is given) up to ``end``, without it, by ``step``.

    Raises:
        RuntimeError: ``step`` is 0 or leads away from ``end``. ValueError: it is 0 as an integer.
    """
    out = options.pop("out", None)
    if out is not None:
        return put(arange(start, end, step, dtype=out.dtype, device=out.device), out)
    _check_layout("arange", options)
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, TensorBase) else v for v in (start, end, step))
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    kind = dtypes.of_scalar(start + end + step) if dtype is None else dtypes.as_dtype(dtype, "arange")
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if kind is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise ValueError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    backend, index = available(device)
    with backend.use(index):
        n = math.ceil((end - start) / step)
        if kind.category < dtypes.FLOAT:
            start, step = int(start), int(step)
        numbers = backend.xp.arange(n, dtype="float64" if kind.category >= dtypes.FLOAT else "int64")
        return _finish((numbers * step + start).astype(kind.np), requires_grad)


@public(method=False)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Any:
    """``steps`` numbers at equal distances from ``start`` to ``end``, both included; without fractions if integers."""
    _check_layout("linspace", options)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    start, end = (v.item() if isinstance(v, TensorBase) else v for v in (start, end))
    backend, index = available(device)
    with backend.use(index):
        kind = _kind(dtype, "linspace")
        if kind.category < dtypes.FLOAT:
            start, end = int(start), int(end)
        return _finish(backend.xp.linspace(start, end, steps, dtype="float64").astype(kind.np), requires_grad)


@public(method=False)
def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Any:
    """The n x m matrix with ones on its diagonal."""
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"{'n' if n < 0 else 'm'} must be greater or equal to 0, got {n if n < 0 else m}")
    backend, index = available(device)
    with backend.use(index):
        return _finish(backend.xp.eye(n, m, dtype=_kind(dtype, "eye").np), requires_grad)


# ---------------------------------------------------------------------------------------------------------------------
# Of random numbers


def _drawn(draw: Any, function: str, size: tuple[Any, ...], options: dict[str, Any]) -> Any:
    if "size" in options:
        size = (options.pop("size"),)
    kind = _kind(options.pop("dtype", None), function)
    where, generator = options.pop("device", None), options.pop("generator", None)
    requires_grad = options.pop("requires_grad", False)
    _check_layout(function, options)
    if kind.category != dtypes.FLOAT:
        raise NotImplementedError(f'"{function}" not implemented for {kind}: use a floating-point dtype')
    return _finish(draw(_sizes(size), kind, where, generator), requires_grad)


@public(method=False)
def rand(*size: Any, **options: Any) -> Any:
    """Random numbers, uniform in [0, 1): ``rand(2, 3, generator=None, dtype=None, device=None,
    requires_grad=False)``."""
    return _drawn(rng.uniform, "rand", size, options)


@public(method=False)
def randn(*size: Any, **options: Any) -> Any:
    """Random numbers of the standard normal distribution; arguments as :func:`nnlite.rand`."""
    return _drawn(rng.normal, "randn", size, options)


@public(method=False)
def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Any = None, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """Random integers in [low, high); ``randint(high, size)`` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype, "randint")
    drawn = rng.integers(int(low), int(high), sizes_of((size,)), device, generator)
    return _finish(drawn.astype(kind.np, copy=False), requires_grad)


@public(method=False)
def randperm(n: int, *, generator: Any = None, dtype: Any = None, device: Any = None) -> Any:
    """The integers 0 to n - 1 in random order."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype, "randperm")
    return wrap(rng.permutation(n, device, generator).astype(kind.np, copy=False))


rand_like = _like("rand", rand)
randn_like = _like("randn", randn)


@public(method=False)
def normal(mean: Any, std: Any = 1.0, size: Any = None, *, generator: Any = None, **options: Any) -> Any:
    """Normal numbers: ``normal(mean, std, size)`` with numbers, or tensors of means and deviations that broadcast."""
    tensors = [v for v in (mean, std) if isinstance(v, TensorBase)]
    if not tensors:
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        if size is None:
            raise TypeError("normal(): with a number as mean and std, size is needed: normal(0.0, 1.0, size=(2, 3))")
        options["dtype"] = options.get("dtype") or dtypes.default.float
        requires_grad = options.pop("requires_grad", False)
        t = randn(sizes_of((size,)), generator=generator, **options).mul_(std).add_(mean)
        return t.requires_grad_() if requires_grad else t
    first = tensors[0]
    shape = np.broadcast_shapes(*(v._a.shape for v in tensors))
    noise = rng.normal(shape, dtypes.from_numpy[first._a.dtype], device_of(first._a), generator)
    drawn = (wrap(noise) * std + mean).detach()
    for v in tensors:  # zero gradients for the means and deviations, as in PyTorch
        drawn = drawn + _zeros_of(v) if v.requires_grad else drawn
    return drawn


@public(names=())
def bernoulli(input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Any:
    """1 with the probability that the input gives (or ``p``), else 0. The gradient is 0."""
    _float_kind(input, "bernoulli")
    drawn = rng.uniform(input._a.shape, dtypes.from_numpy[input._a.dtype], device_of(input._a), generator)
    chance = input._a if p is None else p._a if isinstance(p, TensorBase) else p
    result = wrap(backend_of(input._a).xp.asarray(drawn < chance).astype(input._a.dtype))
    if out is not None:
        return put(result, out)
    return result + _zeros_of(input) if input.requires_grad else result


# ---------------------------------------------------------------------------------------------------------------------
# In place


def _fill(input: Any, name: str, draw: Any) -> Any:
    """Write drawn numbers into a tensor; its former values get no gradient."""
    from ._core.grad_mode import mode
    from ._core.views import node_of

    if mode.grad and node_of(input) is not None:
        check_in_place(input, name)
        from .ops.index import _copy

        return in_place(_copy, input, wrap(draw))
    input._a[...] = draw
    input._vc[0] += 1
    return input


def _float_kind(input: Any, name: str) -> dtypes.dtype:
    kind = dtypes.from_numpy[input._a.dtype]
    if kind.category != dtypes.FLOAT:
        raise NotImplementedError(f'"{name}" not implemented for {kind}: use a floating-point tensor')
    return kind


@public(only_method=True)
def uniform_(input: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **bounds: float) -> Any:
    """Fill with numbers uniform in [from, to)."""
    low = bounds.pop("from", from_)
    if low > to:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={to}")
    draw = rng.uniform(input._a.shape, _float_kind(input, "uniform_"), device_of(input._a), generator)
    draw *= to - low
    draw += low
    return _fill(input, "uniform_", draw)


@public(only_method=True)
def normal_(input: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Fill with normal numbers."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    draw = rng.normal(input._a.shape, _float_kind(input, "normal_"), device_of(input._a), generator)
    return _fill(input, "normal_", draw * std + mean)


@public(only_method=True)
def bernoulli_(input: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Fill with 1 with probability ``p``, else 0."""
    if not isinstance(p, TensorBase) and not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    draw = rng.uniform(input._a.shape, dtypes.float32, device_of(input._a), generator)
    return _fill(input, "bernoulli_", (draw < (p._a if isinstance(p, TensorBase) else p)).astype(input._a.dtype))


@public(only_method=True)
def random_(input: Any, from_: int = 0, to: int | None = None, *, generator: Any = None) -> Any:
    """Fill with integers in [from, to), or in [0, to) when one number is given."""
    if to is None and from_:
        from_, to = 0, from_
    if to is None:
        kind = dtypes.from_numpy[input._a.dtype]
        bits = {"float32": 24, "float64": 53, "float16": 11, "bfloat16": 8, "bool": 1, "uint8": 8}
        to = 1 << bits.get(kind.name, 8 * kind.itemsize - 1)
    if from_ >= to:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={from_} >= to={to}")
    draw = rng.integers(from_, to, input._a.shape, device_of(input._a), generator)
    return _fill(input, "random_", draw.astype(input._a.dtype))


@public(only_method=True)
def exponential_(input: Any, lambd: float = 1.0, *, generator: Any = None) -> Any:
    """Fill with exponentially distributed numbers of rate ``lambd``."""
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    draw = rng.uniform(input._a.shape, _float_kind(input, "exponential_"), device_of(input._a), generator)
    xp = backend_of(input._a).xp
    return _fill(input, "exponential_", -xp.log1p(-draw) / lambd)
