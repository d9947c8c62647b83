"""How many samples of PyTorch's databases passed, by what was compared (aspects), and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Tally:
    """How many samples passed, and what was wrong with the first that did not."""

    passed: int = 0
    total: int = 0
    first: str = ""

    def count(self, check: Callable[[], None], sample: Any) -> None:
        """Run one check; any exception is a failure."""
        self.total += 1
        try:
            check()
            self.passed += 1
        except Exception as error:
            self.first = self.first or f"{type(error).__name__}: {error} <- {shown(sample)}"


class Result:
    """The tallies of one operator or module, by aspect."""

    def __init__(self, name: str, aspects: tuple[str, ...]) -> None:
        self.name = name
        self.tallies = {aspect: Tally() for aspect in aspects}

    def passes(self, aspects: tuple[str, ...]) -> bool:
        return all(self.tallies[a].passed == self.tallies[a].total for a in aspects)

    @property
    def failures(self) -> dict[str, str]:
        """The aspects with samples that do not pass, and the first of these samples."""
        return {a: t.first for a, t in self.tallies.items() if t.passed < t.total}


def table(kind: str, aspects: tuple[str, ...], results: list[Result]) -> Iterator[str]:
    """A row for each operator or module; an empty cell where PyTorch has nothing to compare."""
    yield f"| {kind} | " + " | ".join(aspects) + " |"
    yield "|---" * (len(aspects) + 1) + "|"
    for r in results:
        cells = [f"{t.passed}/{t.total}" if t.total else "" for t in r.tallies.values()]
        cells = [c if t.passed == t.total else f"**{c}**" for c, t in zip(cells, r.tallies.values(), strict=True)]
        yield f"| {r.name} | " + " | ".join(cells) + " |"


def shown(sample: Any) -> str:
    """A sample in one line: shapes in place of tensors."""

    def text(value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return f"{str(value.dtype).split('.')[1]}{list(value.shape)}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(text, value))}]"
        return repr(value)

    arguments = [text(a) for a in (sample.input, *sample.args)] + [f"{k}={text(v)}" for k, v in sample.kwargs.items()]
    return f"({', '.join(arguments)})"
