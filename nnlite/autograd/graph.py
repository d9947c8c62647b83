"""The nodes of the graph, for users who look at it."""

from __future__ import annotations

from .._core.node import GraphNode as Node

__all__ = ["Node"]
