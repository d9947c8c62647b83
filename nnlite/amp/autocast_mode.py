"""``autocast``: the context in which operations choose the precision of their operands."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .. import cuda
from .._core.autocast import autocast as _state
from .._core.device import device as _Device
from .._core.dtypes import bfloat16, float16, float64
from .._core.dtypes import dtype as _Dtype
from .._core.warn import warn
from ..tensor import Tensor

__all__ = [
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
]

_F = TypeVar("_F", bound=Callable[..., Any])


def _known(device_type: Any) -> str:
    """A device type that there is.

    Raises:
        ValueError: it is no string. RuntimeError: there is no such device.
    """
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type)}` (of a device, give its `.type`)"
        )
    return _Device(device_type).type


def is_autocast_available(device_type: str) -> bool:
    """Whether ``autocast`` knows this type of device.

    Example:
        >>> import nnlite
        >>> nnlite.amp.is_autocast_available("cpu")
        True
    """
    return _known(device_type) != "meta"


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is enabled for a type of device, in this thread.

    Example:
        >>> import nnlite
        >>> with nnlite.autocast("cpu"):
        ...     nnlite.is_autocast_enabled("cpu")
        True
    """
    return _state.enabled.get(_known(device_type), False)


def set_autocast_enabled(device_type: Any, enabled: Any = None) -> None:
    """Enable or disable autocast from here on; ``autocast`` as a context does so for its extent.

    Args:
        device_type: left out, ``"cuda"``.
    """
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if not isinstance(enabled, bool):
        raise TypeError(
            f"set_autocast_enabled(): argument 'enabled' (position 2) must be bool, not {type(enabled).__name__}"
        )
    kind = _known(device_type)
    if enabled:
        from ._install import install

        install()
    _state.enable(kind, enabled)


def get_autocast_dtype(device_type: str) -> _Dtype:
    """The lower precision for a type of device: bfloat16 for ``"cpu"`` unless set otherwise, float16 for others."""
    return _state.dtypes[_known(device_type)]


