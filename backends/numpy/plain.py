"""The files with NumPy's kernels. Importing them registers what they have."""

from __future__ import annotations

from . import activations as activations
from . import attention as attention
from . import convolution as convolution
from . import indexing as indexing
from . import normalization as normalization
from . import norms as norms
from . import order as order
from . import recurrent as recurrent
