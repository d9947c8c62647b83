"""Finding the forward line of a derivative that fails or gives NaN."""

from __future__ import annotations

import warnings
from typing import Any

from .._core.anomaly import anomaly

__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]


class set_detect_anomaly:
    """Turn anomaly detection on or off, from here on; as a context, for its extent. See :class:`detect_anomaly`."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = anomaly.on, anomaly.check_nan
        anomaly.on, anomaly.check_nan = bool(mode), bool(check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        anomaly.on, anomaly.check_nan = self.before


class detect_anomaly:
    """Inside, backward stops at the first derivative that gives NaN, and names the forward line of any that fails.

    It looks at every gradient, which makes backward slower and waits for the device.

    Raises:
        RuntimeError: (in backward) a derivative returned NaN.

    Example:
        >>> import nnlite, warnings
        >>> warnings.simplefilter("ignore")
        >>> x = nnlite.zeros(1, requires_grad=True)
        >>> with nnlite.autograd.detect_anomaly():
        ...     try:
        ...         (x.sqrt() * 0).backward()
        ...     except RuntimeError as error:
        ...         print(error)
        Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.outer: list[tuple[bool, bool]] = []
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.outer.append((anomaly.on, anomaly.check_nan))
        anomaly.on, anomaly.check_nan = True, self.check_nan

    def __exit__(self, *exc: Any) -> None:
        anomaly.on, anomaly.check_nan = self.outer.pop()


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return anomaly.on


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN."""
    return anomaly.check_nan