def set_autocast_dtype(device_type: str, dtype: _Dtype) -> None:
    """Set the lower precision for a type of device."""
    if not isinstance(dtype, _Dtype):
        raise TypeError(
            f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {type(dtype).__name__}"
        )
    _state.dtypes[_known(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether a parameter is cast once for each outermost context."""
    return _state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Choose whether a parameter is cast once for each outermost context."""
    _state.cache_enabled = enabled


def clear_autocast_cache() -> None:
    """Forget the parameters that were cast."""
    _state.cache.clear()


def autocast_increment_nesting() -> int:
    """One more context is open; how many there are."""
    _state.nesting += 1
    return _state.nesting


def autocast_decrement_nesting() -> int:
    """One context less is open; how many there are."""
    _state.nesting -= 1
    return _state.nesting


def is_autocast_cpu_enabled() -> bool:
    """The older form of ``is_autocast_enabled("cpu")``."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """The older form of ``set_autocast_enabled("cpu", enabled)``."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> _Dtype:
    """The older form of ``get_autocast_dtype("cpu")``."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: _Dtype) -> None:
    """The older form of ``set_autocast_dtype("cpu", dtype)``."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> _Dtype:
    """The older form of ``get_autocast_dtype("cuda")``."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: _Dtype) -> None:
    """The older form of ``set_autocast_dtype("cuda", dtype)``."""
    set_autocast_dtype("cuda", dtype)


class autocast:
    """Operations choose the precision of their operands: a context and a decorator.

    Matrix products and convolutions run in the lower precision; operations that need the range of float32, such as
    losses, run in float32; operations on operands of several dtypes in the widest. All others run in the dtype they are
    given. ``nnlite/amp/_lists.py`` is the table: PyTorch's of the CPU for ``"cpu"``, PyTorch's of CUDA for all other
    devices. Tensors of float64 and of integers, operations in place, and those with ``out=`` are left alone.

    The casts are recorded: the gradients of float32 parameters are of float32. Only the forward pass and the loss
    belong into the context.

    Args:
        device_type: ``"cpu"``, ``"cuda"``, ``"strict"``; other devices are not concerned.
        dtype: the lower precision, float16 or bfloat16; by default `get_autocast_dtype`.
        enabled: False switches autocast off inside another context.
        cache_enabled: cast a parameter once for each outermost context.

    Raises:
        ValueError: the device type is no string.
        RuntimeError: there is no such device.

    Example:
        >>> import nnlite
        >>> layer = nnlite.nn.Linear(3, 2)
        >>> with nnlite.autocast("cpu", dtype=nnlite.float16):
        ...     out = layer(nnlite.ones(1, 3))
        >>> out.dtype
        torch.float16
        >>> out.float().sum().backward()
        >>> layer.weight.grad.dtype
        torch.float32
    """

    def __init__(
        self, device_type: str, dtype: _Dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _known(device_type)
        self.fast_dtype = _state.dtypes[self.device] if dtype is None else dtype
        self._cache_enabled = _state.cache_enabled if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled)
        self._outer: list[tuple[bool, _Dtype, bool]] = []
        if self.device == "cuda" and enabled and not cuda.is_available():
            warn("User provided device_type of 'cuda', but CUDA is not available. Disabling autocast.")
            self._enabled = False
        if self._enabled and self.fast_dtype not in (float16, bfloat16):
            name = self.device.upper() if self.device in ("cpu", "cuda") else self.device
            warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n{name} Autocast only "
                "supports dtypes of torch.bfloat16, torch.float16 currently."
            )
            self._enabled = False

    def __enter__(self) -> autocast:
        if self._enabled:
            self.fast_dtype.np  # noqa: B018 - bfloat16 needs a package; its error belongs here
        self._outer.append((_state.enabled[self.device], _state.dtypes[self.device], _state.cache_enabled))
        set_autocast_enabled(self.device, self._enabled)
        _state.dtypes[self.device] = self.fast_dtype
        _state.nesting += 1
        _state.cache_enabled = self._cache_enabled
        return self

    def __exit__(self, *exc: Any) -> None:
        _state.nesting -= 1
        if _state.nesting == 0:
            _state.cache.clear()
        enabled, lower, _state.cache_enabled = self._outer.pop()
        _state.dtypes[self.device] = lower
        _state.enable(self.device, enabled)

    def __call__(self, function: _F) -> _F:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: _Dtype | None = None) -> Any:
    """Decorates the ``forward`` of an `autograd.Function` that may run under ``autocast``; `custom_bwd` its
    ``backward``.

    Args:
        cast_inputs: run ``forward`` with autocast disabled, its floating point tensors (those of float64 besides) cast
            to this dtype. None: run it under the autocast of the caller.

    Raises:
        ValueError, RuntimeError: no such device type.

    Example:
        >>> import nnlite
        >>> class Cube(nnlite.autograd.Function):
        ...     @staticmethod
        ...     @nnlite.amp.custom_fwd(device_type="cpu", cast_inputs=nnlite.float32)
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...     @staticmethod
        ...     @nnlite.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * g * x**2
        >>> with nnlite.autocast("cpu", dtype=nnlite.float16):
        ...     Cube.apply(nnlite.ones(2, dtype=nnlite.float16))
        tensor([1., 1.])
    """
    kind = _known(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = _state.dtypes[kind]
        enabled = _state.enabled[kind]
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return fwd(ctx, *args, **kwargs)
        with autocast(kind, enabled=False):
            return fwd(ctx, *_cast(args, kind, cast_inputs), **_cast(kwargs, kind, cast_inputs))

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorates the ``backward`` that belongs to a ``forward`` decorated by `custom_fwd`: it runs under the same
    autocast.

    Raises:
        ValueError, RuntimeError: no such device type.
    """
    kind = _known(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(kind, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return backward


def _cast(value: Any, device_type: str, dtype: _Dtype) -> Any:
    """A value with the floating point tensors in it in another dtype."""
    if isinstance(value, Tensor):
        wanted = value.is_floating_point() and value.dtype is not float64 and value.device.type == device_type
        return value.to(dtype) if wanted else value
    if isinstance(value, Mapping):
        return {key: _cast(each, device_type, dtype) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cast(each, device_type, dtype) for each in value)
    return value
