"""Attention with several heads."""

from __future__ import annotations

from typing import Any

from ...creation import empty
from ...ops.attention.multi_head import multi_head_attention_forward
from .. import init
from ..parameter import Parameter
from .linear import NonDynamicallyQuantizableLinear
from .module import Module

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention with several heads: concat(head_1 ... head_h) W_O, where head_i = attention(Q W_i^Q, K W_i^K, V W_i^V).

    Args:
        embed_dim: features of query and output.
        num_heads: the number of heads; each has ``embed_dim / num_heads`` features.
        dropout: probability with which a weight is set to 0 in training.
        bias: whether the projections have a bias.
        add_bias_kv: a learned key and value is appended.
        add_zero_attn: a key and value of zeros is appended.
        kdim, vdim: features of key and value; ``embed_dim`` unless given.
        batch_first: inputs and output are (batch, length, features).

    Shape: query (L, N, E) or (L, E), key (S, N, kdim) or (S, kdim), value (S, N, vdim) or (S, vdim). The call gives
        ``(output, weights)``: output (L, N, E) or (L, E); weights (N, L, S) or (L, S), None without ``need_weights``.

    Raises:
        ValueError: ``embed_dim`` or ``num_heads`` is not positive.
        AssertionError: ``num_heads`` does not divide ``embed_dim``; (when called) shapes that do not fit.

    Source: Vaswani et al., Attention is all you need, https://arxiv.org/abs/1706.03762.

    Example:
        >>> import nnlite
        >>> attention = nnlite.nn.MultiheadAttention(16, 4)
        >>> x = nnlite.randn(5, 2, 16)
        >>> output, weights = attention(x, x, x)
        >>> output.shape, weights.shape
        (torch.Size([5, 2, 16]), torch.Size([2, 5, 5]))
    """

    __constants__ = ["batch_first"]  # noqa: RUF012

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim if kdim is not None else embed_dim
        self.vdim = vdim if vdim is not None else embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError(
                f"embed_dim must be divisible by num_heads, got embed_dim={embed_dim} and num_heads={num_heads}"
            )

        def parameter(*sizes: int) -> Parameter:
            return Parameter(empty(sizes, device=device, dtype=dtype))

        apart = not self._qkv_same_embed_dim
        for name, features in (("q", embed_dim), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", parameter(embed_dim, features) if apart else None)
        self.register_parameter("in_proj_weight", None if apart else parameter(3 * embed_dim, embed_dim))
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self.bias_k = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.bias_v = parameter(1, 1, embed_dim) if add_bias_kv else None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """``(output, weights)``.

        Args:
            key_padding_mask: (N, S) or (S): True, or -inf, for keys that are padding.
            need_weights: without them the result comes in blocks, in memory that grows linearly with the lengths.
            attn_mask: (L, S) or (N num_heads, L, S): True where a query must not see a key, or numbers that are added.
            average_attn_weights: the weights are averaged over the heads, else (N, num_heads, L, S).
            is_causal: says that ``attn_mask`` is the causal mask.
        """
        transposed = self.batch_first and query.dim() == 3
        if transposed:
            query, key, value = _transposed(query, key, value)
        output, weights = multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if transposed else output), weights

    def merge_masks(self, attn_mask: Any, key_padding_mask: Any, query: Any) -> tuple[Any, int | None]:
        """One mask of both: ``(mask, 0 | 1 | 2)``, for (batch, length, features); 1 for padding alone, 2 otherwise."""
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length = query.shape[:2]
        shape = (batch, -1, length, length) if attn_mask.dim() == 3 else (1, 1, length, length)
        merged = attn_mask.view(*shape).expand(batch, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            merged = merged + key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
        return merged, 2


def _transposed(query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
    """Each with its first two dimensions exchanged; the same tensors stay the same."""
    made = {id(x): x.transpose(1, 0) for x in (query, key, value)}
    return made[id(query)], made[id(key)], made[id(value)]
