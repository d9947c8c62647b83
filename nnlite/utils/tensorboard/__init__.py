"""Event files for TensorBoard, under PyTorch's names, written by the package tensorboardX (extra ``tensorboard``)."""

from __future__ import annotations

from .writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "SummaryWriter"]
