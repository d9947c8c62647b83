"""The graph that backward walks, as a picture."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..nn.modules.module import Module
from ..tensor import Tensor

__all__ = ["GraphDrawing", "draw_graph"]

FORMATS = ("svg", "png", "pdf")


@dataclass
class GraphDrawing:
    """What :func:`draw_graph` made.

    Attributes:
        source: the graph in the language of graphviz (DOT).
        path: the file that was written, or None.
    """

    source: str
    path: Path | None = None

    def __str__(self) -> str:
        return self.source

    def _repr_svg_(self) -> str | None:
        """The picture in a notebook, where graphviz is installed."""
        made = _rendered(self.source, "svg")
        return None if made is None else made.decode()


def draw_graph(target: Any, *inputs: Any, path: Any = None, names: dict[str, Any] | None = None) -> GraphDrawing:
    """Draw the operations that a result was computed with: the graph that ``backward`` walks.

    Boxes are the tensors that gradients are collected for, with their names and shapes, ovals the operations, under the
    names of their derivatives; an arrow says where a result is used, and what shape it has.

    Args:
        target: a tensor, several in a tuple, list or dictionary, or a module, which is called with ``inputs``.
        inputs: of the module.
        path: the file to write, ``.svg``, ``.png`` or ``.pdf``, which needs the program ``dot`` of graphviz, or
            ``.dot``. Without the program, DOT text is written to the path with the suffix ``.dot``.
        names: name -> tensor, for tensors that are not parameters of the module.

    Returns:
        :class:`GraphDrawing`, whose ``source`` is the DOT text and whose ``path`` is the file.

    Raises:
        ValueError: nothing was recorded, or the suffix is another one.

    Example:
        >>> import nnlite
        >>> w = nnlite.ones(2, requires_grad=True)
        >>> drawing = nnlite.utils.draw_graph((w * 3).sum(), names={"w": w})
        >>> [line for line in drawing.source.splitlines() if "MulBackward0" in line]
        ['  n1 [label="MulBackward0"]']
    """
    known = dict(names or {})
    if isinstance(target, Module):
        known = {**dict(target.named_parameters()), **known}
        target = target(*inputs)
    elif inputs:
        raise ValueError("draw_graph(): inputs are for a module, but the first argument is none")
    source = _source(list(_tensors(target)), {id(t): name for name, t in known.items()})
    return GraphDrawing(source, None if path is None else _write(source, Path(path)))


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | tuple | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


def _sizes(shape: Any) -> str:
    return "x".join(map(str, shape)) if len(shape) else "scalar"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _source(outputs: list[Any], names: dict[int, str]) -> str:
    roots = [(t, t.grad_fn) for t in outputs if t.grad_fn is not None]
    if not roots:
        raise ValueError(
            "draw_graph(): nothing was recorded; the result must come from tensors with requires_grad=True, outside of "
            "no_grad()"
        )
    lines = ["digraph {", '  node [fontname="Helvetica", fontsize=11]', '  edge [fontname="Helvetica", fontsize=9]']
    numbers: dict[Any, int] = {}
    waiting: list[Any] = []

    def number(node: Any) -> int:
        if node not in numbers:
            numbers[node] = len(numbers)
            waiting.append(node)
        return numbers[node]

    for i, (tensor, node) in enumerate(roots):
        label = _quoted(f"{names.get(id(tensor), 'output')}\n{_sizes(tensor.shape)}")
        lines.append(f'  out{i} [label={label}, shape=box, style=filled, fillcolor="#d5e8d4"]')
        lines.append(f"  n{number(node)} -> out{i}")
    while waiting:
        node = waiting.pop()
        lines.append(_node_line(numbers[node], node, names))
        shapes = getattr(node, "shapes", None) or ()
        for position, (before, _) in enumerate(node.next_functions):
            if before is not None:
                shape = shapes[position] if position < len(shapes) else None
                label = "" if shape is None else f" [label={_quoted(_sizes(shape))}]"
                lines.append(f"  n{number(before)} -> n{numbers[node]}{label}")
    return "\n".join([*lines, "}"])


def _node_line(number: int, node: Any, names: dict[int, str]) -> str:
    leaf = getattr(node, "variable", None)
    if leaf is None:
        return f"  n{number} [label={_quoted(node.name())}]"
    label = _quoted(f"{names.get(id(leaf), 'leaf')}\n{_sizes(leaf.shape)}")
    return f'  n{number} [label={label}, shape=box, style=filled, fillcolor="#dae8fc"]'


def _rendered(source: str, kind: str) -> bytes | None:
    """The picture, None where graphviz is not installed."""
    program = shutil.which("dot")
    if program is None:
        return None
    return subprocess.run([program, f"-T{kind}"], input=source.encode(), stdout=subprocess.PIPE, check=True).stdout


def _write(source: str, path: Path) -> Path:
    kind = path.suffix.removeprefix(".").lower()
    if kind not in (*FORMATS, "dot", "gv"):
        raise ValueError(f"draw_graph(): expected a path that ends in .svg, .png, .pdf or .dot, got {str(path)!r}")
    picture = _rendered(source, kind) if kind in FORMATS else None
    if picture is None:
        path = path if kind in ("dot", "gv") else path.with_suffix(".dot")
        path.write_text(source, "utf-8")
    else:
        path.write_bytes(picture)
    return path
