"""Recurrent layers: RNN, LSTM and GRU, and their cells for one step."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..._core.autocast import autocast
from ...creation import empty, zeros
from ...ops.recurrent import SCANS, cells, layers, zero_states
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
"""Rows of the weights, in hidden sizes, by mode."""


def _check_settings(
    input_size: Any, hidden_size: Any, num_layers: Any, bias: Any, batch_first: Any, dropout: Any, proj_size: Any
) -> None:
    if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
        if not isinstance(value, int):
            raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


class RNNBase(Module):
    """What RNN, LSTM and GRU share: parameters, checks, and the way from input to output.

    The parameters of layer k are ``weight_ih_lk``, ``weight_hh_lk``, ``bias_ih_lk``, ``bias_hh_lk`` and, for an LSTM
    with a projection, ``weight_hr_lk``; those of the second direction end in ``_reverse``. All are at first uniform
    in [-1/sqrt(hidden_size), 1/sqrt(hidden_size)].
    """

    __constants__ = [  # noqa: RUF012
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
        "proj_size",
    ]  # fmt: skip

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_settings(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        if mode not in GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else directions * (proj_size or hidden_size)
            for suffix in ("", "_reverse")[:directions]:
                self._add_direction(f"l{layer}{suffix}", inputs, device, dtype)
        self.reset_parameters()

    def _add_direction(self, suffix: str, inputs: int, device: Any, dtype: Any) -> None:
        rows = GATES[self.mode] * self.hidden_size
        shapes: dict[str, Any] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.proj_size or self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": rows, "bias_hh": rows}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, f"{name}_{suffix}", Parameter(empty(shape, device=device, dtype=dtype)))
        self._all_weights.append([f"{name}_{suffix}" for name in shapes])

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        held = self._parameters  # quicker than attributes that __getattr__ finds
        return [
            held[name] if name in held else getattr(self, name, None) for names in self._all_weights for name in names
        ]

    def flatten_parameters(self) -> None:
        """Does nothing: the parameters need no particular place in memory here."""

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and what differs from the defaults."""
        parts = [str(self.input_size), str(self.hidden_size)]
        for name, default in (
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0),
            ("bidirectional", False),
        ):  # fmt: skip
            value = getattr(self, name)
            if value != default:
                parts.append(f"{name}={value}")
        return ", ".join(parts)

    # Checks

    def check_input(self, input: Any, batch_sizes: Any) -> None:
        """Raise for an input of the wrong dtype, number of dimensions, or size."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype is not weight.dtype and not autocast.on:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        dimensions = 2 if batch_sizes is not None else 3
        if input.dim() != dimensions:
            raise RuntimeError(f"input must have {dimensions} dimensions, got {input.dim()}")
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def get_expected_hidden_size(self, input: Any, batch_sizes: Any) -> tuple[int, int, int]:
        """The shape of the state h."""
        return self._state_shapes(input, batch_sizes)[0]

    def _state_shapes(self, input: Any, batch_sizes: Any) -> list[tuple[int, int, int]]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.shape[0 if self.batch_first else 1]
        count = self.num_layers * (2 if self.bidirectional else 1)
        shapes = [(count, batch, self.proj_size or self.hidden_size)]
        if self.mode == "LSTM":
            shapes.append((count, batch, self.hidden_size))
        return shapes

    def check_hidden_size(
        self, hx: Any, expected_hidden_size: tuple[int, ...], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise for a state of another shape."""
        if tuple(hx.shape) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.shape)))

    def check_forward_args(self, input: Any, hidden: Any, batch_sizes: Any) -> None:
        """Raise for an input or a state that does not fit."""
        self.check_input(input, batch_sizes)
        shapes = self._state_shapes(input, batch_sizes)
        states = hidden if self.mode == "LSTM" else (hidden,)
        for i, (state, shape) in enumerate(zip(states, shapes, strict=True)):
            name = f"hidden[{i}]" if self.mode == "LSTM" else "hidden"
            self.check_hidden_size(state, shape, f"Expected {name} size {{}}, got {{}}")

    def _check_state_dimensions(self, states: tuple[Any, ...], batched: bool) -> None:
        dimensions, what = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        if all(state.dim() == dimensions for state in states):
            return
        if self.mode == "LSTM":
            got = ", ".join(f"{state.dim()}-D" for state in states)
            raise RuntimeError(f"For {what} input, hx and cx should also be {dimensions}-D but got ({got}) tensors")
        raise RuntimeError(f"For {what} input, hx should also be {dimensions}-D but got {states[0].dim()}-D tensor")

    # Forward

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """``(output, last state)``; a packed sequence gives a packed output."""
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        if input.dim() not in (2, 3):
            name = "RNN" if self.mode.startswith("RNN") else self.mode
            noun = "D" if self.mode == "LSTM" else "D tensor"
            raise ValueError(f"{name}: Expected input to be 2D or 3D, got {input.dim()}{noun} instead")
        batched = input.dim() == 3
        states = None if hx is None else self._as_states(hx)
        if states is not None:
            self._check_state_dimensions(states, batched)
        batch_axis = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_axis)
            states = None if states is None else tuple(state.unsqueeze(1) for state in states)
        output, *last = self._run(input, None, states)
        if not batched:
            output, last = output.squeeze(batch_axis), [state.squeeze(1) for state in last]
        return output, self._from_states(last)

    def _forward_packed(self, packed: PackedSequence, hx: Any) -> tuple[Any, Any]:
        data, batch_sizes, order, back = packed
        states = None if hx is None else self._as_states(self.permute_hidden(hx, order))
        output, *last = self._run(data, batch_sizes, states)
        return PackedSequence(output, batch_sizes, order, back), self.permute_hidden(self._from_states(last), back)

    def _as_states(self, hx: Any) -> tuple[Any, ...]:
        if self.mode != "LSTM":
            return (hx,)
        h, c = hx
        return h, c

    def _from_states(self, states: Any) -> Any:
        return tuple(states) if self.mode == "LSTM" else states[0]

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """The state with its batch in another order."""
        if permutation is None:
            return hx
        return self._from_states([state.index_select(1, permutation) for state in self._as_states(hx)])

    def _zeros(self, input: Any, batch_sizes: Any) -> tuple[Any, ...]:
        """First states, (batch, size), for all layers and directions."""
        return zero_states(input, [shape[1:] for shape in self._state_shapes(input, batch_sizes)])

    def _run(self, input: Any, batch_sizes: Any, states: Any) -> tuple[Any, ...]:
        if states is None:
            self.check_input(input, batch_sizes)
            states = self._zeros(input, batch_sizes)
        else:
            self.check_forward_args(input, self._from_states(states), batch_sizes)
        return layers(
            SCANS[self.mode.lower()],
            input,
            None if batch_sizes is None else batch_sizes.tolist(),
            states,
            self._flat_weights,
            has_biases=self.bias,
            num_layers=self.num_layers,
            dropout=self.dropout,
            train=self.training,
            bidirectional=self.bidirectional,
            batch_first=self.batch_first,
        )


