"""The functions behind the layers. They are defined, with their derivatives, in ``nnlite/ops``."""

from __future__ import annotations

from ..ops.activation import (
    log_softmax_function as log_softmax,
)
from ..ops.activation import (
    relu,
    relu_,
    sigmoid,
    tanh,
)
from ..ops.activation import (
    softmax_function as softmax,
)
from ..ops.conv import conv2d
from ..ops.cross_entropy import cross_entropy, nll_loss
from ..ops.dropout import dropout, dropout2d
from ..ops.embedding import embedding
from ..ops.linalg import linear
from ..ops.loss import l1_loss, mse_loss
from ..ops.norm import batch_norm
from ..ops.pad import pad
from ..ops.pool import max_pool2d
from ..ops.rectifiers import (
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
from ..ops.smooth_activations import (
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

__all__ = [
    "batch_norm",
    "celu",
    "celu_",
    "conv2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "elu_",
    "embedding",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "l1_loss",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "mish",
    "mse_loss",
    "nll_loss",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]
