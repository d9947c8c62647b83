"""Options, fixtures and settings that all tests share.

``--device`` names the devices on which tests that take the ``device`` fixture run: a comma list, repeatable. The
default is ``cpu,strict``, which every machine has. A device that was asked for and cannot be used stops the run.
"""

from __future__ import annotations

import os

# Before NumPy is imported: threaded products on a machine that already runs one test a core take 1000 times longer.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

DEFAULT_DEVICES = "cpu,strict"

settings.register_profile(
    "ci", derandomize=True, max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        action="append",
        metavar="NAMES",
        help=f"devices to test on, as a comma list: cpu, strict, cuda, cuda:1 (default {DEFAULT_DEVICES})",
    )
    parser.addoption(
        "--kernels",
        metavar="FOLDER",
        help="of the tests of an operation's spec, only those that run a kernel of this folder on a chosen device",
    )


def chosen_devices(config: pytest.Config) -> list[str]:
    """The device names of the command line, each once, in the order given."""
    given = config.getoption("--device") or [DEFAULT_DEVICES]
    return list(dict.fromkeys(name.strip() for part in given for name in part.split(",") if name.strip()))


def pytest_sessionstart(session: pytest.Session) -> None:
    for name in chosen_devices(session.config):
        if name == "cpu":
            continue
        import nnlite

        try:
            nnlite.zeros(1, device=name)
        except Exception as error:
            raise pytest.UsageError(f"--device {name} cannot be used on this machine: {error}") from error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "device" not in metafunc.fixturenames:
        return
    for mark in metafunc.definition.iter_markers("parametrize"):
        names = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
        if "device" in [name.strip() for name in names]:
            return  # the test chooses its devices itself
    metafunc.parametrize("device", chosen_devices(metafunc.config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folder = config.getoption("--kernels")
    if not folder:
        return
    from spec_runs import specs_with_kernels

    wanted = specs_with_kernels(folder, chosen_devices(config))
    if not wanted:
        raise pytest.UsageError(f"--kernels {folder}: no operation has a kernel there on {chosen_devices(config)}")
    specs = [getattr(item, "callspec", None) and item.callspec.params.get("spec") for item in items]
    left = [item for item, spec in zip(items, specs, strict=True) if spec is not None and spec.id not in wanted]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item, spec in zip(items, specs, strict=True) if spec is None or spec.id in wanted]


@pytest.fixture(autouse=True)
def _float32_in_float32(request: pytest.FixtureRequest) -> Iterator[None]:
    """On CUDA convolutions of float32 do without TF32, which they use unless told otherwise: results are compared."""
    callspec = getattr(request.node, "callspec", None)
    if callspec is None or not str(callspec.params.get("device")).startswith("cuda"):
        yield
        return
    import nnlite

    with nnlite.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Every test starts from the same random numbers, whichever tests ran before it."""
    import nnlite

    random.seed(0)
    np.random.seed(0)
    nnlite.manual_seed(0)
