"""``python -m nnlite.torch``: the command line."""

from __future__ import annotations

import sys

from . import _run, install
from ._report import report

USAGE = """\
usage: python -m nnlite.torch [option ...] script.py [argument ...]
       python -m nnlite.torch [option ...] -m module [argument ...]

Runs a PyTorch program on nnlite: `import torch` gives nnlite's modules, whether PyTorch is installed or not.

  --report       before running, print which names of PyTorch the program and its own modules use, and which of them
                 nnlite does not have
  --report-only  print that and end; the exit status is 1 if something is missing
  --torchvision  give nnlite.vision to `import torchvision` although torchvision is installed
  -m             run a module, as python -m does
  -h, --help     print this
"""


def main(arguments: list[str]) -> None:
    """Read the options before the program's name; everything after it belongs to the program."""
    mode = None
    torchvision = False
    as_module = False
    while arguments and arguments[0].startswith("-"):
        option = arguments.pop(0)
        if option in ("-h", "--help"):
            print(USAGE, end="")
            return
        if option in ("--report", "--report-only"):
            mode = option
        elif option == "--torchvision":
            torchvision = True
        elif option == "-m":
            as_module = True
            break
        else:
            _usage_error(f"unknown option {option}")
    if not arguments:
        _usage_error("-m needs the name of a module" if as_module else "which program?")
    name, *rest = arguments
    install(torchvision)
    if mode is not None:
        complete = report(name, as_module, sys.stdout)
        sys.stdout.flush()
        if mode == "--report-only":
            raise SystemExit(0 if complete else 1)
    run = _run.run_module if as_module else _run.run_script
    run(name, rest)


def _usage_error(message: str) -> None:
    print(f"{USAGE}\npython -m nnlite.torch: {message}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main(sys.argv[1:])
