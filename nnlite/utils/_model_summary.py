"""A table of a model's layers: output shapes, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .._core.grad_mode import no_grad
from ..creation.patterns import zeros
from ..nn.modules.attention import MultiheadAttention
from ..nn.modules.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..nn.modules.linear import Bilinear, Linear
from ..nn.modules.rnn import RNNBase, RNNCellBase
from ..tensor import Tensor

__all__ = ["LayerSummary", "ModelSummary", "summary"]


@dataclass
class LayerSummary:
    """One call of one layer.

    Attributes:
        name: the attribute that holds it; empty for the model itself.
        kind: its class.
        depth: how many modules it is called from.
        output_shape: of its result; a list of shapes where there are several tensors.
        parameters: the number of its parameters, those of layers that it calls left out.
        mult_adds: multiplications with additions, those of the layers in it left out.
        repeated: whether it was called before, so that its parameters are not counted again.
    """

    name: str
    kind: str
    depth: int
    output_shape: Any = None
    parameters: int = 0
    mult_adds: int = 0
    repeated: bool = False


@dataclass
class ModelSummary:
    """What :func:`summary` found; ``str()`` of it is the table.

    Attributes:
        layers: a :class:`LayerSummary` for each call, in order.
        total_params: the number of parameters.
        trainable_params: those that are learned.
        total_mult_adds: multiplications with additions of a forward pass.
        param_bytes: memory of the parameters.
        depth: how deep the table goes.
    """

    layers: list[LayerSummary] = field(default_factory=list)
    total_params: int = 0
    trainable_params: int = 0
    total_mult_adds: int = 0
    param_bytes: int = 0
    depth: int | None = None

    def __str__(self) -> str:
        head = ("Layer", "Output shape", "Parameters", "Multiply-adds")
        rows = [_cells(layer) for layer in self.layers if self.depth is None or layer.depth <= self.depth]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(4)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}".rstrip()
            for a, b, c, d in [head, *rows]
        ]
        rule = "=" * (sum(widths) + 6)
        totals = [
            f"Parameters: {self.total_params:,} ({self.trainable_params:,} trainable, {_memory(self.param_bytes)})",
            f"Multiply-adds: {self.total_mult_adds:,}",
        ]
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, *totals, rule])

    __repr__ = __str__


def _cells(layer: LayerSummary) -> tuple[str, str, str, str]:
    indent = "  " * layer.depth
    title = f"{layer.name}: {layer.kind}" if layer.name else layer.kind
    shape = "-" if layer.output_shape is None else ", ".join(map(str, layer.output_shape))
    if layer.output_shape and isinstance(layer.output_shape[0], int):
        shape = str(layer.output_shape)
    parameters = "again" if layer.repeated else f"{layer.parameters:,}" if layer.parameters else "-"
    return indent + title, shape, parameters, f"{layer.mult_adds:,}" if layer.mult_adds else "-"


def _memory(count: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _tensors(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)


def _shapes(value: Any) -> Any:
    found = [list(t.shape) for t in _tensors(value)]
    return None if not found else found[0] if len(found) == 1 else found


def _dense(module: Any, inputs: Any, out: Any) -> int:
    return int(module.weight.numel()) * (next(_tensors(out)).numel() // max(module.weight.shape[0], 1))


def _transposed(module: Any, inputs: Any, out: Any) -> int:
    x = next(_tensors(inputs))
    return int(module.weight.numel()) * (x.numel() // max(module.in_channels, 1))


def _recurrent(module: Any, inputs: Any, out: Any) -> int:
    steps = next(_tensors(inputs)).numel() // module.input_size
    return steps * sum(p.numel() for name, p in module.named_parameters() if name.startswith("weight"))


def _attention(module: Any, inputs: Any, out: Any) -> int:
    query, key, value = list(_tensors(inputs))[:3]
    size = module.embed_dim
    counts = [t.numel() // t.shape[-1] for t in (query, key, value)]
    batch = 1 if query.dim() == 2 else query.shape[0 if module.batch_first else 1]
    projections = counts[0] * 2 * size * size + counts[1] * key.shape[-1] * size + counts[2] * value.shape[-1] * size
    return int(projections + 2 * counts[0] * (counts[1] // batch) * size)


_COUNTS: list[tuple[tuple[type, ...], Callable[[Any, Any, Any], int]]] = [
    ((ConvTranspose1d, ConvTranspose2d, ConvTranspose3d), _transposed),
    ((Conv1d, Conv2d, Conv3d, Linear, Bilinear), _dense),
    ((RNNBase, RNNCellBase), _recurrent),
    ((MultiheadAttention,), _attention),
]
"""Layers that multiply by matrices, and how many multiply-adds a call is."""


def _mult_adds(module: Any, inputs: Any, out: Any) -> int:
    for kinds, count in _COUNTS:
        if isinstance(module, kinds):
            return int(count(module, inputs, out))
    return 0


class _Watch:
    """Notes every call of the model's layers."""

    def __init__(self, model: Any) -> None:
        self.layers: list[LayerSummary] = []
        self.open: list[LayerSummary] = []
        self.seen: set[int] = set()
        self.handles: list[Any] = []
        for name, module in model.named_modules():
            short = name.rpartition(".")[2]
            self.handles += [
                module.register_forward_pre_hook(lambda module, args, short=short: self.enter(module, short)),
                module.register_forward_hook(self.leave, with_kwargs=True),
            ]

    def enter(self, module: Any, name: str) -> None:
        layer = LayerSummary(name, type(module).__name__, len(self.open), repeated=id(module) in self.seen)
        self.layers.append(layer)
        self.open.append(layer)

    def leave(self, module: Any, args: Any, kwargs: Any, out: Any) -> None:
        layer = self.open.pop()
        layer.output_shape = _shapes(out)
        layer.kind = type(module).__name__  # a lazy layer has become another by now
        layer.mult_adds = _mult_adds(module, (args, kwargs), out)
        layer.repeated = id(module) in self.seen
        if not layer.repeated:
            # A part whose parameters the module uses without calling it counts as the module's.
            own = [part for part in module.modules() if id(part) not in self.seen and part is not module]
            self.seen.update(id(part) for part in (module, *own))
            held = {id(p): p.numel() for part in (module, *own) for p in part.parameters(recurse=False)}
            layer.parameters = sum(held.values())


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """The model in evaluation mode, and afterwards every layer in the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _inputs(model: Any, input_size: Any, input_data: Any, dtypes: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if (input_size is None) == (input_data is None):
        raise ValueError("summary(): give input_size or input_data, and not both")
    if input_data is not None:
        if isinstance(input_data, dict):
            return (), input_data
        return (tuple(input_data) if isinstance(input_data, tuple | list) else (input_data,)), {}
    sizes = [input_size] if all(isinstance(n, int) for n in input_size) else list(input_size)
    kinds = [None] * len(sizes) if dtypes is None else list(dtypes)
    if len(kinds) != len(sizes):
        raise ValueError(f"summary(): there are {len(sizes)} inputs, but {len(kinds)} dtypes")
    device = next((p.device for p in model.parameters()), None)
    return tuple(zeros(tuple(s), dtype=kind, device=device) for s, kind in zip(sizes, kinds, strict=True)), {}


def summary(
    model: Any,
    input_size: Any = None,
    input_data: Any = None,
    *,
    dtypes: Any = None,
    depth: int | None = None,
    verbose: bool = True,
) -> ModelSummary:
    """Print a table of the layers of a model, with output shapes, parameters and multiply-adds.

    The model is called once, in evaluation mode and without recording. Multiply-adds are those of convolutions, linear
    and recurrent layers and attention; what costs as little as an addition for each element is not counted.

    Args:
        model: the module.
        input_size: the shape of the input, batch included, or a list of the shapes of several; zeros are made.
        input_data: the input itself in its place, or a tuple of several, or a dictionary of keyword arguments.
        dtypes: of the inputs of ``input_size``; int64 for an embedding, say.
        depth: how deep the printed table goes; None for all layers.
        verbose: whether the table is printed.

    Returns:
        :class:`ModelSummary`, with the numbers.

    Raises:
        ValueError: neither or both of ``input_size`` and ``input_data`` are given.

    Example:
        >>> import nnlite
        >>> from nnlite import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
        >>> found = nnlite.utils.summary(net, (1, 1, 8, 8))
        =====================================================
        Layer         Output shape  Parameters  Multiply-adds
        =====================================================
        Sequential    [1, 10]                -              -
          0: Conv2d   [1, 4, 6, 6]          40          1,296
          1: ReLU     [1, 4, 6, 6]           -              -
          2: Flatten  [1, 144]               -              -
          3: Linear   [1, 10]            1,450          1,440
        =====================================================
        Parameters: 1,490 (1,490 trainable, 6.0 KB)
        Multiply-adds: 2,736
        =====================================================
        >>> found.total_params, found.total_mult_adds
        (1490, 2736)
    """
    args, kwargs = _inputs(model, input_size, input_data, dtypes)
    watch = _Watch(model)
    try:
        with _evaluating(model), no_grad():
            model(*args, **kwargs)
    finally:
        for handle in watch.handles:
            handle.remove()
    parameters = list(model.parameters())
    found = ModelSummary(
        watch.layers,
        total_params=sum(p.numel() for p in parameters),
        trainable_params=sum(p.numel() for p in parameters if p.requires_grad),
        total_mult_adds=sum(layer.mult_adds for layer in watch.layers),
        param_bytes=sum(p.numel() * p.dtype.itemsize for p in parameters),
        depth=depth,
    )
    if verbose:
        print(found)
    return found
