"""The wheel and the source distribution: what is in them, once, and that it works away from the checkout."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
VERSION = "0.1.0"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs")


def build(kind: str, source: Path, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """A wheel and a source distribution of the checkout, made from a copy of it."""
    folder = tmp_path_factory.mktemp("build")
    source = folder / "source"
    shutil.copytree(ROOT, source, symlinks=True, ignore=LEFT_OUT)
    return build("wheel", source, folder / "out"), build("sdist", source, folder / "out")


def shipped(folder: Path, prefix: str) -> set[str]:
    """The files that belong into a distribution, by their path in it."""
    found = set()
    for path in folder.iterdir():
        name = f"{prefix}/{path.name}"
        if path.is_dir() and path.name != "__pycache__":
            found |= shipped(path, name)
        elif path.is_file() and path.suffix != ".pyc":
            found.add(name)
    return found


def test_wheel_holds_the_package_and_nothing_else(built):
    names = zipfile.ZipFile(built[0]).namelist()
    information = f"nnlite_framework-{VERSION}.dist-info/"
    package = [name for name in names if not name.startswith(information)]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert set(package) == shipped(ROOT / "nnlite", "nnlite")
    assert {"nnlite/py.typed", "nnlite/backends/__init__.py"} <= set(package)
    assert information + "licenses/LICENSE" in names


def test_metadata(built):
    text = zipfile.ZipFile(built[0]).read(f"nnlite_framework-{VERSION}.dist-info/METADATA").decode()
    fields = email.message_from_string(text)
    assert (fields["Name"], fields["Version"]) == ("nnlite-framework", VERSION)
    assert fields["License-Expression"] == "BSD-3-Clause"
    assert fields["Requires-Python"] == ">=3.11"
    needed = [line for line in fields.get_all("Requires-Dist") if "extra ==" not in line]
    assert needed == ["numpy>=2.0"]
    assert {"cuda", "fast", "bf16", "examples", "test", "dev"} <= set(fields.get_all("Provides-Extra"))
    assert fields.get_payload().startswith("# nnlite\n")


def test_wheel_works_in_another_folder(built, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    zipfile.ZipFile(built[0]).extractall(site)
    code = """
import importlib.util
import nnlite, nnlite.datasets
from nnlite import nn
for device in ("cpu", "strict"):
    x = nnlite.randn(4, 3, device=device)
    nn.Linear(3, 2).to(device)(x).sum().backward()
print(nnlite.__file__, nnlite.backends.__file__, nnlite.version.nnlite, sep="\\n")
print(importlib.util.find_spec("backends"))
"""
    # -S leaves out the .pth files of an editable install, which put the checkout on the path.
    packages = Path(np.__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(packages)])}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    package, backends, version, top_level = done.stdout.splitlines()
    assert Path(package) == site / "nnlite" / "__init__.py"
    assert Path(backends) == site / "nnlite" / "backends" / "__init__.py"
    assert (version, top_level) == (VERSION, "None")


def test_source_distribution_builds_the_same_wheel(built, tmp_path):
    wheel, sdist = built
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    top = f"nnlite_framework-{VERSION}/"
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert [name for name in names if name.startswith(top + "backends")] == []  # once, as nnlite/backends
    assert {top + name for name in ("README.md", "LICENSE", "CHANGELOG.md", "setup.cfg", "tests/conftest.py")} <= set(
        names
    )
    again = build("wheel", tmp_path / top, tmp_path / "out")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())
