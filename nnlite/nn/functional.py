"""The functions behind the layers. They are defined, with their derivatives, in ``nnlite/ops``."""

from __future__ import annotations

from ..ops.activation import log_softmax_function as log_softmax
from ..ops.activation import relu as relu
from ..ops.activation import relu_ as relu_
from ..ops.activation import sigmoid as sigmoid
from ..ops.activation import softmax_function as softmax
from ..ops.activation import tanh as tanh
from ..ops.cross_entropy import cross_entropy as cross_entropy
from ..ops.cross_entropy import nll_loss as nll_loss
from ..ops.dropout import dropout as dropout
from ..ops.dropout import dropout2d as dropout2d
from ..ops.embedding import embedding as embedding
from ..ops.linalg import linear as linear
from ..ops.loss import l1_loss as l1_loss
from ..ops.loss import mse_loss as mse_loss
