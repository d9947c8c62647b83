"""Moving a module to another device or dtype.

One strategy: a parameter object stays and its array is swapped; its gradient follows; a buffer is replaced in the
module. An optimizer that holds the parameters therefore goes on working. The function runs once for every parameter and
buffer, however many modules share it, and when it raises, everything that was swapped already is put back.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any, NoReturn, Self

from ..._core.device import device as Device
from ..._core.dtypes import dtype as DType
from ...creation import empty_like
from ...tensor import Tensor
from ._traversal import ModuleTree

_Fn = Callable[[Any], Any]


class _Conversion:
    """One run of ``_apply`` over a tree of modules."""

    def __init__(self, fn: _Fn) -> None:
        self.fn = fn
        self.undo: list[Callable[[], None]] = []
        self._done: dict[int, Tensor] = {}
        """Identity of a tensor that was met -> what has taken its place (for a buffer, also the new one's own)."""
        self._met: list[Tensor] = []
        """The tensors of these identities, alive as long as the identities are used."""

    def parameter(self, parameter: Tensor) -> None:
        if id(parameter) not in self._done:
            self._swap_data(parameter)
            if parameter.grad is not None and id(parameter.grad) not in self._done:
                self._swap_data(parameter.grad)

    def _swap_data(self, tensor: Tensor) -> None:
        old = tensor.data
        new = self.fn(old)
        if new is not old:
            tensor.data = new
            self.undo.append(lambda: setattr(tensor, "data", old))
        self._remember(tensor, tensor)

    def buffer(self, buffers: dict[str, Tensor | None], name: str, buffer: Tensor) -> None:
        new = self._done.get(id(buffer))
        if new is None:
            new = self.fn(buffer)
            self._remember(buffer, new)
            self._remember(new, new)
        if new is not buffer:
            buffers[name] = new
            self.undo.append(lambda: buffers.__setitem__(name, buffer))

    def _remember(self, tensor: Tensor, replacement: Tensor) -> None:
        self._done[id(tensor)] = replacement
        self._met.append(tensor)

    def put_back(self) -> None:
        while self.undo:
            self.undo.pop()()


class _Active(threading.local):
    conversion: _Conversion | None = None


_active = _Active()


class ConvertibleModule(ModuleTree):
    """``to``, ``cuda``, ``float`` and their like."""

    def _apply(self, fn: _Fn, recurse: bool = True) -> Self:
        """Replace the data of every parameter, gradient and buffer by what ``fn`` makes of it.

        A subclass may override it, call this one and convert what else it holds.
        """
        outer = _active.conversion
        if outer is not None and outer.fn is fn:
            self._convert(outer, recurse)
            return self
        conversion = _active.conversion = _Conversion(fn)
        try:
            self._convert(conversion, recurse)
        except BaseException:
            conversion.put_back()
            raise
        finally:
            _active.conversion = outer
        if outer is not None:
            outer.undo.extend(conversion.undo)
        return self

    def _convert(self, conversion: _Conversion, recurse: bool) -> None:
        if recurse:
            for module in self.children():
                module._apply(conversion.fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                conversion.parameter(parameter)
        for name, buffer in list(self._buffers.items()):
            if buffer is not None:
                conversion.buffer(self._buffers, name, buffer)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move the module to a device, or convert its floating point and complex tensors to a dtype, in place.

        ``to(device=None, dtype=None, non_blocking=False)``, ``to(dtype)``, ``to(tensor)`` (the device and dtype of
        the tensor), each with the keyword ``memory_format``, which must be the contiguous format or None. Integer and
        bool tensors move and keep their dtype.

        Returns:
            the module.

        Raises:
            TypeError: the dtype is neither of floating point nor complex, or the arguments fit none of the forms.

        Example:
            >>> import nnlite
            >>> nnlite.nn.Linear(2, 2).to("cpu", nnlite.float64).bias.dtype
            torch.float64
        """
        device, dtype, non_blocking = _parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design may change, and some "
                    "modules might not work as expected when using complex tensors as parameters or buffers.",
                    stacklevel=2,
                )

        def convert(t: Any) -> Any:
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            return t.to(device=device, dtype=wanted, non_blocking=non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move the module to a device without its values: what it holds there is uninitialised memory.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 3).to_empty(device="cpu").weight.shape
            torch.Size([3, 2])
        """
        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def cpu(self) -> Self:
        """Move the module to the CPU, in place, and return it."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move the module to a CUDA device (default: the current one), in place, and return it.

        Optimizers made before the move go on working: the parameters stay the same objects.
        """
        return self._apply(lambda t: t.cuda(device))

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers, also those of integers, to a dtype, in place; return the module.

        Example:
            >>> import nnlite
            >>> nnlite.nn.Linear(2, 2).type(nnlite.float64).bias.dtype
            torch.float64
        """
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Convert the floating point tensors to float32, in place; return the module.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 2).double().float().bias.dtype
            torch.float32
        """
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Convert the floating point tensors to float64, in place; return the module.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 2).double().bias.dtype
            torch.float64
        """
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Convert the floating point tensors to float16, in place; return the module.

        Example:
            >>> from nnlite import nn
            >>> nn.Linear(2, 2).half().bias.dtype
            torch.float16
        """
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Convert the floating point tensors to bfloat16, in place; return the module. Needs ml_dtypes."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def _elsewhere(self, kind: str) -> NoReturn:
        raise RuntimeError(f"{self._get_name()}.{kind}(): there is no {kind} device; nnlite has cpu and cuda")

    def ipu(self, device: Any = None) -> Self:
        """Not available: raises RuntimeError, since there are no such devices."""
        self._elsewhere("ipu")

    def xpu(self, device: Any = None) -> Self:
        """Not available: raises RuntimeError, since there are no such devices."""
        self._elsewhere("xpu")

    def mtia(self, device: Any = None) -> Self:
        """Not available: raises RuntimeError, since there are no such devices."""
        self._elsewhere("mtia")

    def share_memory(self) -> Self:
        """Not available: raises NotImplementedError.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"{self._get_name()}.share_memory(): the memory of nnlite's tensors belongs to one process. To give "
            "parameters to another process, send state_dict() through a queue, or put the arrays of "
            "parameter.detach().cpu().numpy() into multiprocessing.shared_memory"
        )


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool]:
    """Device, dtype and non_blocking of the arguments of ``Module.to``."""
    given = dict(kwargs)
    forms: tuple[str, ...]
    if args and isinstance(args[0], DType):
        forms = ("dtype", "non_blocking", "copy")
    elif args and isinstance(args[0], Tensor):
        forms = ("tensor", "non_blocking", "copy")
    else:
        forms = ("device", "dtype", "non_blocking", "copy")
    for name, value in zip(forms, args, strict=False):
        if name in given:
            raise TypeError(f"to() got multiple values for argument '{name}'")
        given[name] = value
    memory_format = given.pop("memory_format", None)
    tensor = given.pop("tensor", None)
    other = given.pop("other", None) if tensor is None else tensor
    device, dtype = given.pop("device", None), given.pop("dtype", None)
    non_blocking = given.pop("non_blocking", False)
    given.pop("copy", None)
    if other is not None:
        device, dtype = other.device, other.dtype
    well_formed = (
        len(args) <= len(forms)
        and not given
        and (dtype is None or isinstance(dtype, DType))
        and (device is None or isinstance(device, (Device, str, int)))
    )
    if not well_formed:
        got = ", ".join([type(a).__name__ for a in args] + [f"{k}={type(v).__name__}" for k, v in kwargs.items()])
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({got}), but expected one of:\n"
            " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False)\n"
            " * (torch.dtype dtype, bool non_blocking = False)\n"
            " * (Tensor tensor, bool non_blocking = False)"
        )
    if memory_format is not None and str(memory_format) not in ("torch.contiguous_format", "torch.preserve_format"):
        raise NotImplementedError(
            f"to(): nnlite keeps every parameter in the contiguous format, got memory_format={memory_format}; "
            "leave memory_format out"
        )
    return (None if device is None else Device(device)), dtype, non_blocking
