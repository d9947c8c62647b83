"""The memory that tensors share. Tensors over one storage see each other's writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from ._core import dtypes
from ._core.device import device, device_of
from ._core.tensor_base import TensorBase
from .backends import backend_of
from .ops._public import public

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """The bytes that a tensor and its views lie in. Made by ``tensor.untyped_storage()``.

    Example:
        >>> import nnlite
        >>> x = nnlite.zeros(2, 3)
        >>> x.untyped_storage().nbytes(), x[1].untyped_storage().data_ptr() == x.data_ptr()
        (24, True)
    """

    is_sparse = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("UntypedStorage() is not implemented; make a tensor of bytes: "
                                  "empty(n, dtype=uint8), and .view(dtype)")  # fmt: skip

    _tensor: Any

    @classmethod
    def _of(cls, tensor: Any) -> Any:
        made = object.__new__(cls)
        made._tensor = tensor if tensor._view is None else tensor._view.base
        return made

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._tensor.data_ptr()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._tensor._a.nbytes

    size = nbytes
    __len__ = nbytes

    @property
    def device(self) -> device:
        """Where the memory is."""
        return device_of(self._tensor._a)

    @property
    def is_cuda(self) -> bool:
        """Whether it is on a CUDA device."""
        return self.device.type == "cuda"

    def element_size(self) -> int:
        """1: the elements are bytes."""
        return 1

    def is_shared(self) -> bool:
        """Whether other processes see it."""
        return False

    def tolist(self) -> list[int]:
        """The bytes as numbers."""
        return list(self._host().tobytes())

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        return self.tolist()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._tensor._vc is other._tensor._vc

    def __hash__(self) -> int:
        return hash(id(self._tensor._vc))

    @property
    def _cdata(self) -> int:
        return id(self._tensor._vc)

    def __repr__(self) -> str:
        numbers = "\n ".join(map(str, self))
        return f" {numbers}\n[torch.storage.{type(self).__name__}({self._told()}) of size {len(self)}]"

    def _told(self) -> str:
        return f"device={self.device}"

    def _host(self) -> Any:
        return backend_of(self._tensor._a).to_host(self._tensor._a)

    def resize_(self, size: int) -> NoReturn:
        """Not offered: a NumPy array's memory has the size of the array.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("storages cannot be resized; use Tensor.resize_() or make a new tensor")


class TypedStorage(UntypedStorage):
    """The elements that a tensor and its views lie in. Made by ``tensor.storage()``; PyTorch advises against it."""

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.from_numpy[self._tensor._a.dtype]

    def size(self) -> int:
        """How many elements there are."""
        return self._tensor._a.size

    __len__ = size

    def element_size(self) -> int:
        """Bytes of an element."""
        return self._tensor._a.itemsize

    def tolist(self) -> list[Any]:
        """The elements as numbers, in the order in which they lie in memory."""
        return self._host().ravel(order="K").tolist()

    def _told(self) -> str:
        return f"dtype={self.dtype}, device={self.device}"

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return UntypedStorage._of(self._tensor)


@public(only_method=True)
def untyped_storage(input: Any) -> UntypedStorage:
    """The bytes that the tensor and its views lie in."""
    return UntypedStorage._of(input)


@public(only_method=True)
def storage(input: Any) -> TypedStorage:
    """The elements that the tensor and its views lie in; ``untyped_storage`` is the newer form."""
    return TypedStorage._of(input)


@public(only_method=True)
def is_set_to(input: Any, tensor: Any) -> bool:
    """Whether both see the same elements of the same storage in the same way."""
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"is_set_to(): argument 'tensor' (position 1) must be Tensor, not {type(tensor).__name__}")
    return (input._vc is tensor._vc and input.data_ptr() == tensor.data_ptr() and input.shape == tensor.shape
            and input.stride() == tensor.stride())  # fmt: skip


def is_storage(obj: Any, /) -> bool:
    """Whether ``obj`` is a storage.

    Example:
        >>> import nnlite
        >>> nnlite.is_storage(nnlite.zeros(2).untyped_storage()), nnlite.is_storage(nnlite.zeros(2))
        (True, False)
    """
    return isinstance(obj, UntypedStorage)
