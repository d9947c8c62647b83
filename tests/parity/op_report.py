"""The report of ``op_db.py``: its command line, and the text of ``docs/parity.md``."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

import numpy as np
import torch
from op_db import (
    ASPECTS,
    EXCLUDED,
    LIMIT,
    MINOR_LIMIT,
    WRONG_GRADIENTS,
    database,
    function_of,
    operators,
    run,
)
from tallies import Result, table

import nnlite


def whole(results: list[Result]) -> tuple[int, int]:
    """How many operators pass with all float32 samples (forward, gradient, method), and how many with everything."""
    return sum(r.passes(ASPECTS[:3]) for r in results), sum(not r.failures for r in results)


def summary(results: list[Result]) -> str:
    """The totals in one paragraph."""
    floats, everything = whole(results)
    return (
        f"{len(results)} of the {len(database())} entries of the database name functions that nnlite has. {floats} of "
        f"these pass all float32 samples (forward, gradient, method); {everything} pass everything in the table."
    )


def missing() -> dict[str, list[str]]:
    """The names in the database that nnlite has not, by namespace."""
    names = dict.fromkeys(op.name for op in database() if function_of(op) is None)
    groups: dict[str, list[str]] = {}
    for name in names:
        space = name.rpartition(".")[0]
        internal = name.startswith(("_", "torch.", "jiterator", "native_")) and not name.startswith("__")
        groups.setdefault("internal to PyTorch" if internal else f"torch.{space}".rstrip("."), []).append(name)
    return groups


def document(results: list[Result]) -> str:
    """The text of docs/parity.md."""
    lines = [
        "# Parity with PyTorch's operator database",
        "",
        f"Written by `python tests/parity/op_db.py --write docs/parity.md`, {date.today()}: "
        f"nnlite {nnlite.version.nnlite}, PyTorch {torch.__version__.split('+')[0]}, NumPy {np.__version__}.",
        "",
        "Each sample of `torch.testing._internal.common_methods_invocations.op_db` goes through PyTorch and through "
        "nnlite on the CPU; values, dtypes, shapes and gradients have to agree. Forward, gradient, method and in-place "
        "are float32 samples passed of those run; integers are int64 and bool samples; errors are inputs that have to "
        "raise PyTorch's exception type; complex are complex64 samples, half float16 and bfloat16 samples, each "
        f"forward and gradient in one. At most {LIMIT} samples of an operator and dtype are run ({MINOR_LIMIT} of "
        "complex64, float16 and bfloat16), evenly spread; of operators with random values dtypes and shapes are "
        "compared. A result that is not PyTorch's may be nearer to what PyTorch computes in the next wider dtype.",
        "",
        *(
            f"- Left out of {aspect}: {', '.join(f'{name} ({why})' for name, why in names.items())}."
            for aspect, names in {**EXCLUDED, "gradient": WRONG_GRADIENTS}.items()
        ),
        "",
        summary(results),
        "",
        *table("operator", ASPECTS, results),
        "",
        "## Not there",
        "",
        "Out of scope: what is internal to PyTorch (the public functions made of it are above), torch.masked and "
        "torch.sparse (`nnlite.masked` and sparse constructors say what to use instead).",
        "",
    ]
    for space, names in sorted(missing().items()):
        lines += [f"{space} ({len(names)}): {', '.join(f'`{n}`' for n in names)}.", ""]
    lines += ["Other lists: [modules](modules.md), [public names](names.md), [programs](programs.md).", ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run PyTorch's operator database against nnlite.")
    parser.add_argument("names", nargs="*", help="operators; all that nnlite has by default")
    parser.add_argument("--write", metavar="FILE", type=Path, help="write the report as Markdown")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--aspects", default="", metavar="NAMES", help=f"only these, of {', '.join(ASPECTS)}")
    options = parser.parse_args()
    aspects = tuple(options.aspects.split(",")) if options.aspects else ASPECTS
    chosen = [op for op in operators() if not options.names or {op.name, op.formatted_name} & set(options.names)]
    results = []
    for op in chosen:
        results.append(run(op, options.device, aspects=aspects))
        for aspect, first in results[-1].failures.items():
            tally = results[-1].tallies[aspect]
            print(f"{results[-1].name} {aspect} {tally.passed}/{tally.total}: {first}"[:400])
    if options.names:
        print("\n".join(table("operator", ASPECTS, results)))
    print(summary(results))
    if options.write:
        options.write.write_text(document(results), encoding="utf-8")
