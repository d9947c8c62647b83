"""``SummaryWriter``: PyTorch's interface over that of tensorboardX."""

from __future__ import annotations

import importlib
import itertools
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tensor import Tensor

__all__ = ["FileWriter", "SummaryWriter"]


_PATIENCE = 10.0
"""Seconds that ``flush`` waits for the thread that writes."""

_count = itertools.count()


def _tensorboard_x() -> Any:
    try:
        return importlib.import_module("tensorboardX")
    except ModuleNotFoundError as error:
        raise ImportError(
            "nnlite.utils.tensorboard needs the package tensorboardX: pip install tensorboardX "
            "(or nnlite-framework[tensorboard])"
        ) from error


def _plain(value: Any) -> Any:
    """A value with NumPy arrays in place of tensors: float32 ones of bfloat16, which event files do not have."""
    if isinstance(value, Tensor):
        array = value.detach().cpu()._a
        return array.astype(np.float32) if array.dtype.kind == "V" else np.asarray(array)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(each) for each in value)
    return value


def _number(value: Any) -> Any:
    """A tensor or array of one element as a number."""
    value = _plain(value)
    if isinstance(value, np.ndarray):
        if value.size != 1:
            raise ValueError(f"scalar should have one element, not the shape {list(value.shape)}")
        return value.reshape(()).item()
    return value


def _step(value: Any) -> Any:
    return None if value is None else int(_number(value))


def FileWriter(log_dir: Any, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "") -> Any:
    """tensorboardX's writer of one event file, which takes finished protocol buffers."""
    _tensorboard_x()
    return importlib.import_module("tensorboardX.writer").FileWriter(
        os.fspath(log_dir), max_queue, flush_secs, filename_suffix
    )


