"""What loads at first use: the index of it, what `import nnlite` leaves unloaded, and the first use itself."""

from __future__ import annotations

import importlib.util
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import nnlite
from nnlite import _index
from nnlite._lazy import Late, Registry, load_all, parsed
from nnlite._methods import Method, TensorMethods


def run(*command: str) -> str:
    """What a fresh process prints."""
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("order", [(), ("--backwards",)], ids=["forwards", "backwards"])
def test_the_index_is_up_to_date(order):
    assert run("-m", "nnlite._indexing", *order) == Path(_index.__file__).read_text("utf-8"), (
        "run: python -m nnlite._stubs; or a name is set by two modules of which neither imports the other"
    )


SELDOM = [
    "ml_dtypes",
    "numpy.fft",
    "numpy.random",
    "numba",
    "threadpoolctl",
    "dataclasses",
    "copy",
    "tempfile",
    "zipfile",
    "glob",
    "queue",
]


def test_import_leaves_the_rest_unloaded():
    loaded = run("-c", "import nnlite, sys; print(*sys.modules)").split()
    assert not set(SELDOM) & set(loaded)
    own = [name for name in loaded if name.partition(".")[0] == "nnlite"]
    assert len(own) <= 32, own
    assert not [name for name in own if name.startswith(("nnlite.ops.", "nnlite.nn", "nnlite.backends.numpy."))
                and name != "nnlite.ops._registry"]  # fmt: skip


def test_a_training_step_loads_what_it_uses():
    program = """
import sys, nnlite as torch
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
torch.nn.functional.cross_entropy(model(torch.randn(5, 3)), torch.tensor([0, 1, 0, 1, 1])).backward()
print(*sys.modules)
"""
    loaded = run("-c", program).split()
    families = {name for name in loaded if name.startswith("nnlite.ops.")}
    assert {"nnlite.ops.linalg.matmul", "nnlite.ops.loss.cross_entropy"} <= families
    unused = {"convolution.conv", "recurrent", "fourier.fft", "linalg.solvers", "special.bessel", "loss.ctc"}
    assert not {f"nnlite.ops.{name}" for name in unused} & families


@pytest.mark.parametrize("home", list(_index.NAMES))
def test_late_names(home):
    module = importlib.import_module(home)
    names = parsed(_index.NAMES[home])
    assert set(names) <= set(dir(module))
    for name, place in names.items():
        found = getattr(module, name)
        assert found is getattr(module, name) is vars(module)[name]
        if place == ".":
            assert found is sys.modules[f"{home}.{name}"]
    with pytest.raises(AttributeError, match=f"module '{home}' has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("home", list(_index.NAMES))
def test_no_late_name_is_that_of_a_file(home):
    """Importing the file would put it in the place of the name, which would never be looked for again."""
    if not hasattr(sys.modules[home], "__path__"):
        return
    own = {name for name, place in parsed(_index.NAMES[home]).items() if place != "."}
    own |= set(parsed(_index.FUNCTIONS)) if home == "nnlite" else set()
    files = {name for name in own if importlib.util.find_spec(f"{home}.{name}") is not None}
    assert files <= {"tensor"}  # which nnlite/__init__.py imports itself


@pytest.mark.parametrize("home", ["nnlite.nn.modules", "nnlite.nn.utils"])
def test_files_are_attributes_of_their_folder(home):
    module = importlib.import_module(home)
    files = {path.stem for path in Path(str(module.__file__)).parent.glob("[a-z]*.py")}
    assert files <= set(dir(module))


def test_import_star():
    program = """
from nnlite import *
import sys
print(relu(tensor([-1.0, 2.0])), nn.Linear(2, 1), float32, Tensor.__name__, autocast.__name__, pi)
print("nnlite.onnx" in sys.modules, "nnlite.distributed" in sys.modules)
"""
    out = run("-c", program)
    assert out.startswith("tensor([0., 2.]) Linear(in_features=2, out_features=1, bias=True) torch.float32 Tensor")
    assert out.endswith("False False\n")


def test_functions_are_found_by_every_tool():
    program = """
import inspect, pickle, pydoc, nnlite
print(pickle.loads(pickle.dumps(nnlite.cumsum)) is nnlite.cumsum, nnlite.Tensor.cumsum.__name__)
print(inspect.signature(nnlite.Tensor.cumsum), hasattr(nnlite.Tensor, "addmm"), hasattr(nnlite.ones(1), "nothing"))
print("cumprod(" in pydoc.plain(pydoc.render_doc(nnlite.Tensor)), "addmm" in dir(nnlite.Tensor), "addmm" in dir(nnlite))
p = nnlite.nn.Parameter(nnlite.ones(2))
print(super(nnlite.nn.Parameter, p).add(1), sum([nnlite.ones(1), 1]), 2 ** nnlite.ones(1))
"""
    lines = run("-c", program).splitlines()
    assert lines[0] == "True cumsum"
    assert lines[1] == "(input: 'Any', dim: 'int', *, dtype: 'Any' = None, out: 'Any' = None) -> 'Any' True False"
    assert lines[2] == "True True True"
    assert lines[3] == "tensor([2., 2.], grad_fn=<AddBackward0>) tensor([2.]) tensor([2.])"


def test_threads_that_come_first_together():
    program = """
import sys, threading
import nnlite as torch
sys.setswitchinterval(1e-6)
start, errors = threading.Barrier(8), []

def work(i):
    try:
        start.wait()
        x = torch.full((4, 4), 2.0, requires_grad=True)
        layer = torch.nn.Linear(4, 4)
        y = (layer(x) @ x + x.T).softmax(-1).sum() + torch.nn.functional.gelu(x).mean() + x.std()
        y.backward()
        assert x.grad.shape == (4, 4)
        assert torch.linalg.inv(torch.eye(3)).sum() == 3
    except BaseException as error:
        errors.append(repr(error))

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(errors)
"""
    for _ in range(3):
        assert run("-c", program) == "[]\n"


def test_all_can_be_loaded():
    load_all()
    assert not [name for name, value in vars(TensorMethods).items() if type(value) is Method]
    assert {*parsed(_index.FUNCTIONS)} <= {*vars(nnlite)}
    assert nnlite.Tensor.add is vars(TensorMethods)["add"]


def test_a_registry_without_an_entry():
    registry: Registry[int] = Registry("nnlite._unavailable: gone")
    for name in ("gone", "never"):
        with pytest.raises(KeyError, match=name):
            registry[name]
    assert "gone" not in registry


def test_a_module_stands_in_its_place_after_its_first_use():
    space: dict[str, object] = {}
    space["words"] = Late(space, "words", "textwrap")
    assert space["words"].dedent(" a") == "a"
    assert inspect.ismodule(space["words"])
    with pytest.raises(AttributeError):
        _ = Late(space, "words", "textwrap").nothing


def test_bfloat16_without_its_package_loaded():
    program = "import nnlite, sys; d = nnlite.bfloat16; print(d.itemsize, d.kind, 'ml_dtypes' in sys.modules); "
    assert run("-c", program + "print(nnlite.ones(2).bfloat16().dtype)") == "2 V False\ntorch.bfloat16\n"
    assert run(
        "-c", program + "import ml_dtypes, numpy; print(nnlite.tensor(numpy.ones(2, ml_dtypes.bfloat16)).dtype)"
    ) == ("2 V False\ntorch.bfloat16\n")
    assert pickle.loads(pickle.dumps(nnlite.bfloat16)) is nnlite.bfloat16
