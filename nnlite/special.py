"""Special functions under the names of ``torch.special``."""

from __future__ import annotations

from .ops import FUNCTIONS as _FUNCTIONS
from .ops._arguments import guard_all as _guard_all
from .ops.activation.softmax import log_softmax_function as log_softmax
from .ops.activation.softmax import softmax_function as softmax
from .ops.special import bessel as _bessel  # noqa: F401 (registers its functions)
from .ops.special import entropies as _entropies  # noqa: F401 (registers its functions)
from .ops.special import error_functions as _error_functions  # noqa: F401 (registers its functions)
from .ops.special import gamma as _gamma  # noqa: F401 (registers its functions)
from .ops.special import incomplete_gamma as _incomplete_gamma  # noqa: F401 (registers its functions)
from .ops.special import polynomials as _polynomials  # noqa: F401 (registers its functions)
from .ops.special._making import SPECIAL as _SPECIAL

airy_ai = _SPECIAL["airy_ai"]
bessel_j0 = _SPECIAL["bessel_j0"]
bessel_j1 = _SPECIAL["bessel_j1"]
bessel_y0 = _SPECIAL["bessel_y0"]
bessel_y1 = _SPECIAL["bessel_y1"]
chebyshev_polynomial_t = _SPECIAL["chebyshev_polynomial_t"]
chebyshev_polynomial_u = _SPECIAL["chebyshev_polynomial_u"]
chebyshev_polynomial_v = _SPECIAL["chebyshev_polynomial_v"]
chebyshev_polynomial_w = _SPECIAL["chebyshev_polynomial_w"]
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
hermite_polynomial_h = _SPECIAL["hermite_polynomial_h"]
hermite_polynomial_he = _SPECIAL["hermite_polynomial_he"]
i0 = _FUNCTIONS["i0"]
i0e = _SPECIAL["i0e"]
i1 = _SPECIAL["i1"]
i1e = _SPECIAL["i1e"]
laguerre_polynomial_l = _SPECIAL["laguerre_polynomial_l"]
legendre_polynomial_p = _SPECIAL["legendre_polynomial_p"]
log1p = _FUNCTIONS["log1p"]
log_ndtr = _SPECIAL["log_ndtr"]
logit = _FUNCTIONS["logit"]
logsumexp = _FUNCTIONS["logsumexp"]
modified_bessel_i0 = _SPECIAL["modified_bessel_i0"]
modified_bessel_i1 = _SPECIAL["modified_bessel_i1"]
modified_bessel_k0 = _SPECIAL["modified_bessel_k0"]
modified_bessel_k1 = _SPECIAL["modified_bessel_k1"]
multigammaln = _FUNCTIONS["mvlgamma"]
ndtr = _SPECIAL["ndtr"]
ndtri = _SPECIAL["ndtri"]
polygamma = _FUNCTIONS["polygamma"]
round = _FUNCTIONS["round"]
scaled_modified_bessel_k0 = _SPECIAL["scaled_modified_bessel_k0"]
scaled_modified_bessel_k1 = _SPECIAL["scaled_modified_bessel_k1"]
shifted_chebyshev_polynomial_t = _SPECIAL["shifted_chebyshev_polynomial_t"]
shifted_chebyshev_polynomial_u = _SPECIAL["shifted_chebyshev_polynomial_u"]
shifted_chebyshev_polynomial_v = _SPECIAL["shifted_chebyshev_polynomial_v"]
shifted_chebyshev_polynomial_w = _SPECIAL["shifted_chebyshev_polynomial_w"]
sinc = _FUNCTIONS["sinc"]
spherical_bessel_j0 = _SPECIAL["spherical_bessel_j0"]
xlog1py = _SPECIAL["xlog1py"]
xlogy = _FUNCTIONS["xlogy"]
zeta = _SPECIAL["zeta"]

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
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
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]

_guard_all(globals(), __name__)
