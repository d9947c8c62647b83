"""Nested tuples, lists and dictionaries, under the names of PyTorch's own file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import _pytree

__all__ = ["TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_map_only", "tree_unflatten"]

PyTree = Any


class TreeSpec:
    """The containers of a tree without its leaves."""

    def __init__(self, rebuild: Callable[[Any], Any], num_leaves: int) -> None:
        self._rebuild = rebuild
        self.num_leaves = num_leaves

    def unflatten(self, leaves: Any) -> Any:
        """The containers with other leaves."""
        return self._rebuild(leaves)


def tree_flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves in order, and the containers.

    Example:
        >>> from nnlite.utils._pytree import tree_flatten, tree_unflatten
        >>> leaves, spec = tree_flatten({"a": [1, 2], "b": 3})
        >>> leaves, tree_unflatten([x * 2 for x in leaves], spec)
        ([1, 2, 3], {'a': [2, 4], 'b': 6})
    """
    leaves, rebuild = _pytree.flatten(tree)
    return leaves, TreeSpec(rebuild, len(leaves))


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """The containers with these leaves."""
    return treespec.unflatten(leaves)


def tree_leaves(tree: Any) -> list[Any]:
    """The leaves in order."""
    return _pytree.leaves_of(tree)


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any) -> Any:
    """``func`` of each leaf, and of the leaves at its place in the other trees."""
    return _pytree.map_tree(func, tree, *rests)


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any) -> Any:
    """``func`` of each leaf of a type; other leaves stay."""
    return _pytree.map_tree(lambda leaf: func(leaf) if isinstance(leaf, kind) else leaf, tree)
