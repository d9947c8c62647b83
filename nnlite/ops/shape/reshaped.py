"""In-place forms of views: the tensor itself gets another shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._core.grad_mode import mode
from ..._core.node import AccumulateGrad
from ..._core.tensor_base import wrap
from ..._core.views import check_in_place, node_of
from .._public import public
from . import views as shape


def _in_place(view: Callable[..., Any], input: Any, *args: Any, **kwargs: Any) -> Any:
    """Let the tensor be what ``view`` makes of it: the same storage, another shape."""
    if mode.grad and node_of(input) is not None:
        check_in_place(input, f"{view.__name__}_")
    if type(input._node) is AccumulateGrad:  # under no_grad: it stays the leaf, and no recorded write reaches its views
        input._a = view(input, *args, **kwargs)._a
    else:
        source = input
        if input._view is None:
            # Views that were taken before lead on from the former shape, which a tensor of its own keeps.
            source = wrap(input._a)
            source._node, source._vc = input._node, input._vc
        made = view(source, *args, **kwargs)
        if made is not source:
            input._a, input._node, input._view = made._a, made._node, made._view
    input._vc[0] += 1
    return input


def _register(view: Callable[..., Any], name: str) -> None:
    def method(input: Any, *args: Any, **kwargs: Any) -> Any:
        return _in_place(view, input, *args, **kwargs)

    method.__name__ = method.__qualname__ = name + "_"
    method.__doc__ = f"The tensor itself becomes its ``{name}``; see :func:`nnlite.{name}`."
    public(method, only_method=True)


for _view in (shape.squeeze, shape.unsqueeze, shape.transpose, shape.t):
    _register(_view, _view.__name__)
for _name in ("swapaxes", "swapdims"):
    _register(shape.transpose, _name)
