"""Angles around a direction."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .._core.grad_mode import no_grad
from .._core.size import Size
from .._functions import rand
from ..special import i0e, i1e
from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, lazy_property

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles: p(x) = exp(concentration cos(x - loc)) / (2 pi I_0(concentration)) for -pi <= x < pi.

    Samples by rejection from a wrapped Cauchy distribution: D. J. Best and N. I. Fisher, "Efficient simulation of the
    von Mises distribution", Applied Statistics 28, 1979.

    Args:
        loc: the direction, an angle in radians. concentration: how close the angles are to it.

    Shape: batch as the parameters broadcast; event ().

    Example:
        >>> import nnlite
        >>> nnlite.distributions.VonMises(nnlite.tensor(1.0), nnlite.tensor(4.0)).mean
        tensor(1.)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    _parameter_dims: ClassVar[dict[str, int]] = {"loc": 0, "concentration": 0}

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def log_prob(self, value: Any) -> Any:
        k = self.concentration
        # exp(k cos d) / I_0(k) with both over exp(k), which may overflow
        return k * ((self._checked(value) - self.loc).cos() - 1) - math.log(2 * math.pi) - i0e(k).log()

    @lazy_property
    def _proposal_r(self) -> Any:
        """The parameter of the wrapped Cauchy distribution, in float64."""
        k = self.concentration.double()
        tau = 1 + (1 + 4 * k.square()).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * k)
        r = (1 + rho.square()) / (2 * rho)
        # rho vanishes for small concentrations, where 1 / k + k are the first terms of r.
        return r.where(k >= 1e-5, k.reciprocal() + k)

    def sample(self, sample_shape: Any = Size()) -> Any:  # noqa: B008
        with no_grad():
            shape = self._extended_shape(sample_shape)
            r, k = self._proposal_r.expand(shape), self.concentration.double().expand(shape)
            angle = r.new_zeros(shape)
            wanted = angle == 0
            while bool(wanted.any()):
                u = rand((3, *shape), dtype=r.dtype, device=r.device)
                z = (math.pi * u[0]).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accepted = (c * (2 - c) > u[1]) | ((c / u[1]).log() + 1 - c >= 0)
                angle = ((u[2] - 0.5).sign() * f.clamp(min=-1, max=1).acos()).where(wanted & accepted, angle)
                wanted = wanted & ~accepted
            loc = self.loc.double()
            return ((angle + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @property
    def mean(self) -> Any:
        """The mean direction."""
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:
        """The circular variance: 1 - I_1(concentration) / I_0(concentration)."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)
