"""Padding as modules: numbers put around the last dimensions."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """Padding in a mode of ``nn.functional.pad``.

    Attributes:
        dims: how many dimensions are padded.
        mode: the mode.
    """

    __constants__ = ["padding"]  # noqa: RUF012

    dims: int
    mode: str
    padding: tuple[int, ...]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * (2 * self.dims)

    def forward(self, input: Any) -> Any:
        """The padded input."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The numbers."""
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]  # noqa: RUF012

    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        """The padded input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The numbers and the value."""
        return f"padding={self.padding}, value={self.value}"


class _ReflectionPadNd(_PadNd):
    mode = "reflect"


class _ReplicationPadNd(_PadNd):
    mode = "replicate"


class _CircularPadNd(_PadNd):
    mode = "circular"

    def _check_input_dim(self, input: Any) -> None:
        if input.dim() not in (self.dims + 1, self.dims + 2):
            raise ValueError(f"expected {self.dims + 1}D or {self.dims + 2}D input (got {input.dim()}D input)")

    def forward(self, input: Any) -> Any:
        """The padded input."""
        self._check_input_dim(input)
        return super().forward(input)


class _Zeros:
    """What the layers that pad with zeros have in place of a value."""

    padding: tuple[int, ...]

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)  # type: ignore[call-arg]

    def extra_repr(self) -> str:
        """The numbers."""
        return f"{self.padding}"


class ConstantPad1d(_ConstantPadNd):
    """``value`` before and behind the last dimension.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.
        value: what is put there.

    Shape: input (*, L); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) it cuts off more than there is.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ConstantPad1d(1, 9.0)(nnlite.tensor([[0.0, 1.0, 2.0]]))
        tensor([[9., 0., 1., 2., 9.]])
    """

    dims = 1


class ConstantPad2d(_ConstantPadNd):
    """``value`` before and behind the last two dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.
        value: what is put there.

    Shape: input (*, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) it cuts off more than there is.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ConstantPad2d((1, 1, 2, 0), 9.0)(nnlite.ones(1, 2, 3, 4)).shape
        torch.Size([1, 2, 5, 6])
    """

    dims = 2


class ConstantPad3d(_ConstantPadNd):
    """``value`` before and behind the last three dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.
        value: what is put there.

    Shape: input (*, D, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) it cuts off more than there is.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ConstantPad3d((1, 1, 2, 0, 0, 1), 9.0)(nnlite.ones(1, 2, 3, 4, 5)).shape
        torch.Size([1, 2, 4, 6, 7])
    """

    dims = 3


class ZeroPad1d(_Zeros, ConstantPad1d):
    """Zeros before and behind the last dimension.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (*, L); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) it cuts off more than there is.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ZeroPad1d(1)(nnlite.tensor([[0.0, 1.0, 2.0]]))
        tensor([[0., 0., 1., 2., 0.]])
    """


class ZeroPad2d(_Zeros, ConstantPad2d):
    """Zeros before and behind the last two dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (*, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) it cuts off more than there is.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ZeroPad2d((1, 1, 2, 0))(nnlite.ones(1, 2, 3, 4)).shape
        torch.Size([1, 2, 5, 6])
    """


class ZeroPad3d(_Zeros, ConstantPad3d):
    """Zeros before and behind the last three dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (*, D, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) it cuts off more than there is.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ZeroPad3d((1, 1, 2, 0, 0, 1))(nnlite.ones(1, 2, 3, 4, 5)).shape
        torch.Size([1, 2, 4, 6, 7])
    """


class ReflectionPad1d(_ReflectionPadNd):
    """The input mirrored at its outermost numbers, before and behind the last dimension.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, L) or (C, L); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) the padding is not smaller than the dimension.
        NotImplementedError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReflectionPad1d(1)(nnlite.tensor([[0.0, 1.0, 2.0]]))
        tensor([[1., 0., 1., 2., 1.]])
    """

    dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """The input mirrored at its outermost numbers, before and behind the last two dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, H, W) or (C, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) the padding is not smaller than the dimension.
        NotImplementedError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReflectionPad2d((1, 1, 2, 0))(nnlite.ones(1, 2, 3, 4)).shape
        torch.Size([1, 2, 5, 6])
    """

    dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """The input mirrored at its outermost numbers, before and behind the last three dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, D, H, W) or (C, D, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) the padding is not smaller than the dimension.
        NotImplementedError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReflectionPad3d((1, 1, 2, 0, 0, 1))(nnlite.ones(1, 2, 3, 4, 5)).shape
        torch.Size([1, 2, 4, 6, 7])
    """

    dims = 3


class ReplicationPad1d(_ReplicationPadNd):
    """The outermost numbers repeated, before and behind the last dimension.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, L) or (C, L); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) a dimension is empty.
        NotImplementedError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReplicationPad1d(1)(nnlite.tensor([[0.0, 1.0, 2.0]]))
        tensor([[0., 0., 1., 2., 2.]])
    """

    dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The outermost numbers repeated, before and behind the last two dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, H, W) or (C, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) a dimension is empty.
        NotImplementedError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReplicationPad2d((1, 1, 2, 0))(nnlite.ones(1, 2, 3, 4)).shape
        torch.Size([1, 2, 5, 6])
    """

    dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The outermost numbers repeated, before and behind the last three dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, D, H, W) or (C, D, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) a dimension is empty.
        NotImplementedError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ReplicationPad3d((1, 1, 2, 0, 0, 1))(nnlite.ones(1, 2, 3, 4, 5)).shape
        torch.Size([1, 2, 4, 6, 7])
    """

    dims = 3


class CircularPad1d(_CircularPadNd):
    """The input from its other end, before and behind the last dimension.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, L) or (C, L); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) the padding is larger than the dimension.
        ValueError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.CircularPad1d(1)(nnlite.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 0., 1., 2., 0.]])
    """

    dims = 1


class CircularPad2d(_CircularPadNd):
    """The input from its other end, before and behind the last two dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, H, W) or (C, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) the padding is larger than the dimension.
        ValueError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.CircularPad2d((1, 1, 2, 0))(nnlite.ones(1, 2, 3, 4)).shape
        torch.Size([1, 2, 5, 6])
    """

    dims = 2


class CircularPad3d(_CircularPadNd):
    """The input from its other end, before and behind the last three dimensions.

    Args:
        padding: how many, one number, or two for each dimension, those of the last dimension first; negative numbers
            cut off.

    Shape: input (N, C, D, H, W) or (C, D, H, W); each padded dimension grows by both its numbers.

    Raises:
        RuntimeError: (when called) the padding is larger than the dimension.
        ValueError: (when called) the input has another number of dimensions.

    Example:
        >>> import nnlite
        >>> nnlite.nn.CircularPad3d((1, 1, 2, 0, 0, 1))(nnlite.ones(1, 2, 3, 4, 5)).shape
        torch.Size([1, 2, 4, 6, 7])
    """

    dims = 3
