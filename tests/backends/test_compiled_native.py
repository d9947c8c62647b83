"""Compiled kernels as kept machine code: a second process needs no numba; entries look at what they are given."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("numba")
first_use = pytest.importorskip("nnlite.backends.numpy.first_use")
native = pytest.importorskip("nnlite.backends.numpy.compiled.native")

PROGRAM = """
import sys
import numpy as np
from nnlite.backends.numpy.first_use import load
x, out = np.arange(-2, 2, dtype=np.float32), np.empty(4, np.float32)
load("pointwise").relu_gradient(x, x, out, 0, 4)
print(out.tolist(), "numba" in sys.modules)
"""


def test_a_second_process_loads_what_the_first_compiled(tmp_path):
    if not native.layouts_fit():
        pytest.skip("this Python lays out its objects in another way: numba keeps kernels itself")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout.split("] ")[0] for run in runs] == ["[0.0, 0.0, 0.0, 1.0"] * 2
    assert [run.stdout.split()[-1] for run in runs] == ["True", "False"]
    assert runs[0].stderr.startswith("nnlite: compiling kernels") and not runs[1].stderr
    (kept,) = (tmp_path / "nnlite").iterdir()
    kept.write_bytes(kept.read_bytes()[:-10])  # a file that was cut off is not used
    again = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert again.stdout == runs[0].stdout


WITH_A_HELPER = """
import sys
import numpy as np
from nnlite.backends.numpy.first_use import load
total, out = np.arange(2 * 16, dtype=np.float32), np.empty(6, np.float32)
load("direct").unpack(total, 2, 3, np.arange(3) * 2, out, 0, 1)  # from (2, 16), of which 3 columns are used
print(out.tolist(), "numba" in sys.modules)
"""


def test_what_kernels_call_is_kept_in_a_file_of_its_own(tmp_path):
    if not native.layouts_fit():
        pytest.skip("this Python lays out its objects in another way: numba keeps kernels itself")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run():
        command = [sys.executable, "-c", WITH_A_HELPER]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert run() == "[0.0, 16.0, 1.0, 17.0, 2.0, 18.0] True\n"
    helper, kernel = sorted((tmp_path / "nnlite").iterdir())
    assert helper.name.startswith("blocks.turn.") and kernel.name.startswith("direct.unpack.")
    assert run() == "[0.0, 16.0, 1.0, 17.0, 2.0, 18.0] False\n"
    helper.unlink()
    assert run() == "[0.0, 16.0, 1.0, 17.0, 2.0, 18.0] True\n"
    assert helper.exists()


ON_ANOTHER_PYTHON = """
import sys
import numpy as np
from nnlite.backends.numpy.compiled import native
native.layouts_fit = lambda: False
import nnlite

x = nnlite.linspace(-3, 3, 60000).reshape(300, 200).requires_grad_()
y = nnlite.nn.functional.layer_norm(nnlite.nn.functional.gelu(x), (200,)).softmax(1) @ nnlite.eye(200)
(y * nnlite.arange(200.0)).sum().backward()
np.save(sys.argv[1], np.stack([y.detach().numpy(), x.grad.numpy()]))
print(type(native.Kernels("rows").softmax).__name__)
"""


def test_where_objects_lie_otherwise_numba_calls_the_kernels(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NNLITE_COMPILED": "all"}
    results = []
    for program in (ON_ANOTHER_PYTHON, ON_ANOTHER_PYTHON.replace("native.layouts_fit = lambda: False\n", "")):
        file = str(tmp_path / f"{len(results)}.npy")
        command = [sys.executable, "-c", program, file]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        results.append((run.stdout.strip(), np.load(file)))
    assert "Dispatcher" in results[0][0]
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-5)


class Other(np.ndarray):
    pass


def test_arguments():
    """Any whole number is one; a subclass counts as an array; other types of numbers are compiled anew."""
    run = native.Kernel("running", "RUNNING_IN_ROWS-0of2")
    for kind in (np.float32, np.float64):
        x, out = np.arange(6, dtype=kind), np.empty(6, kind)
        run(x, out, np.int64(3), 0, 2)
        np.testing.assert_array_equal(out, [0, 1, 3, 3, 7, 12])
        run(x.view(Other), out, np.int32(6), 0, 1)
        np.testing.assert_array_equal(out, np.cumsum(x))
    assert [codes[0] for codes in run.signatures] == ["f4.1c", "f8.1c"]


def test_wrong_arguments_are_errors():
    run = first_use.load("pointwise").relu_gradient
    x = np.zeros(4, np.float32)
    run(x, x, x.copy(), 0, 4)
    with pytest.raises(TypeError, match="byte order"):
        run(x.astype(">f4"), x, x, 0, 4)
    with pytest.raises(TypeError, match="got str"):
        run(x, x, x, 0, "4")
    with pytest.raises(OverflowError):
        run(x, x, x, 0, 1 << 70)
