"""Parameters as one vector, and a vector as parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...ops.shape.views import cat
from ...tensor import Tensor
from ..modules._registration import typename

__all__: list[str] = []


def parameters_to_vector(parameters: Iterable[Tensor]) -> Any:
    """All elements of the parameters, one parameter after the other, as a vector.

    Raises:
        TypeError: the parameters are on different devices.

    Example:
        >>> import nnlite
        >>> from nnlite.nn.utils import parameters_to_vector
        >>> parameters_to_vector([nnlite.ones(1, 2), nnlite.zeros(1)])
        tensor([1., 1., 0.])
    """
    listed = list(parameters)
    _check_one_device(listed)
    return cat([p.reshape(-1) for p in listed])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let the parameters be the pieces of a vector, whose memory they then share.

    Raises:
        TypeError: ``vec`` is not a tensor, or the parameters are on different devices.
        RuntimeError: the vector is too short.

    Example:
        >>> import nnlite
        >>> p, q = nnlite.nn.Parameter(nnlite.zeros(1, 2)), nnlite.nn.Parameter(nnlite.zeros(1))
        >>> nnlite.nn.utils.vector_to_parameters(nnlite.tensor([1.0, 2.0, 3.0]), [p, q])
        >>> p.tolist(), q.tolist()
        ([[1.0, 2.0]], [3.0])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    listed = list(parameters)
    _check_one_device(listed)
    start = 0
    for parameter in listed:
        count = parameter.numel()
        parameter.data = vec.detach()[start : start + count].view_as(parameter)
        start += count


def _check_one_device(parameters: list[Tensor]) -> None:
    devices = {p.device for p in parameters}
    if len(devices) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported. "
            f"(got {', '.join(sorted(map(str, devices)))}; move them to one with .to())"
        )
