"""One step of a recurrent layer: ``torch.lstm_cell``, ``gru_cell``, ``rnn_tanh_cell`` and ``rnn_relu_cell``."""

from __future__ import annotations

from typing import Any

from ..._core.op import TensorBase, not_a_tensor
from .._public import public
from .layers import SCANS


def _step(
    name: str, input: Any, states: tuple[Any, ...], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, ...]:
    if not isinstance(input, TensorBase):
        raise not_a_tensor(f"{name}_cell", 0, input)
    state = states[0]
    if input.shape[-1] != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {input.shape[-1]} expected {w_ih.shape[1]}")
    if input.shape[0] != state.shape[0]:
        raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden0 batch size {state.shape[0]}")
    for each in states:
        if each.shape[1] != w_hh.shape[1]:
            raise RuntimeError(f"hidden0 has inconsistent hidden_size: got {each.shape[1]}, expected {w_hh.shape[1]}")
    weights = (w_ih, w_hh, b_ih, b_hh, None)
    return SCANS[name](input, *states, weights=weights, sizes=(input.shape[0],), reverse=False)


@public(method=False)
def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """One step of long short-term memory: the next ``(h, c)``.

    Args:
        hx: the pair ``(h, c)``.

    Shape: input (N, in), h and c (N, H), w_ih (4H, in), w_hh (4H, H), biases (4H).

    Raises:
        RuntimeError: sizes that do not fit together.

    Example:
        >>> import nnlite
        >>> h, c = nnlite.zeros(1, 1), nnlite.ones(1, 1)
        >>> nnlite.lstm_cell(nnlite.zeros(1, 2), (h, c), nnlite.zeros(4, 2), nnlite.zeros(4, 1))
        (tensor([[0.2311]]), tensor([[0.5000]]))
    """
    _, h, c = _step("lstm", input, tuple(hx), w_ih, w_hh, b_ih, b_hh)
    return h, c


def _publish(name: str, what: str, gates: str) -> Any:
    def function(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
        return _step(name, input, (hx,), w_ih, w_hh, b_ih, b_hh)[1]

    function.__name__ = function.__qualname__ = f"{name}_cell"
    function.__doc__ = f"""One step of {what}: the next h.

    Shape: input (N, in), hx (N, H), w_ih ({gates}H, in), w_hh ({gates}H, H), biases ({gates}H); the result is (N, H).

    Raises:
        RuntimeError: sizes that do not fit together.
    """
    return public(function, method=False)


gru_cell = _publish("gru", "gated recurrent units", "3")
rnn_tanh_cell = _publish("rnn_tanh", "a simple recurrent layer with tanh", "")
rnn_relu_cell = _publish("rnn_relu", "a simple recurrent layer with max(0, x)", "")
