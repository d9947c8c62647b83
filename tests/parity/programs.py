"""Run the public programs of docs/programs.md again, from clones that are there already.

    python tests/parity/programs.py FOLDER [WORD ...]

FOLDER holds a clone of each repository as ``owner+repository``. With words, only the rows that contain one of them run.
Prints ``ok``, ``stopped`` (after the time limit, for programs that do not end) or ``FAIL`` with the last line printed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 120


def rows() -> Iterator[tuple[str, str, list[str]]]:
    """Repository, folder in it and arguments of each program in the table."""
    repository = ""
    for line in (ROOT / "docs" / "programs.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4 or not cells[2].startswith("`"):
            continue
        repository = cells[0].split()[0] if cells[0] else repository
        command = re.match("`([^`]*)`", cells[2])
        assert command is not None, line
        # Parentheses are letters here, as in file names.
        yield repository, cells[1], shlex.split(re.sub(r"([()])", r"\\\1", command[1]))


def run(folder: Path, repository: str, place: str, arguments: list[str]) -> str:
    clone = folder / repository.replace("/", "+")
    paths = [str(ROOT), str(clone), *filter(None, [os.environ.get("PYTHONPATH")])]
    arguments = [argument.replace("DATA/", f"{folder}/") for argument in arguments]
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "nnlite.torch", *arguments],
            cwd=clone / place,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "stopped"
    last = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-1:]
    return "ok" if done.returncode == 0 else f"FAIL {''.join(last)}"


def main(folder: str, words: list[str]) -> int:
    failed = 0
    for repository, place, arguments in rows():
        shown = f"{repository}/{place} {shlex.join(arguments)}"
        if words and not any(word in shown for word in words):
            continue
        outcome = run(Path(folder).resolve(), repository, place, arguments)
        failed += outcome.startswith("FAIL")
        print(f"{outcome:8} {shown}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
