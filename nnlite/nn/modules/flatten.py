"""Several dimensions as one, and one as several."""

from __future__ import annotations

from typing import Any

from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Dimensions ``start_dim`` to ``end_dim`` as one; by default all but the batch.

    Args:
        start_dim, end_dim: the first and the last dimension, both included.

    Shape: input (*, S_start, ..., S_end, *), output (*, product of these sizes, *).

    Example:
        >>> import nnlite
        >>> nnlite.nn.Flatten()(nnlite.ones(32, 1, 5, 5)).shape
        torch.Size([32, 25])
    """

    __constants__ = ["start_dim", "end_dim"]  # noqa: RUF012

    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Any) -> Any:
        """The input with fewer dimensions."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Dimension ``dim`` as several.

    Args:
        dim: the dimension.
        unflattened_size: the sizes that take its place; one may be -1.

    Shape: input (*, S, *), output (*, unflattened sizes, *), whose product is S.

    Raises:
        TypeError: ``unflattened_size`` is not a tuple or list of ints.
        RuntimeError: (when called) the sizes do not multiply up to S.

    Example:
        >>> import nnlite
        >>> nnlite.nn.Unflatten(1, (2, 5, 5))(nnlite.ones(2, 50)).shape
        torch.Size([2, 2, 5, 5])
    """

    __constants__ = ["dim", "unflattened_size"]  # noqa: RUF012

    dim: int
    unflattened_size: Any

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for position, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {type(size).__name__} at pos "
                    f"{position}"
                )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Any) -> Any:
        """The input with more dimensions."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The dimension and the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
