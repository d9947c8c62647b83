"""The differentiable operations, a folder for each family. Importing this package defines them all.

The files here that begin with an underscore hold what the families share: arguments, results, and the registry.
"""

from __future__ import annotations

from . import dropout, recurrent, transfer
from ._public import FUNCTIONS, METHODS
from .activation import rectifiers, smooth, softmax
from .distance import points, vectors
from .embedding import bags, table
from .fourier import stft
from .image import affine_grid, grid_sample, pixel_shuffle
from .index import indexing, places, scatter, writes
from .linalg import (
    bilinear,
    decompositions,
    einsum,
    functions,
    householder,
    ldl,
    least_squares,
    matmul,
    norms,
    products,
    solvers,
    spectral,
)
from .loss import common, cross_entropy, ctc, likelihood, linear_cross_entropy, margins, pairs
from .order import counting, selection, sorting
from .pointwise import arithmetic, complex, elementwise, floating, formulas, integers, operators
from .reduction import hashing, histograms, reduce, scans, statistics
from .shape import copies, diagonals, parts, reshaped, stacking, strides, views
from .special import bessel, entropies, error_functions, gamma, incomplete_gamma, polynomials

__all__ = ["FUNCTIONS", "METHODS"]
