"""Functions and products of matrices: exponential, powers, chains; cross and dot products of vectors."""

from __future__ import annotations

from typing import Any

from ..._core.op import conjugate, op, unbroadcast
from ..._core.tensor_base import wrap
from ...backends import backend_of
from .._axes import axis_of
from .._public import FUNCTIONS, public
from .._wide import widened
from ..pointwise.complex import conj
from ..pointwise.elementwise import zeros_like
from ..reduction import reduce
from ..shape.views import reshape, unsqueeze
from ._matrices import adjoint, floating, same_dtype, square, tensor, title, written
from .matmul import matmul
from .solvers import inv

_PADE = {
    7: (3.925724783138660, (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0)),
    13: (5.371920351148152, (
        64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
        10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
    )),
}  # fmt: skip
"""Degree -> up to which 1-norm the Pade approximant of e^x is exact in float32 (7) and float64 (13), coefficients."""


@op(saves=("x",), title="LinalgMatrixExpBackward0")
def _matrix_exp(xp: Any, x: Any) -> Any:
    """Scaling and squaring: N. J. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J.
    Matrix Anal. Appl. 26 (2005), 1179-1193. The number of squarings is read from the device."""
    if not x.size:
        return x.copy()
    limit, coefficients = _PADE[7 if x.dtype.name in ("float32", "complex64") else 13]
    norms = xp.max(xp.sum(xp.absolute(x), axis=-2), axis=-1)
    finite = xp.isfinite(norms)
    steps = xp.ceil(xp.log2(xp.where(finite, norms / limit, xp.ones((), norms.dtype))))
    steps = xp.maximum(steps, 0)[..., None, None]
    y = _pade(xp, x * xp.exp2(-steps), coefficients)
    for step in range(int(xp.max(steps))):
        y = xp.where(steps > step, xp.matmul(y, y), y)
    return xp.where(finite[..., None, None], y, xp.asarray(float("nan"), dtype=x.dtype))


def _pade(xp: Any, x: Any, c: tuple[float, ...]) -> Any:
    """q(x)^-1 p(x) of the polynomials p(x) = sum c_i x^i and q(x) = p(-x)."""
    eye = xp.eye(x.shape[-1], dtype=x.dtype)
    square_of_x = xp.matmul(x, x)
    even, odd, power = c[0] * eye, c[1] * eye, eye
    for i in range(2, len(c), 2):
        power = square_of_x if i == 2 else xp.matmul(power, square_of_x)
        even = even + c[i] * power
        odd = odd + c[i + 1] * power
    odd = xp.matmul(x, odd)
    return xp.linalg.solve(even - odd, even + odd)


@_matrix_exp.vjp
def _(f: Any, g: Any, node: Any, x: Any) -> tuple[Any, ...]:
    """The upper right block of exp([[X^H, G], [0, X^H]])."""
    n, axis = x.shape[-1], len(x.shape) - 2
    xh = adjoint(f, x)
    upper = f.concatenate(xh, g, axis=axis + 1)
    lower = f.concatenate(f.zeros_like(g), xh, axis=axis + 1)
    return (f.matrix_exp(f.concatenate(upper, lower, axis=axis))[..., :n, n:],)


@widened
def _any_matrix_exp(x: Any) -> Any:
    return _matrix_exp(x)


