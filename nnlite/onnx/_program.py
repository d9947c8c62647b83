"""What ``export`` returns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .._core.op import TensorBase
from .._core.tensor_base import wrap
from ..autograd._pytree import flatten
from ..backends import backend_of
from ..serialization._atomic import replacing
from .errors import OnnxExporterError

LIMIT = 2**31 - 2**16
"""A file in the format of protocol buffers is smaller than 2 GB; the rest is for what is not an initializer."""


class ONNXProgram:
    """An exported model.

    Attributes:
        model_proto: the model, an ``onnx.ModelProto``.

    Calling it runs the model by onnxruntime on tensors, in the order of the inputs, and returns a list of tensors.

    Example:
        >>> import nnlite
        >>> program = nnlite.onnx.export(nnlite.nn.ReLU(), (nnlite.tensor([-1.0, 2.0]),))
        >>> [node.op_type for node in program.model_proto.graph.node]
        ['Relu']
        >>> program(nnlite.tensor([3.0, -4.0]))
        [tensor([3., 0.])]
    """

    def __init__(self, model_proto: Any) -> None:
        self.model_proto = model_proto
        self._session: Any = None

    def __repr__(self) -> str:
        graph = self.model_proto.graph
        given, made = (", ".join(v.name for v in values) for values in (graph.input, graph.output))
        return f"ONNXProgram({len(graph.node)} nodes: {given} -> {made})"

    def __call__(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Run the model.

        Raises:
            ImportError: onnxruntime is not installed.
            TypeError: not as many tensors as the model has inputs.
        """
        leaves = [leaf for leaf in flatten((args, kwargs))[0] if isinstance(leaf, TensorBase)]
        names = [v.name for v in self.model_proto.graph.input]
        if len(leaves) != len(names):
            raise TypeError(f"the model has the inputs {names}, got {len(leaves)} tensors")
        arrays = [np.ascontiguousarray(backend_of(leaf._a).to_host(leaf._a)) for leaf in leaves]
        found = self._run(dict(zip(names, arrays, strict=True)))
        if not leaves:
            return [wrap(np.asarray(a)) for a in found]
        like = leaves[0]._a
        backend = backend_of(like)
        return [wrap(backend.from_host(np.asarray(a), backend.index_of(like))) for a in found]

    def _run(self, arrays: dict[str, np.ndarray]) -> list[Any]:
        if self._session is None:
            self.initialize_inference_session()
        found: list[Any] = self._session.run(None, arrays)
        return found

    def initialize_inference_session(self) -> None:
        """Prepare onnxruntime for calls.

        Raises:
            ImportError: onnxruntime is not installed. OnnxExporterError: the model is larger than 2 GB.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                'running an exported model needs onnxruntime: pip install "nnlite-framework[onnx]"'
            ) from error
        if size_of(self.model_proto) >= LIMIT:
            raise OnnxExporterError(
                "the model is larger than 2 GB, which onnxruntime reads from a file only: save it, and open the file "
                "with onnxruntime.InferenceSession(path)"
            )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            self.model_proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def save(self, destination: Any, *, external_data: bool | None = None) -> None:
        """Write the model to a file.

        Args:
            destination: the path.
            external_data: put the parameters into a file beside it, ``destination`` with ``.data`` behind; None does it
                where the model would not fit into one file of 2 GB.

        Raises:
            OnnxExporterError: the model is larger than 2 GB and ``external_data`` is False.
        """
        import onnx

        path = Path(os.fspath(destination))
        size = size_of(self.model_proto)
        if external_data is False and size >= LIMIT:
            raise OnnxExporterError(
                f"the model has {size} bytes, and one ONNX file holds less than 2 GB; save it with external_data=True"
            )
        if external_data or size >= LIMIT:
            copy = onnx.ModelProto()
            copy.CopyFrom(self.model_proto)
            data = path.name + ".data"
            path.with_name(data).unlink(missing_ok=True)  # onnx appends to a file that is there
            onnx.save_model(copy, str(path), save_as_external_data=True, location=data, size_threshold=1024)
            return
        with replacing(str(path)) as file:
            file.write(self.model_proto.SerializeToString())


def size_of(model: Any) -> int:
    """The bytes of the initializers, which nearly all of a large model is."""
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer)
