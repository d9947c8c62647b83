"""Stacks of recurrent layers: ``torch.lstm``, ``gru``, ``rnn_tanh`` and ``rnn_relu``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._core.device import available, device_of
from ..._core.op import TensorBase, not_a_tensor, op
from ..._core.tensor_base import wrap
from .._public import public
from ..dropout import dropout as drop
from ..shape.views import cat, reshape, stack, transpose, unbind
from ._steps import Sizes
from .elman import rnn_scan
from .gru import gru_scan
from .lstm import lstm_scan

Scan = Callable[..., tuple[Any, ...]]
"""``scan(x, *states, weights=, sizes=, reverse=) -> (outputs, *last states)``."""


def _weights(params: Any, groups: int, has_biases: bool) -> list[tuple[Any, ...]]:
    """(w_ih, w_hh, b_ih, b_hh, w_hr) of each layer and direction, None for what it has not."""
    each = len(params) // groups if groups else 0
    if each * groups != len(params) or each not in ((4, 5) if has_biases else (2, 3)):
        raise RuntimeError(
            f"got an incorrect number of RNN parameters: {len(params)} tensors for {groups} layers and directions"
        )
    found = []
    for i in range(0, len(params), each):
        w_ih, w_hh, *rest = params[i : i + each]
        biases = rest[:2] if has_biases else (None, None)
        projection = rest[2 * has_biases :] or (None,)
        found.append((w_ih, w_hh, *biases, *projection))
    return found


@op(title="StackBackward0")
def _stack_one(xp: Any, x: Any) -> Any:
    """A stack of one array that is used nowhere else."""
    return x.reshape(1, *x.shape)


@_stack_one.vjp
def _(f: Any, g: Any, node: Any) -> tuple[Any, ...]:
    return (f.reshape(g, shape=node.shapes[0]),)


def _firsts(states: tuple[Any, ...], count: int) -> list[tuple[Any, ...]]:
    """The first states of each layer and direction. States of two dimensions are those of all."""
    if states[0]._a.ndim == 2:
        return [states] * count
    return list(zip(*(unbind(state) for state in states), strict=True))


def _run(
    scan: Scan,
    x: Any,
    sizes: Sizes,
    states: tuple[Any, ...],
    params: Any,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Any, ...]:
    """All layers on inputs that lie step by step: ``(outputs, *last states)``."""
    directions = 2 if bidirectional else 1
    weights = _weights(params, num_layers * directions, has_biases)
    firsts = _firsts(states, len(weights))
    lasts = []
    for layer in range(num_layers):
        outs = []
        for direction in range(directions):
            k = layer * directions + direction
            out, *last = scan(x, *firsts[k], weights=weights[k], sizes=sizes, reverse=direction == 1)
            outs.append(out)
            lasts.append(last)
        x = cat(outs, 1) if bidirectional else outs[0]
        if dropout and train and layer < num_layers - 1:
            x = drop(x, dropout)
    if len(lasts) == 1:
        return x, *map(_stack_one, lasts[0])
    return x, *(stack(each) for each in zip(*lasts, strict=True))


def layers(
    scan: Scan,
    input: Any,
    sizes: Any,
    states: tuple[Any, ...],
    params: Any,
    *,
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool = False,
) -> tuple[Any, ...]:
    """``(outputs, *last states)``; ``sizes`` are those of a packed input, None for one with an axis of time. States of
    two dimensions (batch, size) are the first of all layers and directions."""
    settings = (tuple(params), has_biases, num_layers, dropout, train, bidirectional)
    if sizes is not None:
        return _run(scan, input, tuple(sizes), states, *settings)
    if batch_first:
        input = transpose(input, 0, 1)
    time, batch, features = input._a.shape
    if time == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    flat = reshape(input, time * batch, features)
    out, *last = _run(scan, flat, (batch,) * time, states, *settings)
    out = reshape(out, time, batch, -1 if out._a.shape[0] else out._a.shape[1])
    return transpose(out, 0, 1) if batch_first else out, *last


def zero_states(input: Any, shapes: list[tuple[int, ...]]) -> tuple[Any, ...]:
    """Zeros of these shapes in the dtype of the input and on its device; one tensor for equal shapes, since first
    states are only read."""
    a = input._a
    backend, index = available(device_of(a))
    with backend.use(index):
        made = {shape: wrap(backend.xp.zeros(shape, a.dtype)) for shape in dict.fromkeys(shapes)}
    return tuple([made[shape] for shape in shapes])


SCANS: dict[str, Scan] = {
    "lstm": lstm_scan,
    "gru": gru_scan,
    "rnn_tanh": functools.partial(rnn_scan, relu=False),
    "rnn_relu": functools.partial(rnn_scan, relu=True),
}
"""What runs one direction of one layer, by PyTorch's name of the function."""


def _call(name: str, input: Any, *args: Any) -> tuple[Any, ...]:
    """PyTorch's two forms: (input, hx, params, ..., batch_first), and (data, batch_sizes, hx, params, ...)."""
    if not isinstance(input, TensorBase):
        raise not_a_tensor(name, 0, input)
    packed = isinstance(args[1], TensorBase) or (name == "lstm" and isinstance(args[0], TensorBase))
    sizes = args[0].tolist() if packed else None
    hx, params, has_biases, num_layers, dropout, train, bidirectional, *batch_first = args[1:] if packed else args
    return layers(
        SCANS[name],
        input,
        sizes,
        tuple(hx) if name == "lstm" else (hx,),
        params,
        has_biases=has_biases,
        num_layers=num_layers,
        dropout=dropout,
        train=train,
        bidirectional=bidirectional,
        batch_first=bool(batch_first and batch_first[0]),
    )


_ARGUMENTS = """

    Args:
        args: ``hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first``; for a packed input
            ``batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional``. ``params`` holds for
            each layer and direction W_ih, W_hh and, with ``has_biases``, b_ih and b_hh.

    Shape: input (time, batch, features), or (batch, time, features) with ``batch_first``; packed (rows, features).

    Raises:
        RuntimeError: no time step, a wrong number of parameters, or sizes that do not fit.
    """


def _publish(name: str, what: str, result: str) -> None:
    def function(input: Any, *args: Any) -> Any:
        return _call(name, input, *args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{what}; the function behind a module of `nnlite.nn`.

    Returns:
        ``{result}``.{_ARGUMENTS}"""
    public(function, method=False)


_publish("lstm", "Layers of long short-term memory", "(output, h_n, c_n)")
_publish("gru", "Layers of gated recurrent units", "(output, h_n)")
_publish("rnn_tanh", "Simple recurrent layers with tanh", "(output, h_n)")
_publish("rnn_relu", "Simple recurrent layers with max(0, x)", "(output, h_n)")