class RNN(RNNBase):
    """Simple recurrent layers: h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or max(0, .) in place of tanh.

    Args:
        input_size: features of an input.
        hidden_size: features of a state.
        num_layers: each layer takes the outputs of the one before.
        nonlinearity: ``"tanh"`` or ``"relu"``.
        bias: whether there are b_ih and b_hh.
        batch_first: input and output are (batch, time, features); the state is not concerned.
        dropout: probability of dropout after each layer but the last, in training.
        bidirectional: a second direction runs backwards; the outputs of both are concatenated.

    Shape: input (time, batch, input_size) or (time, input_size), or a PackedSequence; h_0 and h_n (num_layers D, batch,
        hidden_size) with D = 2 if bidirectional else 1; output (time, batch, D hidden_size).

    Raises:
        ValueError: wrong settings, an input without 2 or 3 dimensions or of another dtype.
        RuntimeError: sizes that do not fit.

    Source: Elman, "Finding structure in time", 1990.

    Example:
        >>> import nnlite
        >>> output, h = nnlite.nn.RNN(10, 20, 2)(nnlite.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **more: Any,
    ) -> None:
        _no_projection(more)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity


def _no_projection(more: dict[str, Any]) -> None:
    if "proj_size" in more:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
    if more:
        raise TypeError(f"got an unexpected keyword argument '{next(iter(more))}'")


class LSTM(RNNBase):
    """Layers of long short-term memory.

    i, f, o = sigmoid(W_ih x + b_ih + W_hh h + b_hh), g = tanh(the same), c' = f c + i g, h' = o tanh(c').

    Args:
        proj_size: h' is multiplied by a matrix W_hr with this many rows; 0 for none.
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.

    Shape: input (time, batch, input_size) or (time, input_size), or a PackedSequence; h (num_layers D, batch, P), c
        (num_layers D, batch, hidden_size) with D = 2 if bidirectional else 1 and P = proj_size or hidden_size; output
        (time, batch, D P). ``forward(input, (h_0, c_0))`` gives ``output, (h_n, c_n)``.

    Raises:
        ValueError: wrong settings, an input without 2 or 3 dimensions or of another dtype.
        RuntimeError: sizes that do not fit.

    Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997; projection: https://arxiv.org/abs/1402.1128.

    Example:
        >>> import nnlite
        >>> output, (h, c) = nnlite.nn.LSTM(10, 20, batch_first=True)(nnlite.randn(3, 5, 10))
        >>> output.shape, c.shape
        (torch.Size([3, 5, 20]), torch.Size([1, 3, 20]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)


class GRU(RNNBase):
    """Layers of gated recurrent units.

    r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.

    Shape: as for `RNN`.

    Raises:
        ValueError: wrong settings, an input without 2 or 3 dimensions or of another dtype.
        RuntimeError: sizes that do not fit.

    Source: Cho et al., https://arxiv.org/abs/1406.1078, with the reset gate after the product.

    Example:
        >>> import nnlite
        >>> output, h = nnlite.nn.GRU(10, 20, bidirectional=True)(nnlite.randn(5, 3, 10))
        >>> output.shape, h.shape
        (torch.Size([5, 3, 40]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **more: Any,
    ) -> None:
        _no_projection(more)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


class RNNCellBase(Module):
    """What the cells share: parameters ``weight_ih``, ``weight_hh``, ``bias_ih``, ``bias_hh``, and checks."""

    __constants__ = ["input_size", "hidden_size", "bias"]  # noqa: RUF012

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values, uniform in [-1/sqrt(hidden_size), 1/sqrt(hidden_size)]."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Sizes, and what differs from the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _step(self, function: Any, input: Any, hx: Any) -> tuple[Any, ...]:
        """The next states ``function`` gives, with or without a batch. ``hx`` is a tuple, or None for zeros."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, state in enumerate(hx or ()):
            if state.dim() not in (1, 2):
                which = f"hx[{i}]" if len(hx) > 1 else "hidden"
                raise ValueError(f"{name}: Expected {which} to be 1D or 2D, got {state.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
            hx = hx and tuple(state.unsqueeze(0) if state.dim() == 1 else state for state in hx)
        if hx is None:
            hx = (zeros(input.shape[0], self.hidden_size, dtype=input.dtype, device=input.device),) * 2
        made = function(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return made if batched else tuple(state.squeeze(0) for state in made)


class RNNCell(RNNCellBase):
    """One step of a simple recurrent layer: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or max(0, .).

    Shape: input (batch, input_size) or (input_size); h and h' (batch, hidden_size) or (hidden_size).

    Raises:
        ValueError: an input or state without 1 or 2 dimensions.
        RuntimeError: sizes that do not fit, or an unknown ``nonlinearity`` (when called).

    Example:
        >>> import nnlite
        >>> nnlite.nn.RNNCell(10, 20)(nnlite.randn(3, 10)).shape
        torch.Size([3, 20])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]  # noqa: RUF012

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        """h'."""
        function = {"tanh": cells.rnn_tanh_cell, "relu": cells.rnn_relu_cell}.get(self.nonlinearity)
        if function is None:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")

        def step(input: Any, hx: Any, *weights: Any) -> tuple[Any, ...]:
            return (function(input, hx[0], *weights),)

        return self._step(step, input, None if hx is None else (hx,))[0]


class LSTMCell(RNNCellBase):
    """One step of long short-term memory; see `LSTM`.

    Shape: input (batch, input_size) or (input_size); h and c (batch, hidden_size) or (hidden_size).
    ``forward(input, (h, c))`` gives ``(h', c')``.

    Raises:
        ValueError: an input or state without 1 or 2 dimensions.
        RuntimeError: sizes that do not fit.

    Example:
        >>> import nnlite
        >>> h, c = nnlite.nn.LSTMCell(10, 20)(nnlite.randn(3, 10))
        >>> h.shape
        torch.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """``(h', c')``."""
        h, c = self._step(cells.lstm_cell, input, None if hx is None else tuple(hx))
        return h, c


class GRUCell(RNNCellBase):
    """One step of gated recurrent units; see `GRU`.

    Shape: input (batch, input_size) or (input_size); h and h' (batch, hidden_size) or (hidden_size).

    Raises:
        ValueError: an input or state without 1 or 2 dimensions.
        RuntimeError: sizes that do not fit.

    Example:
        >>> import nnlite
        >>> nnlite.nn.GRUCell(10, 20)(nnlite.randn(10)).shape
        torch.Size([20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """h'."""

        def step(input: Any, hx: Any, *weights: Any) -> tuple[Any, ...]:
            return (cells.gru_cell(input, hx[0], *weights),)

        return self._step(step, input, None if hx is None else (hx,))[0]
