"""Linear algebra under the names of ``torch.linalg``."""

from __future__ import annotations

from .ops import decompositions as _decompositions
from .ops import matrix_norms as _matrix_norms
from .ops import solvers as _solvers
from .ops import spectral as _spectral
from .ops._matrices import LinAlgError
from .ops.decompositions import lu_factor, lu_factor_ex
from .ops.least_squares import lstsq, matrix_rank, pinv
from .ops.matrix_norms import cond, matrix_norm, vector_norm
from .ops.solvers import det, inv, inv_ex, solve, solve_ex, solve_triangular, tensorinv, tensorsolve
from .ops.spectral import eig, eigh, eigvals, eigvalsh, svdvals

cholesky = _decompositions.linalg_cholesky
cholesky_ex = _decompositions.linalg_cholesky_ex
lu = _decompositions.linalg_lu
lu_solve = _decompositions.linalg_lu_solve
norm = _matrix_norms.linalg_norm
qr = _decompositions.linalg_qr
slogdet = _solvers.linalg_slogdet
svd = _spectral.linalg_svd

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "det",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matrix_norm",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vector_norm",
]
