"""A small part of torchvision, for programs that read pictures with it: datasets, transforms, grids of pictures.

``python -m nnlite.torch`` gives it to programs that ``import torchvision``, if torchvision is not installed. There are
no pretrained models, no detection operators, no video.
"""

from __future__ import annotations

from . import datasets, transforms, utils

__all__ = ["datasets", "transforms", "utils"]