class SummaryWriter:
    """Writes numbers, histograms, pictures and texts of a training run for TensorBoard to show.

    Tensors of all devices are taken, and NumPy arrays and numbers. ``global_step`` is where on the horizontal axis the
    value stands, ``walltime`` its time in seconds since 1970 if not now.

    Args:
        log_dir: the folder of the event files; by default ``runs/`` and a name of date, time and machine.
        comment: an addition to the default name.
        purge_step: TensorBoard leaves out the steps from here on that an earlier run has written to this folder.
        max_queue: how many values are collected before they are written.
        flush_secs: after how many seconds they are written at the latest.
        filename_suffix: an addition to the names of the event files.

    Raises:
        ImportError: tensorboardX is not installed.

    Example:
        >>> import tempfile
        >>> import nnlite
        >>> from nnlite.utils.tensorboard import SummaryWriter
        >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
        ...     for step in range(3):
        ...         writer.add_scalar("loss", nnlite.tensor(1 / (step + 1)), step)
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        self._settings = {"purge_step": purge_step, "max_queue": max_queue, "flush_secs": flush_secs}
        self._suffix = filename_suffix
        self._open: Any = None
        self.log_dir: str | None = None if log_dir is None else os.fspath(log_dir)
        self._comment = comment
        self.log_dir = self._writer.logdir

    @property
    def _writer(self) -> Any:
        """tensorboardX's writer; a new one after ``close``."""
        if self._open is None:
            # tensorboardX names files by the second, and would write over one of the same second.
            unique = f".{os.getpid()}.{next(_count)}{self._suffix}"
            self._open = _tensorboard_x().SummaryWriter(
                logdir=self.log_dir, comment=self._comment, filename_suffix=unique, **self._settings
            )
            self._settings["purge_step"] = None
        return self._open

    def get_logdir(self) -> str:
        """The folder of the event files."""
        assert self.log_dir is not None
        return self.log_dir

    @property
    def file_writer(self) -> Any:
        """tensorboardX's writer of the event file."""
        return self._writer.file_writer

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def flush(self) -> None:
        """Write what has been collected. The last value may follow a few milliseconds later: a thread writes."""
        if self._open is None:
            return
        deadline = time.monotonic() + _PATIENCE
        for writer in (self._open.all_writers or {}).values():
            queue = getattr(getattr(writer, "event_writer", None), "_event_queue", None)  # its flush() leaves this out
            while queue is not None and not queue.empty() and time.monotonic() < deadline:
                time.sleep(0.001)
        self._open.flush()

    def close(self) -> None:
        """Write what has been collected and close the files. What is added later goes into new ones."""
        if self._open is not None:
            self._open.close()
            self._open = None

    # Numbers

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """One number of a curve.

        Args:
            new_style, double_precision: kept for PyTorch's sake; the number is stored in float32.

        Raises:
            ValueError: it has not one element.
        """
        self._writer.add_scalar(tag, _number(scalar_value), _step(global_step), walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """One number for each of several curves in one diagram, each in a folder of its own."""
        numbers = {tag: _number(value) for tag, value in tag_scalar_dict.items()}
        self._writer.add_scalars(main_tag, numbers, _step(global_step), walltime)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: int | None = None, walltime: float | None = None
    ) -> None:  # fmt: skip
        """A whole tensor, for programs that read event files.

        Raises:
            ValueError: it holds complex numbers.
        """
        values = np.ascontiguousarray(_plain(tensor))
        if values.dtype not in _TENSOR_TYPES:
            raise ValueError(f"add_tensor(): tensors of {values.dtype} are not supported")
        protos = importlib.import_module("tensorboardX.proto.tensor_pb2"), importlib.import_module(
            "tensorboardX.proto.tensor_shape_pb2"
        )  # fmt: skip
        sizes = [protos[1].TensorShapeProto.Dim(size=size) for size in values.shape]
        made = protos[0].TensorProto(
            dtype=_TENSOR_TYPES[values.dtype],
            tensor_shape=protos[1].TensorShapeProto(dim=sizes),
            tensor_content=values.tobytes(),
        )
        self._summary(walltime, _step(global_step), tag=tag, tensor=made)

    def _summary(self, walltime: float | None, step: int | None, **value: Any) -> None:
        summary = importlib.import_module("tensorboardX.proto.summary_pb2").Summary
        self._writer.file_writer.add_summary(summary(value=[summary.Value(**value)]), step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How often values occur.

        Args:
            bins: ``"tensorflow"`` (bins that grow with the distance from 0), or what NumPy's ``histogram`` takes.

        Raises:
            ValueError: there is no value, or one is not finite.
        """
        array = np.asarray(_plain(values))
        if not array.size:
            raise ValueError("The input has no element.")
        if not np.isfinite(array).all():
            raise ValueError(f"The histogram of {tag!r} is empty, please file a bug report: a value is nan or infinite")
        self._writer.add_histogram(tag, array, _step(global_step), bins, walltime, max_bins)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Sequence[float],
        bucket_counts: Sequence[float],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A histogram whose bins have been counted.

        Raises:
            ValueError: there are not as many limits as counts.
        """
        numbers = [_number(each) for each in (min, max, num, sum, sum_squares)]
        limits, counts = np.asarray(_plain(bucket_limits)).tolist(), np.asarray(_plain(bucket_counts)).tolist()
        if len(limits) != len(counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        self._writer.add_histogram_raw(tag, *numbers, limits, counts, _step(global_step), walltime)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision over recall for all thresholds.

        Args:
            labels: 0 or 1 for each element.
            predictions: the probability that it is 1.
        """
        arrays = [None if each is None else np.asarray(_plain(each)) for each in (labels, predictions, weights)]
        self._writer.add_pr_curve(tag, *arrays[:2], _step(global_step), num_thresholds, arrays[2], walltime)

    def add_pr_curve_raw(self, tag: str, *counts: Any, **options: Any) -> None:
        """Precision over recall from numbers that have been counted; see tensorboardX."""
        self._writer.add_pr_curve_raw(tag, *_plain(counts), **_plain(options))

    # Pictures, sounds and texts

    def add_image(
        self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:  # fmt: skip
        """A picture: (3, H, W) or (1, H, W), or as ``dataformats`` says (``"HWC"``, ``"HW"``); uint8, or floats in
        [0, 1]."""
        self._writer.add_image(tag, _plain(img_tensor), _step(global_step), walltime, dataformats)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: int | None = None, walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:  # fmt: skip
        """Several pictures beside each other: (N, 3, H, W), or as ``dataformats`` says."""
        self._writer.add_images(tag, _plain(img_tensor), _step(global_step), walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: Any = None,
    ) -> None:
        """A picture with rectangles (N, 4) of x_min, y_min, x_max, y_max, and their names."""
        self._writer.add_image_with_boxes(
            tag, _plain(img_tensor), _plain(box_tensor), _step(global_step), walltime, dataformats, labels,
            rescale=rescale,
        )  # fmt: skip

    def add_figure(
        self, tag: str, figure: Any, global_step: int | None = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """A figure of matplotlib, or a list of them, as a picture."""
        self._writer.add_figure(tag, figure, _step(global_step), close, walltime)

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: int | None = None, fps: float = 4, walltime: float | None = None
    ) -> None:
        """A video: (N, T, C, H, W). Needs the package moviepy."""
        self._writer.add_video(tag, _plain(vid_tensor), _step(global_step), fps, walltime)

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: int | None = None, sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A sound: (1, length), in [-1, 1]. Needs the package soundfile."""
        self._writer.add_audio(tag, _plain(snd_tensor), _step(global_step), sample_rate, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:  # fmt: skip
        """A text in Markdown."""
        self._writer.add_text(tag, text_string, _step(global_step), walltime)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Any = None,
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """A surface in space: vertices (B, N, 3), their colours, and the triangles between them."""
        self._writer.add_mesh(
            tag, _plain(vertices), _plain(colors), _plain(faces), config_dict, _step(global_step), walltime
        )

    # Whole runs

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: Any = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """What a run was set to and what came of it, for the table of all runs; in a folder of its own.

        Args:
            hparam_domain_discrete: kept for PyTorch's sake.

        Raises:
            TypeError: an argument is no dict. ValueError: a value is no number, text or bool.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        settings = {key: _number(value) if isinstance(value, Tensor) else value for key, value in hparam_dict.items()}
        for key, value in settings.items():
            if not isinstance(value, bool | str | int | float | np.number):
                raise ValueError(f"value should be one of int, float, str, bool, or torch.Tensor: {key} is {value!r}")
        metrics = {key: _number(value) for key, value in metric_dict.items()}
        self._writer.add_hparams(settings, metrics, run_name, _step(global_step))

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: int | None = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Points (N, D) for the projector, with their names or rows of a table, and pictures (N, C, H, H)."""
        self._writer.add_embedding(
            _plain(mat), _plain(metadata), _plain(label_img), _step(global_step), tag, metadata_header
        )

    def add_custom_scalars(self, layout: dict[str, dict[str, list[Any]]]) -> None:
        """Which curves stand together: ``{category: {title: ["Multiline" or "Margin", [tags]]}}``."""
        self._writer.add_custom_scalars(layout)

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """`add_custom_scalars` for one diagram with several curves."""
        self._writer.add_custom_scalars_multilinechart(tags, category, title)

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """`add_custom_scalars` for one curve between a lower and an upper one."""
        if len(tags) != 3:
            raise AssertionError(f"a margin chart needs three tags, got {len(tags)}")
        self._writer.add_custom_scalars_marginchart(tags, category, title)

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Not there: PyTorch traces its own interpreter for it.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "SummaryWriter.add_graph() is not implemented: draw the graph of a result with "
            "nnlite.utils.draw_graph(model(input)) and add the picture, or export the model with nnlite.onnx and use "
            "add_onnx_graph()"
        )

    def add_onnx_graph(self, prototxt: Any) -> None:
        """The graph of a model in an ONNX file. Needs the package onnx."""
        self._writer.add_onnx_graph(os.fspath(prototxt))


_TENSOR_TYPES = {
    np.dtype(name): number
    for name, number in (
        ("float32", 1), ("float64", 2), ("int32", 3), ("uint8", 4), ("int16", 5), ("int8", 6), ("int64", 9),
        ("bool", 10), ("float16", 19),
    )
}  # fmt: skip
"""NumPy dtype -> number of the type in TensorFlow's ``types.proto``."""
