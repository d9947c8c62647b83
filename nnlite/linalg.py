"""Linear algebra under the names of ``torch.linalg``."""

from __future__ import annotations

from .ops._arguments import guard_all as _guard_all
from .ops.linalg import decompositions as _decompositions
from .ops.linalg import functions as _matrix_functions
from .ops.linalg import norms as _matrix_norms
from .ops.linalg import solvers as _solvers
from .ops.linalg import spectral as _spectral
from .ops.linalg._matrices import LinAlgError
from .ops.linalg.decompositions import lu_factor, lu_factor_ex
from .ops.linalg.functions import matrix_exp, multi_dot, vecdot
from .ops.linalg.householder import householder_product
from .ops.linalg.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from .ops.linalg.least_squares import lstsq, matrix_rank, pinv
from .ops.linalg.matmul import matmul
from .ops.linalg.norms import cond, matrix_norm, vector_norm
from .ops.linalg.solvers import det, inv, inv_ex, solve, solve_ex, solve_triangular, tensorinv, tensorsolve
from .ops.linalg.spectral import eig, eigh, eigvals, eigvalsh, svdvals

cholesky = _decompositions.linalg_cholesky
cholesky_ex = _decompositions.linalg_cholesky_ex
cross = _matrix_functions.linalg_cross
diagonal = _matrix_functions.linalg_diagonal
lu = _decompositions.linalg_lu
lu_solve = _decompositions.linalg_lu_solve
matrix_power = _matrix_functions.linalg_matrix_power
norm = _matrix_norms.linalg_norm
qr = _decompositions.linalg_qr
slogdet = _solvers.linalg_slogdet
svd = _spectral.linalg_svd
vander = _matrix_functions.linalg_vander

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
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
    "vander",
    "vecdot",
    "vector_norm",
]

_guard_all(globals(), __name__)
