"""The functions behind the layers. They are defined, with their derivatives, in ``nnlite/ops``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lazy import names_of

if TYPE_CHECKING:  # what loads at first use; the index is made of these lines
    from ..ops.activation.rectifiers import (
        celu,
        celu_,
        elu,
        elu_,
        hardshrink,
        hardsigmoid,
        hardswish,
        hardtanh,
        hardtanh_,
        leaky_relu,
        leaky_relu_,
        prelu,
        relu6,
        rrelu,
        rrelu_,
        selu,
        selu_,
        softshrink,
        threshold,
        threshold_,
    )
    from ..ops.activation.smooth import (
        gelu,
        glu,
        gumbel_softmax,
        logsigmoid,
        mish,
        silu,
        softmin,
        softplus,
        softsign,
        tanhshrink,
    )
    from ..ops.activation.softmax import log_softmax_function as log_softmax
    from ..ops.activation.softmax import relu, relu_, sigmoid, tanh
    from ..ops.activation.softmax import softmax_function as softmax
    from ..ops.attention.multi_head import multi_head_attention_forward
    from ..ops.attention.scaled_dot_product import scaled_dot_product_attention
    from ..ops.convolution.conv import conv1d, conv2d, conv3d
    from ..ops.convolution.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
    from ..ops.convolution.fold import fold, unfold
    from ..ops.distance.points import pdist
    from ..ops.distance.vectors import cosine_similarity, normalize, pairwise_distance
    from ..ops.dropout import (
        alpha_dropout,
        dropout,
        dropout1d,
        dropout2d,
        dropout3d,
        feature_alpha_dropout,
    )
    from ..ops.embedding.bags import embedding_bag
    from ..ops.embedding.table import embedding
    from ..ops.image.affine_grid import affine_grid
    from ..ops.image.grid_sample import grid_sample
    from ..ops.image.interpolate import interpolate, upsample, upsample_bilinear, upsample_nearest
    from ..ops.image.pad import pad
    from ..ops.image.pixel_shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
    from ..ops.index.places import one_hot
    from ..ops.linalg.bilinear import bilinear
    from ..ops.linalg.matmul import linear
    from ..ops.loss.common import l1_loss, mse_loss
    from ..ops.loss.cross_entropy import cross_entropy, nll_loss
    from ..ops.loss.ctc import ctc_loss
    from ..ops.loss.likelihood import binary_cross_entropy, binary_cross_entropy_with_logits, kl_div, poisson_nll_loss
    from ..ops.loss.linear_cross_entropy import linear_cross_entropy
    from ..ops.loss.margins import (
        cosine_embedding_loss,
        gaussian_nll_loss,
        margin_ranking_loss,
        multi_margin_loss,
        multilabel_margin_loss,
        multilabel_soft_margin_loss,
        triplet_margin_loss,
        triplet_margin_with_distance_loss,
    )
    from ..ops.loss.pairs import hinge_embedding_loss, huber_loss, smooth_l1_loss, soft_margin_loss
    from ..ops.normalization.batch import batch_norm
    from ..ops.normalization.rows import group_norm, instance_norm, layer_norm, local_response_norm, rms_norm
    from ..ops.pooling.adaptive import (
        adaptive_avg_pool1d,
        adaptive_avg_pool2d,
        adaptive_avg_pool3d,
        adaptive_max_pool1d,
        adaptive_max_pool2d,
        adaptive_max_pool3d,
    )
    from ..ops.pooling.average import (
        avg_pool1d,
        avg_pool2d,
        avg_pool3d,
        lp_pool1d,
        lp_pool2d,
        lp_pool3d,
    )
    from ..ops.pooling.fractional import (
        fractional_max_pool2d,
        fractional_max_pool3d,
    )
    from ..ops.pooling.inverse import (
        max_unpool1d,
        max_unpool2d,
        max_unpool3d,
    )
    from ..ops.pooling.largest import (
        max_pool1d,
        max_pool2d,
        max_pool3d,
    )
    from ._with_indices import (
        adaptive_max_pool1d_with_indices,
        adaptive_max_pool2d_with_indices,
        adaptive_max_pool3d_with_indices,
        conv_tbc,
        fractional_max_pool2d_with_indices,
        fractional_max_pool3d_with_indices,
        max_pool1d_with_indices,
        max_pool2d_with_indices,
        max_pool3d_with_indices,
    )


def _guard(name: str, value: Any, home: str) -> Any:
    from ..ops._arguments import guard

    return guard(name, value, home)


__getattr__, __dir__ = names_of(__name__, finish=_guard)

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "linear_cross_entropy",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
