"""Chi-squared numbers."""

from __future__ import annotations

from typing import Any, ClassVar

from . import constraints
from .gamma import Gamma

__all__ = ["Chi2"]


class Chi2(Gamma):
    """Sums of ``df`` squared normal numbers: the Gamma distribution with concentration df / 2 and rate 1 / 2.

    Args:
        df: degrees of freedom, any positive number.

    Shape: batch as the parameter; event ().

    Example:
        >>> import nnlite
        >>> nnlite.distributions.Chi2(nnlite.tensor([4.0])).variance
        tensor([8.])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"df": constraints.positive}
    _parameter_dims: ClassVar[dict[str, int]] = Gamma._parameter_dims

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Any:
        """The degrees of freedom."""
        return self.concentration * 2
