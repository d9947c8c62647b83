"""Helper of the tests of ``nnlite.onnx``: export a model, and compare what onnxruntime computes with the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

import nnlite
from nnlite import nn
from nnlite.autograd._pytree import flatten


class Of(nn.Module):
    """A function as a model."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


def tensors_of(value: Any) -> list[Any]:
    return [t for t in flatten(value)[0] if isinstance(t, nnlite.Tensor)]


def check(model: Any, *calls: Any, tolerance: float = 2e-5, **options: Any) -> Any:
    """Export with the first arguments, run with all of them; the program.

    The largest difference to the model may be ``tolerance`` times the largest number.
    """
    model.eval()
    program = nnlite.onnx.export(model, calls[0], **options)
    onnx.checker.check_model(program.model_proto, full_check=True)
    for args in calls:
        with nnlite.no_grad():
            wanted = tensors_of(model(*args))
        found = program(*args)
        assert len(found) == len(wanted)
        for mine, theirs in zip(found, wanted, strict=True):
            a, b = mine.cpu().numpy(), theirs.detach().cpu().numpy()
            assert a.dtype == b.dtype
            assert a.shape == b.shape
            if a.dtype.kind != "f":
                np.testing.assert_array_equal(a, b)
            else:
                scale = np.abs(b[np.isfinite(b)]).max(initial=1.0)
                np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)
    return program


def nodes(program: Any) -> list[str]:
    return [node.op_type for node in program.model_proto.graph.node]


def sizes(values: Any) -> dict[str, list[Any]]:
    """Name -> sizes, names for dynamic ones."""
    return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
