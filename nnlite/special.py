"""Special functions under the names of ``torch.special``."""

from __future__ import annotations

from .ops import FUNCTIONS as _FUNCTIONS
from .ops._special import SPECIAL as _SPECIAL
from .ops.activation import log_softmax_function as log_softmax
from .ops.activation import softmax_function as softmax

digamma = psi = _FUNCTIONS["digamma"]
entr = _SPECIAL["entr"]
erf = _FUNCTIONS["erf"]
erfc = _FUNCTIONS["erfc"]
erfcx = _SPECIAL["erfcx"]
erfinv = _FUNCTIONS["erfinv"]
exp2 = _FUNCTIONS["exp2"]
expit = _FUNCTIONS["sigmoid"]
expm1 = _FUNCTIONS["expm1"]
gammainc = _FUNCTIONS["igamma"]
gammaincc = _FUNCTIONS["igammac"]
gammaln = _FUNCTIONS["lgamma"]
i0 = _FUNCTIONS["i0"]
i0e = _SPECIAL["i0e"]
i1 = _SPECIAL["i1"]
i1e = _SPECIAL["i1e"]
log1p = _FUNCTIONS["log1p"]
log_ndtr = _SPECIAL["log_ndtr"]
logit = _FUNCTIONS["logit"]
logsumexp = _FUNCTIONS["logsumexp"]
multigammaln = _FUNCTIONS["mvlgamma"]
ndtr = _SPECIAL["ndtr"]
ndtri = _SPECIAL["ndtri"]
polygamma = _FUNCTIONS["polygamma"]
round = _FUNCTIONS["round"]
sinc = _FUNCTIONS["sinc"]
xlog1py = _SPECIAL["xlog1py"]
xlogy = _FUNCTIONS["xlogy"]
zeta = _SPECIAL["zeta"]

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
    "zeta",
]
