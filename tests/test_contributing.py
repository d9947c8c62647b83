"""The operation, the spec and the kernel that CONTRIBUTING.md shows work as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

CHECK = """
import contextlib, io
import numpy as np
import nnlite
from nnlite.autograd import gradcheck, gradgradcheck

for device in ("cpu", "strict"):
    x = nnlite.tensor([1.0, -2.0, 3.0], dtype=nnlite.float64, device=device, requires_grad=True)
    assert _cube(x, scale=2.0).tolist() == [2.0, -16.0, 54.0]
    assert gradcheck(lambda x: _cube(x, scale=2.0), (x,))
    assert gradgradcheck(lambda x: _cube(x, scale=2.0), (x,))

for kind in (np.float32, np.float64):
    out = _cube(nnlite.from_numpy(np.array([1, -2, 3], kind)), scale=2.0)
    assert out.tolist() == [2.0, -16.0, 54.0]
print(calls)

for arguments, options in spec.samples(np.random.default_rng(0)):
    expected = spec.reference(*arguments, **options)
    np.testing.assert_allclose(spec.call(nnlite.from_numpy(*arguments), **options).numpy(), expected)
"""


def test_operation_spec_and_kernel():
    """In a process of its own, since an operation can be defined only once."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    operation, spec, kernel = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    counted = kernel.replace("    out = x * x\n", "    calls.append(x.dtype.name)\n    out = x * x\n")
    named = "import nnlite; nnlite.cube = cube\n" + spec.replace("\nOpSpec(", "\nspec = OpSpec(")
    program = "\n".join(["calls = []", operation, named, counted, CHECK])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment
    )
    assert done.stderr == ""
    assert done.stdout == "['float32']\n"  # float64 fell back to the generic body
