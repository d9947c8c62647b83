"""What ``autocast`` does to which function: PyTorch's table of the CPU, and its table of CUDA for all other devices.

A name is that of a function of ``nnlite`` and ``nnlite.nn.functional`` and of the tensor method of that name; or it
names the module, as in ``linalg.inv``. Other names of the same function follow. A function that is in neither table
runs in the dtype it is given. PyTorch's tables are of its inner operations; here a public function that consists of
such operations is listed with what comes out.
"""

from __future__ import annotations

from typing import Any

from ._casting import Rule, as_first, lower, refused, single, single_unless_told, when, widest

PRODUCTS = """
    addbmm addmm baddbmm bmm chain_matmul conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    einsum linalg.multi_dot linalg.vecdot linear lstm matmul mm prelu rnn_relu rnn_tanh scaled_dot_product_attention
    __matmul__ __rmatmul__
"""
"""In the lower precision on all devices."""

LOSSES = """
    binary_cross_entropy_with_logits cdist cosine_embedding_loss cross_entropy hinge_embedding_loss huber_loss
    kl_div l1_loss linear_cross_entropy margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss
    nll_loss poisson_nll_loss smooth_l1_loss soft_margin_loss triplet_margin_loss
"""
"""In float32 on all devices."""

CPU_LOWER = "tensordot"

CPU_SINGLE = """
    adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy cholesky cholesky_inverse cholesky_solve
    ctc_loss fft.fft fft.fft2 fft.fftn fft.hfft fft.ifft fft.ifft2 fft.ifftn fft.ihfft fft.irfft fft.irfft2
    fft.irfftn fft.rfft fft.rfft2 fft.rfftn fractional_max_pool2d fractional_max_pool3d geqrf grid_sample
    grid_sampler grid_sampler_2d grid_sampler_3d inverse linalg.cholesky linalg.cholesky_ex linalg.cond linalg.eig
    linalg.eigh linalg.eigvals linalg.eigvalsh linalg.householder_product linalg.inv linalg.inv_ex linalg.lstsq
    linalg.matrix_rank linalg.pinv linalg.qr linalg.solve linalg.svd linalg.svdvals linalg.tensorinv
    linalg.tensorsolve lu lu_solve max_unpool1d max_unpool2d max_unpool3d nanquantile orgqr ormqr pinverse polar
    prod qr quantile stft svd trace triangular_solve view_as_complex
"""

BOTH_SINGLE = "pca_lowrank svd_lowrank"
"""In PyTorch of several precisions inside; in float32 they lose nothing."""

CPU_WIDEST = "cat index_copy stack"

CPU_AS_FIRST = "gru gru_cell lstm_cell rnn_relu_cell rnn_tanh_cell"

DEVICE_LOWER = "addmv addr gru gru_cell lstm_cell mv rnn_relu_cell rnn_tanh_cell"

DEVICE_SINGLE = """
    acos asin cosh cosine_similarity cumulative_trapezoid dist erfinv exp expm1 gaussian_nll_loss group_norm
    layer_norm local_response_norm log log10 log1p log2 logsumexp norm normalize nuclear_norm
    pairwise_distance pdist pow reciprocal renorm rms_norm rsqrt sinh softplus square tan trapezoid trapz
    triplet_margin_with_distance_loss upsample upsample_bilinear upsample_nearest __pow__ __rdiv__ __rpow__
    __rtruediv__
"""

DEVICE_SINGLE_UNLESS_TOLD = """
    cumprod cumsum gumbel_softmax linalg.matrix_norm linalg.norm linalg.vector_norm log_softmax prod softmax softmin
    sum
"""

DEVICE_WIDEST = """
    addcdiv addcmul atan2 bilinear cross dot grid_sample grid_sampler index_put linalg.cross scatter_add tensordot
    vdot
"""


def _mirrors(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> bool:
    """PyTorch lists reflection along one and two dimensions, and replication along one to three."""
    return mode == "replicate" or (mode == "reflect" and len(pad) <= 4)


def _interpolates(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *more: Any, **options: Any
) -> bool:
    """The mode "area" is a pooling."""
    return mode != "area"


def _pools_volumes(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *more: Any, **options: Any
) -> bool:
    return mode == "area" and input.ndim == 5


def _without_indices(*args: Any, return_indices: bool = False, **options: Any) -> bool:
    return not (return_indices or (len(args) > 6 and args[6]))


def _multiplies(input: Any, n: int) -> bool:
    return n > 1


def _inverts(input: Any, n: int) -> bool:
    return n < 0


def _has_products(input: Any, other: Any) -> bool:
    return bool(input.ndim and other.ndim) and input.ndim + other.ndim > 2


def _sums_over_pairs(equation: Any, *operands: Any) -> bool:
    """Whether an index of two operands is summed over, which makes a matrix product; without an equation, assumed."""
    if not isinstance(equation, str):
        return True
    inputs, _, output = equation.partition("->")
    letters = [letter for part in inputs.split(",") for letter in set(part) if letter.isalpha()]
    return "->" in equation and any(letters.count(letter) > 1 and letter not in output for letter in letters)


def _table(*parts: tuple[str, Rule]) -> dict[str, Rule]:
    return {name: rule for names, rule in parts for name in names.split()}


BOTH: dict[str, Rule] = _table(
    (PRODUCTS, lower),
    (LOSSES, single),
    (BOTH_SINGLE, single),
    ("matrix_power linalg.matrix_power", when(_multiplies, lower, when(_inverts, single))),
    ("inner", when(_has_products, lower)),
)

CPU: dict[str, Rule] = BOTH | _table(
    (CPU_LOWER, lower),
    (CPU_SINGLE, single),
    (CPU_WIDEST, widest),
    (CPU_AS_FIRST, as_first),
    ("einsum", when(_sums_over_pairs, lower)),
    ("pad", when(_mirrors, single)),
    ("interpolate", when(_pools_volumes, single)),
    ("max_pool3d", when(_without_indices, single)),
)

DEVICE: dict[str, Rule] = BOTH | _table(
    (DEVICE_LOWER, lower),
    (DEVICE_SINGLE, single),
    (DEVICE_SINGLE_UNLESS_TOLD, single_unless_told),
    (DEVICE_WIDEST, widest),
    ("interpolate", when(_interpolates, single)),
    ("binary_cross_entropy", refused),
)
