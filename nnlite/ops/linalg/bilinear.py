"""The bilinear form of two vectors, for each output."""

from __future__ import annotations

from typing import Any

from .._public import public
from .matmul import matmul


@public(method=False)
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """y = x1^T A x2 + b, with a matrix A for each output.

    Shape: ``input1`` (*, in1), ``input2`` (*, in2), ``weight`` (out, in1, in2), ``bias`` (out); the result is (*, out).

    Raises:
        RuntimeError: the inputs differ in their leading dimensions, or their last ones from the weight's.

    Example:
        >>> import nnlite
        >>> x, y = nnlite.tensor([1.0, 2.0]), nnlite.tensor([3.0, 4.0])
        >>> nnlite.nn.functional.bilinear(x, y, nnlite.eye(2).unsqueeze(0))
        tensor([11.])
    """
    _check(input1, input2, weight, bias)
    out, in1, in2 = weight.shape
    lead = input1.shape[:-1]
    x, y = input1.reshape(-1, in1), input2.reshape(-1, in2)
    half = matmul(x, weight.permute(1, 0, 2).reshape(in1, out * in2)).reshape(x.shape[0], out, in2)
    result = matmul(half, y.unsqueeze(2)).reshape(*lead, out)
    return result if bias is None else result + bias


def _check(input1: Any, input2: Any, weight: Any, bias: Any) -> None:
    a, b, w = input1.shape, input2.shape, weight.shape
    if len(a) != len(b):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for i, (m, n) in enumerate(zip(a[:-1], b[:-1], strict=True)):
        if m != n:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {m} and {n}")
    if len(w) != 3:
        raise RuntimeError(f"bilinear(): weight must be (out, in1, in2), but it has {len(w)} dimensions")
    for which, got, wanted, dim in (("input1", a, w[1], 1), ("input2", b, w[2], 2)):
        if not got or got[-1] != wanted:
            size = got[-1] if got else "no dimension"
            raise RuntimeError(
                f"bilinear(): {which} size does not match weight size: got {size} but expected {wanted} "
                f"(dimension {dim} of the weight)"
            )
    if bias is not None and tuple(bias.shape) != (w[0],):
        raise RuntimeError(f"bilinear(): bias size does not match weight size: got {list(bias.shape)} but expected "
                           f"[{w[0]}]")  # fmt: skip
    if not input1.dtype == input2.dtype == weight.dtype:
        raise RuntimeError(
            f"bilinear(): expected one dtype, but got {input1.dtype}, {input2.dtype} and {weight.dtype}; convert them "
            "with .to(dtype)"
        )
