"""Tables of vectors that are looked up by number."""

from __future__ import annotations

from typing import Any, Self

from ..._core.grad_mode import no_grad
from ...creation import empty
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

__all__ = ["Embedding", "EmbeddingBag"]


class Embedding(Module):
    """A table of learned vectors: the output holds the rows that the input names.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: size of a vector.
        padding_idx: this row gets no gradient, and is zero at first.
        max_norm: rows that are looked up and have a larger norm are scaled down to it, in the table itself.
        norm_type: the p of the p-norm for ``max_norm``.
        scale_grad_by_freq: the gradient of a row is divided by how often the input names it.
        sparse: accepted; there are no sparse tensors here, so the gradient is dense all the same.
        device, dtype: of the table.

    Shape: input (*), int64 or int32; output (*, embedding_dim).

    Attributes:
        weight: the table, of shape (num_embeddings, embedding_dim); at first standard normal.

    Raises:
        AssertionError: ``padding_idx`` is no row.
        IndexError: (when called) the input names a row that there is not.

    Example:
        >>> import nnlite
        >>> table = nnlite.nn.Embedding(10, 3)
        >>> table(nnlite.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
        torch.Size([2, 4, 3])
    """

    __constants__ = [  # noqa: RUF012
        "num_embeddings",
        "embedding_dim",
        "padding_idx",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "sparse",
    ]

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    weight: Parameter
    sparse: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Any = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("Padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            table = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            if list(_weight.shape) != [num_embeddings, embedding_dim]:
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Any) -> Any:
        """The rows that the input names."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Sizes, and what is not the default."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in (
            ("padding_idx", None),
            ("max_norm", None),
            ("norm_type", 2),
            ("scale_grad_by_freq", False),
            ("sparse", False),
        ):
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """An Embedding over a table that there is already; it shares the table's memory.

        Args:
            embeddings: the table, a matrix with a row for each number.
            freeze: whether the table is not to be learned.
            padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse: see :class:`Embedding`.

        Raises:
            AssertionError: the table is not a matrix.

        Example:
            >>> import nnlite
            >>> table = nnlite.nn.Embedding.from_pretrained(nnlite.tensor([[1.0, 2.3], [4.0, 5.1]]))
            >>> table(nnlite.tensor([1]))
            tensor([[4.0000, 5.1000]])
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, size = embeddings.shape
        return cls(
            rows,
            size,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(Module):
    """The sum, mean or maximum of the vectors that the numbers of a bag name.

    Args:
        num_embeddings: rows of the table.
        embedding_dim: size of a vector.
        max_norm: rows that are looked up and have a larger norm are scaled down to it, in the table itself.
        norm_type: the p of the p-norm for ``max_norm``.
        scale_grad_by_freq: the gradient of a row is divided by how often the input names it; not for ``"max"``.
        mode: ``"sum"``, ``"mean"`` or ``"max"``.
        sparse: accepted; there are no sparse tensors here, so the gradient is dense all the same.
        include_last_offset: the offsets have one more element, the end of the last bag.
        padding_idx: this row is passed over, gets no gradient, and is zero at first.
        device, dtype: of the table.

    Shape: input (B, N), or (N) with offsets (B), int64 or int32; output (B, embedding_dim).

    Attributes:
        weight: the table, of shape (num_embeddings, embedding_dim); at first standard normal.

    Raises:
        AssertionError: ``padding_idx`` is no row. For the errors of a call see
            :func:`nnlite.nn.functional.embedding_bag`.

    Example:
        >>> import nnlite
        >>> bags = nnlite.nn.EmbeddingBag(10, 3, mode="sum")
        >>> bags(nnlite.tensor([1, 2, 4, 5, 4, 3, 2, 9]), nnlite.tensor([0, 4])).shape
        torch.Size([2, 3])
    """

    __constants__ = [  # noqa: RUF012
        "num_embeddings",
        "embedding_dim",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "mode",
        "sparse",
        "include_last_offset",
        "padding_idx",
    ]

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Any = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError("padding_idx must be within num_embeddings")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        if _weight is None:
            self.weight = Parameter(empty((num_embeddings, embedding_dim), device=device, dtype=dtype))
            self.reset_parameters()
        else:
            if list(_weight.shape) != [num_embeddings, embedding_dim]:
                raise AssertionError("Shape of weight does not match num_embeddings and embedding_dim")
            self.weight = Parameter(_weight)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    def forward(self, input: Any, offsets: Any = None, per_sample_weights: Any = None) -> Any:
        """One vector for each bag; ``per_sample_weights`` are factors of the vectors, for ``"sum"``."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Sizes, and what is not the default."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in (("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False)):
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Any,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """An EmbeddingBag over a table that there is already; it shares the table's memory.

        Args:
            embeddings: the table, a matrix with a row for each number.
            freeze: whether the table is not to be learned.
            max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx: see
                :class:`EmbeddingBag`.

        Raises:
            AssertionError: the table is not a matrix.

        Example:
            >>> import nnlite
            >>> table = nnlite.tensor([[1.0, 2.0], [4.0, 6.0]])
            >>> nnlite.nn.EmbeddingBag.from_pretrained(table)(nnlite.tensor([[1, 0]]))
            tensor([[2.5000, 4.0000]])
        """
        if embeddings.dim() != 2:
            raise AssertionError("Embeddings parameter is expected to be 2-dimensional")
        rows, size = embeddings.shape
        made = cls(
            rows,
            size,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made
