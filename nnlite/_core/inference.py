"""Tensors made in ``inference_mode``: they have no version, and so can never be saved for backward.

While a thread is in ``inference_mode``, new tensors are made of a class whose version cell is a :class:`NoVersion`; the
tensor becomes an ordinary one, as far as its class goes, as soon as the cell is set. So nothing is asked elsewhere.
"""

from __future__ import annotations

import threading
from typing import Any

from . import tensor_base
from .grad_mode import mode, watchers

SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)
WRITTEN = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
    "tensor before doing inplace update."
)


class NoVersion:
    """The version cell of an inference tensor."""

    __slots__ = ()

    def __getitem__(self, index: int) -> int:
        if mode.inference:
            return 0
        raise RuntimeError(SAVED)

    def __setitem__(self, index: int, value: int) -> None:
        if not mode.inference:
            raise RuntimeError(WRITTEN)


def check_write(x: Any) -> None:
    """Raise for an inference tensor that is written to outside ``inference_mode``."""
    if type(x._vc) is NoVersion and not mode.inference:
        raise RuntimeError(WRITTEN)


def is_inference(x: Any) -> bool:
    """Whether the tensor was made in ``inference_mode``, or is a view of such a one."""
    return type(x._vc) is NoVersion


_lock = threading.Lock()
_inside = [0]
_classes: dict[type, type] = {}
_plain: list[type] = []


def _maker(cls: type) -> type:
    """The class of which tensors are made in ``inference_mode``; ``cls`` is what they become."""
    slot = tensor_base.TensorBase.__dict__["_vc"]

    def set_cell(t: Any, cell: Any) -> None:
        t.__class__ = cls
        slot.__set__(t, NoVersion() if mode.inference else cell)

    return type(cls.__name__, (cls,), {"__slots__": (), "_vc": property(slot.__get__, set_cell)})


def _changed(inside: bool) -> None:
    """A thread entered ``inference_mode`` or left it."""
    with _lock:
        _inside[0] += 1 if inside else -1
        if inside and _inside[0] == 1:
            cls = tensor_base.tensor_class
            _plain[:] = [cls]
            if cls not in _classes:
                _classes[cls] = _maker(cls)
            tensor_base.tensor_class = _classes[cls]
        elif not _inside[0]:
            tensor_base.tensor_class = _plain[0]


watchers.append(_changed)