@public
def matrix_exp(input: Any) -> Any:
    """The exponential of square matrices, sum X^k / k!.

    Shape: (..., n, n) gives (..., n, n).

    Raises:
        RuntimeError: the matrices are not square, or of integers.

    Example:
        >>> import nnlite
        >>> nnlite.matrix_exp(nnlite.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    name = "linalg.matrix_exp"
    return _any_matrix_exp(floating(name, square(name, input), low=True))


def linalg_matrix_power(A: Any, n: int, *, out: Any = None) -> Any:
    """The n-th power of square matrices; of the inverses for negative n, the identity for 0.

    Shape: (..., n, n) gives (..., n, n).

    Raises:
        RuntimeError: the matrices are not square.
        LinAlgError: n is negative and a matrix is singular.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.matrix_power(nnlite.tensor([[1, 1], [0, 1]]), 5)
        tensor([[1, 5],
                [0, 1]])
    """
    if not isinstance(n, int):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    x = square("linalg.matrix_power", A)
    if n == 0:
        eye = wrap(backend_of(x._a).xp.eye(x._a.shape[-1], dtype=x._a.dtype))
        return written(zeros_like(x) + eye, out)
    x = inv(x) if n < 0 else x
    n, result = abs(n), None
    while True:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        if not n:
            return written(result.clone() if result is A else result, out)
        x = matmul(x, x)


@public
def matrix_power(input: Any, n: int, *, out: Any = None) -> Any:
    """The n-th power of square matrices; see :func:`nnlite.linalg.matrix_power`."""
    return linalg_matrix_power(input, n, out=out)


# ---------------------------------------------------------------------------------------------------------------------
# Chains of products


def multi_dot(tensors: Any, *, out: Any = None) -> Any:
    """The product of two or more matrices, in the order of multiplications that takes the fewest operations.

    The first may be a row vector and the last a column vector.

    Source: T. H. Cormen et al., Introduction to Algorithms, 3rd ed., section 15.2.

    Raises:
        RuntimeError: less than two tensors, others than matrices, sizes or dtypes that do not fit.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.multi_dot([nnlite.ones(2, 3), nnlite.ones(3, 4), nnlite.ones(4)])
        tensor([12., 12.])
    """
    given = list(tensors)
    _check_chain(given)
    first, last = given[0]._a.ndim == 1, given[-1]._a.ndim == 1
    chain = list(given)
    if first:
        chain[0] = unsqueeze(chain[0], 0)
    if last:
        chain[-1] = unsqueeze(chain[-1], 1)
    for i in range(len(chain) - 1):
        one, other = chain[i]._a.shape, chain[i + 1]._a.shape
        if one[1] != other[0]:
            shapes = [list(given[j]._a.shape) for j in (i, i + 1)]
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {shapes[0]} and {shapes[1]} cannot be multiplied"
            )
    result = _product(chain, _best_splits([t._a.shape[0] for t in chain] + [chain[-1]._a.shape[1]]), 0, len(chain) - 1)
    shape = result._a.shape[first : 2 - last]
    return written(reshape(result, tuple(shape)) if first or last else result, out)


def _check_chain(given: list[Any]) -> None:
    if len(given) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(given)}")
    for i, t in enumerate(given):
        ndim = tensor("multi_dot", t, i)._a.ndim
        if i in (0, len(given) - 1):
            if ndim not in (1, 2):
                which = "first" if i == 0 else "last"
                raise RuntimeError(f"multi_dot(): the {which} tensor must be 1D or 2D but got {ndim}D")
        elif ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {ndim}D")
        if t._a.dtype != given[0]._a.dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {title(given[0]).lower()} and "
                f"tensor {i} {title(t).lower()}"
            )


def _best_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """For each range of matrices where to split it; matrix i is sizes[i] x sizes[i + 1]."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            costs = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], split[i, j] = min(costs)
    return split


