"""Copies of tensors, and their exchange with other libraries and processes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ._core.grad_mode import mode
from ._core.node import AccumulateGrad
from ._core.tensor_base import TensorBase, make_leaf
from ._core.views import check_in_place
from .backends import backend_of

_PRIVATE = ("_grad", "_retain", "_resting_node")
"""Entries of a tensor's dictionary that are not the user's."""


class Interchange(TensorBase):
    """The part of ``Tensor`` that copies, pickles and hands out its memory."""

    __slots__ = ()

    def __copy__(self) -> Any:
        twin = self.as_subclass(type(self))
        if type(self._node) is AccumulateGrad:  # each leaf has a gradient of its own
            twin._node, twin._view = None, None
            make_leaf(twin)
            twin._grad = self._grad
        for name, value in self.__dict__.items():
            if name not in _PRIVATE:
                twin.__dict__[name] = value
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        from copy import deepcopy

        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.  If you were attempting to deepcopy a module, this may be because of a "
                "torch.nn.utils.weight_norm usage, see "
                "https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) in memo:
            return memo[id(self)]
        with _no_record():
            kind: Any = type(self)
            twin = kind._make_subclass(kind, self.detach().clone(), self.requires_grad)
        if self._grad is not None:
            twin._grad = self._grad.__deepcopy__(memo)
        memo[id(self)] = twin
        for name, value in self.__dict__.items():
            if name not in _PRIVATE:
                twin.__dict__[name] = deepcopy(value, memo)
        return twin

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        if not self.is_leaf:
            warnings.warn("pickling a tensor that is not a leaf: its graph is not kept", stacklevel=2)
        host = backend_of(self._a).to_host(self._a)
        attributes = {name: value for name, value in self.__dict__.items() if name not in _PRIVATE}
        return _rebuild, (type(self), np.array(host), str(self.device), self.is_leaf and self.requires_grad, attributes)

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self._a.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._a.__dlpack_device__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if not self.is_cuda:
            raise AttributeError(
                f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()} If CUDA data is "
                "required use tensor.cuda() to copy tensor to device memory."
            )
        if self.requires_grad:
            raise RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad. "
                               "If gradients aren't required, use var.detach()")  # fmt: skip
        return self._a.__cuda_array_interface__

    def share_memory_(self) -> Any:
        """Not offered: NumPy's memory cannot be moved into shared memory in place."""
        raise NotImplementedError(
            "share_memory_() is not implemented; put the array into multiprocessing.shared_memory and wrap it "
            "with from_numpy"
        )

    def is_shared(self) -> bool:
        """Whether the storage is shared between processes."""
        return False

    def set_(self, source: Any) -> Any:
        """Make the tensor see the storage of another."""
        check_in_place(self, "set_") if mode.grad and self.requires_grad else None
        self._a, self._vc, self._view = source._a, source._vc, source._view
        return self


class _no_record:
    def __enter__(self) -> None:
        self.outer, mode.grad = mode.grad, False

    def __exit__(self, *exc: Any) -> None:
        mode.grad = self.outer


def _rebuild(cls: type[Any], array: np.ndarray, where: str, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    from .creation import tensor

    made = cls._make_subclass(cls, tensor(array, device=where), requires_grad)
    made.__dict__.update(attributes)
    return made
