"""Nested tuples, lists and dictionaries of tensors, taken apart and put together again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any


def is_leaf(value: Any) -> bool:
    """Whether a value is none of the containers that are looked into."""
    return not isinstance(value, tuple | list) and type(value) not in (dict, OrderedDict, defaultdict)


def flatten(tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """The leaves in order, and a function that puts as many others into the same containers."""
    leaves: list[Any] = []
    build = _take(tree, leaves)

    def rebuild(values: Any) -> Any:
        return build(iter(values))

    return leaves, rebuild


def _take(tree: Any, leaves: list[Any]) -> Callable[[Any], Any]:
    if is_leaf(tree):
        leaves.append(tree)
        return next
    if isinstance(tree, tuple | list):
        parts = [_take(part, leaves) for part in tree]
        if hasattr(tree, "_fields"):
            named: Any = type(tree)
            return lambda values: tuple.__new__(named, [part(values) for part in parts])
        kind = type(tree) if type(tree) in (tuple, list) else tuple if isinstance(tree, tuple) else list
        return lambda values: kind([part(values) for part in parts])
    pairs = [(key, _take(value, leaves)) for key, value in tree.items()]
    if isinstance(tree, defaultdict):
        return lambda values: defaultdict(tree.default_factory, [(key, part(values)) for key, part in pairs])
    return lambda values: type(tree)([(key, part(values)) for key, part in pairs])


def leaves_of(tree: Any) -> list[Any]:
    """The leaves in order."""
    return flatten(tree)[0]


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """``function`` of each leaf, and of the leaves at its place in other trees of the same form."""
    leaves, rebuild = flatten(tree)
    return rebuild(function(*row) for row in zip(leaves, *(leaves_of(other) for other in others), strict=True))


def spread(prefix: Any, tree: Any) -> list[Any] | None:
    """``prefix`` as one value for each leaf of ``tree``; None if its containers are not those of the tree."""
    if is_leaf(prefix):
        return [prefix] * len(leaves_of(tree))
    if is_leaf(tree):
        return None
    if isinstance(prefix, tuple | list):
        if not isinstance(tree, tuple | list) or type(prefix) is not type(tree) or len(prefix) != len(tree):
            return None
        parts = [spread(p, t) for p, t in zip(prefix, tree, strict=True)]
    else:
        if not isinstance(tree, dict) or list(prefix) != list(tree):
            return None
        parts = [spread(prefix[key], tree[key]) for key in tree]
    if any(part is None for part in parts):
        return None
    return [value for part in parts if part is not None for value in part]
