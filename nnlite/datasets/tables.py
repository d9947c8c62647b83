"""Tables of numbers and words: CSV files, and the tensors that networks take."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..creation import from_numpy
from ..tensor import Tensor
from ..utils.data import TensorDataset
from .text import read_text

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")
"""Cells that stand for a missing value."""


def read_csv(path: str | os.PathLike[str], delimiter: str = ",", encoding: str = "utf-8") -> dict[str, list[str]]:
    """The columns of a CSV file whose first line names them, as text.

    (A table that pandas has read can be used in its place, column by column, wherever this is taken.)

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty or not text, two columns have one name, or a row has more or fewer cells than
            the first line; the message says which.

    Example:
        >>> import os, tempfile
        >>> from nnlite.datasets import read_csv
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "a.csv")
        ...     with open(path, "w") as file:
        ...         _ = file.write("rooms,street\\n3,paved\\n5,gravel\\n")
        ...     read_csv(path)
        {'rooms': ['3', '5'], 'street': ['paved', 'gravel']}
    """
    reader = csv.reader(io.StringIO(read_text(path, encoding), newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    names: list[str] | None = None
    try:
        for row in reader:
            if names is None:
                names = [name.strip() for name in row]
            elif row:
                if len(row) != len(names):
                    raise ValueError(
                        f"read_csv: line {reader.line_num} of {path} has {len(row)} cells; expected {len(names)}, as "
                        "in the first line"
                    )
                rows.append(row)
    except csv.Error as error:
        raise ValueError(f"read_csv: line {reader.line_num} of {path} is damaged: {error}") from error
    if not names:
        raise ValueError(f"read_csv: {path} is empty; expected a first line with the names of the columns")
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"read_csv: {path} has two columns {twice[0]!r}")
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


class TableEncoder:
    """Makes features of a table: numbers with mean 0 and standard deviation 1, words as one-hot vectors.

    A missing number becomes 0, the mean; a missing word has a column of its own where words were missing in the table
    that was fitted, and is 0 in all columns of the word otherwise, as is a word that was not seen. What is learnt from
    the training table (means, deviations, words) is applied to every other one.

    Args:
        columns: the table to learn from: a mapping from names to columns (what :func:`read_csv` returns, or a pandas
            DataFrame), without the column to predict.
        categorical: the columns to take as words; those that hold anything but numbers if None.

    Raises:
        ValueError: a column that is not categorical has a cell that is no number.

    Example:
        >>> from nnlite.datasets import TableEncoder
        >>> table = {"rooms": ["3", "5", ""], "street": ["paved", "gravel", "paved"]}
        >>> encoder = TableEncoder(table)
        >>> encoder.names
        ['rooms', 'street=gravel', 'street=paved']
        >>> encoder(table)
        tensor([[-1.,  0.,  1.],
                [ 1.,  1.,  0.],
                [ 0.,  0.,  1.]])
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]] | Any, categorical: Iterable[str] | None = None) -> None:
        words = None if categorical is None else set(categorical)
        self.numeric: dict[str, tuple[float, float]] = {}
        self.categories: dict[str, list[str]] = {}
        for name in columns:
            cells = _cells(columns[name])
            numbers = None if words is not None and name in words else _numbers(cells)
            if numbers is not None:
                known = numbers[~np.isnan(numbers)]
                mean, deviation = (float(known.mean()), float(known.std())) if known.size else (0.0, 0.0)
                self.numeric[name] = (mean, deviation or 1.0)
            elif words is not None and name not in words:
                wrong = next(cell for cell in cells if cell not in MISSING and not _is_number(cell))
                raise ValueError(f"TableEncoder: column {name!r} holds {wrong!r}, which is no number")
            else:
                found = sorted({cell for cell in cells if cell not in MISSING})
                self.categories[name] = found + ([""] if any(cell in MISSING for cell in cells) else [])

    @property
    def names(self) -> list[str]:
        """What each feature is: a column, or a column and one of its words."""
        return list(self.numeric) + [f"{name}={word}" for name, words in self.categories.items() for word in words]

    def __call__(self, columns: Mapping[str, Sequence[Any]] | Any) -> Tensor:
        """The features of a table, float32 of shape (rows, len(names)).

        Raises:
            KeyError: a column is missing.
            ValueError: a numeric column has a cell that is no number.
        """
        parts = []
        for name, (mean, deviation) in self.numeric.items():
            numbers = _numbers(_cells(_column(columns, name)))
            if numbers is None:
                raise ValueError(f"TableEncoder: column {name!r} has a cell that is no number")
            parts.append(np.nan_to_num((numbers - mean) / deviation)[:, None])
        for name, words in self.categories.items():
            cells = np.array(["" if cell in MISSING else cell for cell in _cells(_column(columns, name))], object)
            parts.append(cells[:, None] == np.array(words, object)[None])
        if not parts:
            raise ValueError("TableEncoder: the table has no columns")
        return from_numpy(np.concatenate(parts, 1).astype(np.float32))


def table_dataset(
    columns: Mapping[str, Sequence[Any]] | Any,
    target: str,
    encoder: TableEncoder | None = None,
    categorical: Iterable[str] | None = None,
) -> tuple[TensorDataset, TableEncoder]:
    """Features and the column to predict (float32 of shape (rows, 1)), and the encoder, for other tables.

    Raises:
        KeyError: there is no column ``target``, or one that the encoder knows is missing.
        ValueError: the target has a cell that is missing or no number, or a numeric column has one that is no number.

    Example:
        >>> from nnlite.datasets import table_dataset
        >>> data, encoder = table_dataset({"rooms": ["3", "5"], "price": ["100", "150"]}, "price")
        >>> data[1]
        (tensor([1.]), tensor([150.]))
    """
    values = _numbers(_cells(_column(columns, target)))
    if values is None or np.isnan(values).any():
        raise ValueError(f"table_dataset: expected a number in each cell of the target column {target!r}")
    features = {name: columns[name] for name in columns if name != target}
    if encoder is None:
        encoder = TableEncoder(features, categorical)
    return TensorDataset(encoder(features), from_numpy(values.astype(np.float32)[:, None])), encoder


def _column(columns: Any, name: str) -> Any:
    if name not in columns:
        raise KeyError(f"the table has no column {name!r}; it has {', '.join(map(repr, columns))}")
    return columns[name]


def _cells(column: Iterable[Any]) -> list[str]:
    """The cells as text; what Python and pandas use for a missing value becomes "nan" or "None"."""
    return [cell.strip() if isinstance(cell, str) else str(cell) for cell in column]


def _numbers(cells: list[str]) -> np.ndarray | None:
    """The cells as numbers, with nan for missing ones; None if one is no number."""
    try:
        return np.array([math.nan if cell in MISSING else _finite(cell) for cell in cells], np.float64)
    except ValueError:
        return None


def _finite(cell: str) -> float:
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(cell)
    return value


def _is_number(cell: str) -> bool:
    try:
        _finite(cell)
    except ValueError:
        return False
    return True