def _product(chain: list[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = split[i, j]
    return matmul(_product(chain, split, i, k), _product(chain, split, k + 1, j))


@public(method=False)
def chain_matmul(*matrices: Any, out: Any = None) -> Any:
    """The product of matrices; see :func:`nnlite.linalg.multi_dot`. One matrix is returned as it is."""
    for i, m in enumerate(matrices):
        if tensor("chain_matmul", m, i)._a.ndim != 2:
            raise RuntimeError(f"chain_matmul(): Tensor dimension is {m._a.ndim}, expected 2 instead. (tensor {i})")
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return written(matrices[0], out) if len(matrices) == 1 else multi_dot(matrices, out=out)


# ---------------------------------------------------------------------------------------------------------------------
# Vectors


@op(saves=("x", "y"), title="LinalgCrossBackward0")
def _cross(xp: Any, x: Any, y: Any, *, axis: int) -> Any:
    out = xp.empty(xp.broadcast_shapes(x.shape, y.shape), x.dtype)
    lead = (slice(None),) * axis
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        out[(*lead, i)] = x[(*lead, j)] * y[(*lead, k)] - x[(*lead, k)] * y[(*lead, j)]
    return out


@_cross.vjp
def _(f: Any, g: Any, node: Any, x: Any, y: Any) -> tuple[Any, ...]:
    xn, yn = node.edges
    axis = node.attrs["axis"]
    gx = None if xn is None else unbroadcast(f, f.cross(conjugate(f, y), g, axis=axis), node.shapes[0])
    return gx, None if yn is None else unbroadcast(f, f.cross(g, conjugate(f, x), axis=axis), node.shapes[1])


def linalg_cross(input: Any, other: Any, *, dim: int = -1, out: Any = None) -> Any:
    """The cross products of vectors of 3 elements, which lie along ``dim``; other dimensions broadcast.

    Raises:
        RuntimeError: the inputs have different numbers of dimensions, or not size 3 along ``dim``.
        IndexError: there is no such dimension.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.cross(nnlite.tensor([1.0, 0.0, 0.0]), nnlite.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    x, y = tensor("linalg.cross", input), tensor("linalg.cross", other, 1)
    if x._a.ndim != y._a.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = axis_of(dim, x._a.ndim)
    sizes = [t._a.shape[axis] if t._a.ndim else 1 for t in (x, y)]
    if sizes != [3, 3]:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {sizes[0]} and {sizes[1]}")
    if x._a.dtype != y._a.dtype:
        kind = FUNCTIONS["result_type"](x, y)
        x, y = x.to(kind), y.to(kind)
    return written(_cross(x, y, axis=axis), out)


@public
def cross(input: Any, other: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """The cross products of vectors along ``dim``, the first dimension of size 3 unless given; see
    :func:`nnlite.linalg.cross`.

    Raises:
        RuntimeError: no dimension is of size 3, or as there.
    """
    if dim is None:
        shape = tuple(tensor("cross", input)._a.shape)
        if 3 not in shape:
            raise RuntimeError("no dimension of size 3 in input")
        dim = shape.index(3)
    return linalg_cross(input, other, dim=dim, out=out)


def vecdot(x: Any, y: Any, *, dim: int = -1, out: Any = None) -> Any:
    """The inner products of vectors along ``dim``, sum conj(x) y; other dimensions broadcast.

    Raises:
        RuntimeError: dtypes differ, or are of integers.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.vecdot(nnlite.ones(2, 3), nnlite.ones(3))
        tensor([3., 3.])
    """
    name = "linalg.vecdot"
    floating(name, tensor(name, x), low=True)
    same_dtype(f"{name}: Expected x and y to have the same dtype, but found x of type {{}} and y of type {{}} instead",
               x, tensor(name, y, 1))  # fmt: skip
    return written(_inner(x, y, dim), out)


@widened
def _inner(x: Any, y: Any, dim: int) -> Any:
    return reduce.sum(conj(x) * y, dim)


def linalg_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices, which lie in ``dim1`` and ``dim2``, as the last dimension: a view.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.diagonal(nnlite.eye(2))
        tensor([1., 1.])
    """
    return FUNCTIONS["diagonal"](A, offset, dim1, dim2)


@public
def trace(input: Any) -> Any:
    """The sum of a matrix's diagonal.

    Raises:
        RuntimeError: the input is no matrix.

    Example:
        >>> import nnlite
        >>> nnlite.trace(nnlite.eye(3))
        tensor(3.)
    """
    if tensor("trace", input)._a.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._a.ndim}")
    return reduce.sum(FUNCTIONS["diagonal"](input))


def linalg_vander(x: Any, *, N: int | None = None) -> Any:
    """The powers 0 to N - 1 (as many as elements unless given) of each element, along a new last dimension.

    Shape: (..., n) gives (..., n, N).

    Raises:
        RuntimeError: no dimension, N below 2, or a 16-bit or bool dtype.

    Example:
        >>> import nnlite
        >>> nnlite.linalg.vander(nnlite.tensor([2, 3]), N=3)
        tensor([[1, 2, 4],
                [1, 3, 9]])
    """
    a = tensor("linalg.vander", x)._a
    if a.dtype.kind in "bV" or a.dtype.name == "float16":
        raise RuntimeError(f"linalg.vander supports floating point, complex, and integer tensors, but got {title(x)}")
    if not a.ndim:
        x = unsqueeze(x, 0)
    n = x._a.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    return _powers(x, n)


def _powers(x: Any, n: int) -> Any:
    shape = tuple(x._a.shape)
    ones = x.new_ones((*shape, 1))
    repeated = unsqueeze(x, -1).expand(*shape, n - 1)
    return FUNCTIONS["cat"]([ones, FUNCTIONS["cumprod"](repeated, -1)], -1)


@public(method=False)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers N - 1 to 0 of each element of a vector, one row for each element; ``increasing`` from 0 on.

    Raises:
        RuntimeError: the input is no vector, or N is negative.
    """
    if tensor("vander", x)._a.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x._a.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    kind = x.dtype if x._a.dtype.kind in "fcV" else FUNCTIONS["cumprod"](x[:0], 0).dtype
    if n == 0:
        return x.new_zeros((x._a.shape[0], 0), dtype=kind)
    powers = _powers(x, n).to(kind)
    return powers if increasing else FUNCTIONS["flip"](powers, (1,))
