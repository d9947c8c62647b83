"""Channels moved from group to group."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """The channels of all groups in turn: the first of each group, then the second of each, and so on.

    Args:
        groups: into how many groups the channels are cut.

    Shape: input and output (N, C, *).

    Raises:
        RuntimeError: (when called) the channels cannot be divided so.

    Example:
        >>> import nnlite
        >>> nnlite.nn.ChannelShuffle(2)(nnlite.arange(4.0).reshape(1, 4, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    __constants__ = ["groups"]  # noqa: RUF012

    groups: int

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Any) -> Any:
        """The channels in their new order."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"
