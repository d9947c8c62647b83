"""Text from local files: lines as samples, and the numbers that stand for characters or words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .._core.dtypes import int64
from ..creation import tensor
from ..tensor import Tensor
from ..utils.data import Dataset


class Vocabulary:
    """A number for each token (a character, a word) of a text, in the order of their frequency.

    Args:
        tokens: the tokens of the text, with repetitions. A string counts as its characters.
        min_count: tokens that are rarer get no number of their own.
        specials: tokens that get the first numbers, whether they occur or not.
        unknown: the special that stands for every token without a number; it is added to ``specials`` if need be.

    Raises:
        KeyError: (when encoding) a token has no number, and there is no ``unknown``; (when decoding) there is no such
            number.

    Example:
        >>> from nnlite.datasets import Vocabulary
        >>> words = Vocabulary("the cat and the dog".split(), unknown="<unk>")
        >>> words.tokens
        ['<unk>', 'the', 'and', 'cat', 'dog']
        >>> words.encode("the bird".split())
        tensor([1, 0])
        >>> Vocabulary("banana").decode([0, 1, 0])
        ['a', 'n', 'a']
    """

    def __init__(
        self, tokens: Iterable[str], min_count: int = 1, specials: Iterable[str] = (), unknown: str | None = None
    ) -> None:
        counts = Counter(tokens)
        first = list(dict.fromkeys(([unknown] if unknown is not None else []) + list(specials)))
        rest = sorted(
            (token for token, n in counts.items() if n >= min_count), key=lambda token: (-counts[token], token)
        )
        self.tokens: list[str] = list(dict.fromkeys([*first, *rest]))
        self.numbers: dict[str, int] = {token: i for i, token in enumerate(self.tokens)}
        self.unknown = unknown

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.numbers

    def __getitem__(self, token: str) -> int:
        number = self.numbers.get(token)
        if number is None:
            if self.unknown is None:
                raise KeyError(f"Vocabulary: {token!r} has no number; with unknown= there is one for all such tokens")
            number = self.numbers[self.unknown]
        return number

    def encode(self, tokens: Iterable[str]) -> Tensor:
        """The numbers of the tokens, int64."""
        return tensor([self[token] for token in tokens], dtype=int64)

    def decode(self, numbers: Tensor | Iterable[int]) -> list[str]:
        """The tokens with these numbers."""
        values = numbers.tolist() if isinstance(numbers, Tensor) else list(numbers)
        wrong = [number for number in values if not 0 <= number < len(self.tokens)]
        if wrong:
            raise KeyError(f"Vocabulary: expected numbers from 0 to {len(self.tokens) - 1}, got {wrong[0]}")
        return [self.tokens[number] for number in values]


class LineDataset(Dataset[Any]):
    """The lines of a text file, or of all files in a folder that a pattern names, without their line ends.

    Args:
        path: a file or a folder.
        pattern: which files of a folder, with those of its sub-folders; they are read in the order of their names.
        transform: takes a line (a str).
        encoding: of the files.
        keep_empty: whether lines without text count.

    Raises:
        FileNotFoundError: there is no such file, or no file of that name in the folder.
        ValueError: a file is not text in that encoding; the message says where.

    Example:
        >>> import os, tempfile
        >>> from nnlite.datasets import LineDataset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with open(os.path.join(folder, "a.txt"), "w") as file:
        ...         _ = file.write("one line\\n\\nanother\\n")
        ...     list(LineDataset(folder))
        ['one line', 'another']
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        pattern: str = "*.txt",
        transform: Callable[[str], Any] | None = None,
        encoding: str = "utf-8",
        keep_empty: bool = False,
    ) -> None:
        self.transform = transform
        self.lines: list[str] = []
        for file in _files(Path(path), pattern):
            lines = read_text(file, encoding).split("\n")
            if lines and not lines[-1]:
                lines.pop()  # what follows the last line end
            self.lines += [line for line in lines if keep_empty or line.strip()]

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> Any:
        line = self.lines[index]
        return line if self.transform is None else self.transform(line)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """The text of a file, with ``\\n`` at the end of each line whichever system wrote it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not text in that encoding; the message says where.
    """
    data = Path(path).read_bytes()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"read_text: {os.fspath(path)} is not {encoding} text: byte {data[error.start : error.start + 1].hex()} in "
            f"line {line}; give its encoding="
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _files(path: Path, pattern: str) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob(pattern) if file.is_file())
    if not files:
        raise FileNotFoundError(f"LineDataset: no file {pattern} in {path}")
    return files
