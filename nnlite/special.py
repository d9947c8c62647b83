"""Special functions under the names of ``torch.special``."""

from __future__ import annotations

from .ops import FUNCTIONS as _FUNCTIONS
from .ops.activation import log_softmax_function as log_softmax, softmax_function as softmax

erf = _FUNCTIONS["erf"]
exp2 = _FUNCTIONS["exp2"]
expit = _FUNCTIONS["sigmoid"]
expm1 = _FUNCTIONS["expm1"]
log1p = _FUNCTIONS["log1p"]
logit = _FUNCTIONS["logit"]
logsumexp = _FUNCTIONS["logsumexp"]
round = _FUNCTIONS["round"]
sinc = _FUNCTIONS["sinc"]
xlogy = _FUNCTIONS["xlogy"]

__all__ = [
    "erf",
    "exp2",
    "expit",
    "expm1",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "round",
    "sinc",
    "softmax",
    "xlogy",
]
