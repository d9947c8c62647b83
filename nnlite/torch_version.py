"""``nnlite.__version__`` and its class: a string that compares as a version."""

from __future__ import annotations

import re
from typing import Any

from ._version import PYTORCH
from ._version import __version__ as _own

__all__ = ["TorchVersion"]

_PATTERN = (
    r"\s*v?(?P<release>\d+(?:\.\d+)*)"
    r"(?:[-_.]?(?P<stage>a|alpha|b|beta|c|rc|pre|preview)[-_.]?(?P<number>\d*))?"
    r"(?:[-_.]?post(?P<post>\d*))?"
    r"(?:[-_.]?dev(?P<dev>\d*))?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*"
)
"""Compiled at the first comparison."""
_STAGES = {"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
_FINAL = 4


def _key(text: str) -> tuple[Any, ...] | None:
    """What versions are ordered by (PEP 440); None where the text is no version."""
    match = re.fullmatch(_PATTERN, text, re.IGNORECASE)
    if match is None:
        return None
    release = [int(part) for part in match["release"].split(".")]
    while len(release) > 1 and not release[-1]:
        release.pop()
    if match["stage"]:
        stage = _STAGES[match["stage"].lower()]
    else:
        stage = 0 if match["dev"] is not None and match["post"] is None else _FINAL
    post = -1 if match["post"] is None else int(match["post"] or 0)
    dev = (1, 0) if match["dev"] is None else (0, int(match["dev"] or 0))
    parts = re.split(r"[-_.]", match["local"].lower()) if match["local"] else []
    local = [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
    return release, stage, int(match["number"] or 0), post, dev, local


class TorchVersion(str):
    """A version as text that compares with strings, tuples and lists by the order of versions.

    What is no version compares as text.

    Example:
        >>> from nnlite.torch_version import TorchVersion
        >>> v = TorchVersion("2.13.0")
        >>> v >= "2.9", v > (2, 4, 1), v < "2.13.1", v == "2.13"
        (True, True, True, True)
    """

    __slots__ = ()

    def _pair(self, other: Any) -> tuple[Any, Any]:
        if isinstance(other, tuple | list):
            other = ".".join(str(part) for part in other)
        if not isinstance(other, str):
            other = str(other)  # as packaging's Version
        ours, theirs = _key(self), _key(other)
        return (str(self), str(other)) if ours is None or theirs is None else (ours, theirs)

    def __lt__(self, other: Any) -> bool:
        a, b = self._pair(other)
        return a < b

    def __le__(self, other: Any) -> bool:
        a, b = self._pair(other)
        return a <= b

    def __gt__(self, other: Any) -> bool:
        a, b = self._pair(other)
        return a > b

    def __ge__(self, other: Any) -> bool:
        a, b = self._pair(other)
        return a >= b

    def __eq__(self, other: object) -> bool:
        a, b = self._pair(other)
        return bool(a == b)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


__version__ = TorchVersion(f"{PYTORCH}+nnlite.{_own}")
"""The version of PyTorch's API, which programs compare, with the package's own version as its local part."""
