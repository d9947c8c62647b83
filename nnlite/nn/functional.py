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

__all__ = [
    "batch_norm",
    "conv2d",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "embedding",
    "l1_loss",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "pad",
    "relu",
    "relu_",
    "sigmoid",
    "softmax",
    "tanh",
]
