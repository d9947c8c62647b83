"""Which plans of cuDNN are taken, kept and refused, and how cuDNN is found; with a stand-in for it."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import inspect
import threading
from types import SimpleNamespace

import pytest
from cudnn_on_host import TAKEN, Gpu, both, channels_last, normal, takes
from fake_cudnn import Candidate, FakeCudnn, behavior_note, numerical_note

import nnlite
from nnlite.backends import KernelTable, backend_for, cudnn
from nnlite.backends.cupy.cudnn import library, plans
from nnlite.backends.cupy.overrides import OVERRIDES
from nnlite.backends.deterministic import mode
from nnlite.backends.kernels import GENERIC, Override
from nnlite.backends.registry import tables
from nnlite.backends.strict import StrictArray

NAMES = ("convolution", "convolution_input", "convolution_weight", "attention", "attention_gradient")

# Settings


def test_enabled(stand_in):
    stand_in()
    with cudnn.flags(enabled=False):
        assert not takes()
    assert takes()


CANDIDATES = [
    Candidate("any order", (numerical_note.NONDETERMINISTIC,)),
    Candidate("16 bits", (numerical_note.DOWN_CONVERT_INPUTS,)),
    Candidate("tf32", (numerical_note.TENSOR_CORE,)),
    Candidate("plain"),
]


def chosen(there, dtype="float32"):
    x, weight = normal(2, 3, 5, 5, dtype=dtype), normal(4, 3, 3, 3, dtype=dtype)
    both("convolution", x, weight, None, **TAKEN)
    return there.frontend.setting.ran[-1][1]


def test_deterministic_leaves_out_what_adds_in_any_order(stand_in):
    there = stand_in(candidates=CANDIDATES)
    assert chosen(there) == "any order"
    with cudnn.flags(enabled=True, deterministic=True):
        assert chosen(there) == "tf32"
    before, mode.on = mode.on, True
    try:
        assert chosen(there) == "tf32"
    finally:
        mode.on = before
    assert chosen(there) == "any order"


def test_tf32_is_allowed_unless_forbidden_and_16_bits_never(stand_in, monkeypatch):
    there = stand_in(candidates=CANDIDATES[1:])
    assert cudnn.allow_tf32
    assert chosen(there) == "tf32"
    with cudnn.flags(enabled=True, allow_tf32=False):
        assert chosen(there) == "plain"
    monkeypatch.setattr(cudnn, "fp32_precision", "ieee")
    assert chosen(there) == "plain"
    assert chosen(there, "float16") == "16 bits", "half precision has no need of the exclusions"


def test_kernels_that_are_compiled_at_run_time_come_last(stand_in):
    slow = Candidate("slow", (behavior_note.RUNTIME_COMPILATION,))
    assert chosen(stand_in(candidates=[slow, Candidate("ready")])) == "ready"
    assert chosen(stand_in(candidates=[slow])) == "slow"


def test_benchmark_measures_once_and_keeps_the_fastest(stand_in):
    names = ["a", "b", "c", "d"]
    times = {"a": 3.0, "b": 2.0, "c": 1.0, "d": 0.5}
    there = stand_in(times=times, candidates=[Candidate(n, workspace=64) for n in names])
    with cudnn.flags(enabled=True, benchmark=True, benchmark_limit=3):
        assert chosen(there) == "c"
        assert chosen(there) == "c"
        assert there.measured == ["a", "b", "c"]
    with cudnn.flags(enabled=True, benchmark=True, benchmark_limit=0):
        assert chosen(there) == "d"
    assert there.measured[3:] == names
    assert chosen(there) == "a", "without a benchmark it is the heuristics' first"


def test_benchmark_leaves_out_what_fails_or_needs_too_much(stand_in):
    rivals = [Candidate("fails", fails=True), Candidate("large", workspace=1000), Candidate("small", workspace=10)]
    there = stand_in(times={"large": 1.0, "small": 2.0}, candidates=rivals)
    with cudnn.flags(enabled=True, benchmark=True):
        both("convolution", normal(2, 3, 5, 5), normal(4, 3, 3, 3), None, gpu=Gpu(allowed=100), **TAKEN)
    assert there.measured == ["small"]
    assert there.frontend.setting.ran[-1][1] == "small"


def test_benchmark_waits_until_the_host_may_wait(stand_in):
    there = stand_in(candidates=[Candidate("a"), Candidate("b")])
    there.times = None
    with cudnn.flags(enabled=True, benchmark=True):
        assert chosen(there) == "a"
        there.times = {"a": 2.0, "b": 1.0}
        assert chosen(there) == "b"


def test_too_little_memory_takes_a_plan_with_less_workspace(stand_in):
    rivals = [Candidate("large", workspace=1000), Candidate("same", workspace=1000), Candidate("small", workspace=10)]
    there = stand_in(candidates=rivals)
    arguments = (normal(2, 3, 5, 5), normal(4, 3, 3, 3), None)
    both("convolution", *arguments, gpu=Gpu(allowed=100), **TAKEN)
    both("convolution", *arguments, gpu=Gpu(allowed=100), **TAKEN)
    assert [name for _, name in there.frontend.setting.ran] == ["small", "small"]
    with pytest.raises(MemoryError, match="10 bytes"):
        both("convolution", *arguments, gpu=Gpu(allowed=5), **TAKEN)


# The cache


def test_a_graph_is_built_once_for_shapes_layout_dtype_device_and_settings(stand_in):
    there = stand_in()
    graphs = there.frontend.setting.graphs
    x, weight = normal(2, 3, 5, 5), normal(4, 3, 3, 3)
    for _ in range(2):
        assert takes(x, weight)
    assert len(graphs) == 1
    kept = len(graphs)
    for change in (
        lambda: takes(normal(1, 3, 5, 5), weight),
        lambda: takes(channels_last(x), weight),
        lambda: takes(x.astype("float64"), weight.astype("float64")),
        lambda: takes(x, weight, normal(4)),
        lambda: takes(x, weight, padding=((1, 1), (0, 0))),
        lambda: takes(x, weight, stride=(2, 1)),
        lambda: takes(x, weight, dilation=(1, 2)),
        lambda: OVERRIDES["convolution_input"].when(x, normal(3, 4, 3, 3), sizes=(7, 7), **TAKEN),
    ):
        for _ in range(2):
            assert change()
        kept += 1
        assert len(graphs) == kept
    there.current = 1
    assert takes(x, weight)
    with cudnn.flags(enabled=True, allow_tf32=False):
        assert takes(x, weight)
    assert len(graphs) == kept + 2
    other = threading.Thread(target=takes, args=(x, weight))
    other.start()
    other.join()
    assert len(graphs) == kept + 3, "a thread has plans of its own"


def test_a_condition_hands_its_plan_to_the_kernel_of_the_same_call_alone(stand_in, monkeypatch):
    stand_in()
    looked = []
    real = plans.look
    monkeypatch.setattr(plans, "look", lambda key: looked.append(key) or real(key))
    x, weight = normal(2, 3, 5, 5), normal(4, 3, 3, 3)
    run = OVERRIDES["convolution"].function
    assert takes(x, weight)
    run(Gpu(), x, weight, None, **TAKEN)
    assert len(looked) == 1
    run(Gpu(), x, weight, None, **TAKEN)
    assert len(looked) == 2, "what was offered is taken once"
    assert takes(x, weight)
    other = normal(1, 3, 7, 7)
    assert run(Gpu(), other, weight, None, **TAKEN).shape == (1, 4, 5, 5)
    assert takes(x, weight)
    assert run(Gpu(), x, weight, None, **{**TAKEN, "padding": ((1, 1), (1, 1))}).shape == (2, 4, 5, 5)


def test_the_oldest_plan_is_forgotten(stand_in, monkeypatch):
    there = stand_in()
    monkeypatch.setattr(plans, "KEPT", 2)
    for n in (1, 2, 3, 3, 2, 1):
        assert takes(normal(n, 3, 5, 5))
    assert [graph.tensors[0].dim[0] for graph in there.frontend.setting.graphs] == [1, 2, 3, 1]


def test_explain_tells_what_is_used(stand_in):
    stand_in(candidates=[Candidate("eng67", workspace=4096)])
    assert takes()
    lines = cudnn.explain().splitlines()
    assert lines[0] == "cuDNN 91901, enabled"
    assert lines[1].startswith(
        "kept: convolution (float32, in order): x (2, 3, 5, 5), weight (4, 3, 3, 3), stride (1, 1)"
    )
    assert lines[1].endswith("by eng67, 4096 bytes of workspace")
    assert (cudnn.is_available(), cudnn.version()) == (True, 91901)


# Conditions and registration


def test_layers_and_their_derivatives_go_through_cudnn(stand_in, monkeypatch):
    """From a layer to cuDNN and back, second derivatives too; what cuDNN refuses goes to the generic body."""
    there = stand_in()
    backend = backend_for("strict")
    mine = {name: Override(functools.partial(OVERRIDES[name].function, Gpu()), OVERRIDES[name].when) for name in NAMES}
    monkeypatch.setitem(tables, StrictArray, KernelTable(backend, mine))

    def penalty(device):
        nnlite.manual_seed(3)
        layer = nnlite.nn.Conv2d(4, 6, 3, padding="same", groups=2).to(device)
        x = nnlite.randn(2, 4, 6, 5).to(device).requires_grad_()
        (slope,) = nnlite.autograd.grad(layer(x).square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        return [t.detach().cpu() for t in (layer(x), x.grad, layer.weight.grad, layer.bias.grad)]

    expected = penalty("cpu")
    for got, wanted in zip(penalty("strict"), expected, strict=True):
        nnlite.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-3)
    assert {plan.label.split()[0] for plan in plans.kept()} == set(NAMES[:3])
    with cudnn.flags(enabled=False):
        ran = len(there.frontend.setting.ran)
        nnlite.testing.assert_close(penalty("strict")[0], expected[0])
        assert len(there.frontend.setting.ran) == ran


@pytest.mark.parametrize("name", NAMES)
def test_wrappers_and_conditions_have_the_parameters_of_the_generic_bodies(name):
    body = list(inspect.signature(GENERIC[name]).parameters)
    assert body[0] == "xp"
    override = OVERRIDES[name]
    assert list(inspect.signature(override.function).parameters) == ["gpu", *body[1:]]
    assert list(inspect.signature(override.when).parameters) == body[1:]


def test_the_library_keeps_a_handle_for_each_thread_and_device_on_the_current_stream():
    now = SimpleNamespace(device=0, stream=0)
    cupy = SimpleNamespace(
        ndarray=StrictArray,
        cuda=SimpleNamespace(
            runtime=SimpleNamespace(getDevice=lambda: now.device),
            get_current_stream=lambda: SimpleNamespace(ptr=now.stream),
        ),
    )
    there = library.Library(FakeCudnn(), cupy)
    streams = there.frontend.setting.streams
    assert [there.handle(), there.handle()] == [1, 1]
    assert streams == [(1, 0)]
    now.stream = 99
    assert [there.handle(), there.handle()] == [1, 1]
    assert streams[1:] == [(1, 99)]
    now.device = 1
    assert there.graph_options() == {"handle": 2}
    now.device = 0
    assert there.handle() == 1
    other = []
    thread = threading.Thread(target=lambda: other.append(there.handle()))
    thread.start()
    thread.join()
    assert other == [3]


def test_times_are_the_least_of_some_runs_after_the_first():
    clock, ran = iter([9.0, 3.0, 1.0, 2.0]), []
    event = SimpleNamespace(record=lambda: None, synchronize=lambda: None)
    fake = SimpleNamespace(cuda=SimpleNamespace(Event=lambda: event, get_elapsed_time=lambda start, end: next(clock)))
    assert library.Library(FakeCudnn(), fake).measure(lambda: ran.append(1)) == 1.0
    assert len(ran) == 4


# What is installed


@pytest.fixture
def search(monkeypatch):
    """Search among packages that are said to be installed: ``search(frontend="1.23.0", version=91901)``."""

    def look(frontend="1.23.0", version=91901, cupy=True, modules=("cudnn",)):
        present = {*modules, *(["cupy"] if cupy else [])}
        fake = FakeCudnn(version=version)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in present or None)
        modules_there = {"cudnn": fake, "cupy": SimpleNamespace(ndarray=StrictArray)}
        real = importlib.import_module
        monkeypatch.setattr(importlib, "import_module", lambda name: modules_there.get(name) or real(name))

        def told(name):
            assert name == "nvidia-cudnn-frontend"
            if frontend is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return frontend

        monkeypatch.setattr(importlib.metadata, "version", told)
        monkeypatch.setattr(library, "load_first", lambda: None)
        library.forget()
        return library.found(), library.reason()

    yield look
    library.forget()


def test_what_is_installed_is_found(search):
    found, reason = search()
    assert (found.version, reason) == (91901, None)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (
            {"modules": ()},
            r'frontend of cuDNN is not installed; install it with: pip install "nnlite-framework\[cudnn\]"',
        ),
        ({"frontend": None}, "does not belong to nvidia-cudnn-frontend"),
        ({"cupy": False}, "CuPy is not installed"),
    ],
)
def test_what_is_missing_is_said_when_asked(search, missing, reason):
    found, told = search(**missing)
    assert found is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(told)
    assert not cudnn.is_available()
    assert cudnn.version() is None
    assert told in cudnn.explain()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"frontend": "1.24.0"}, r"nvidia-cudnn-frontend 1.24.0 is installed, but 1.23.\* is needed"),
        ({"version": 8907}, r"cuDNN 9.\* is needed, not version 8907"),
    ],
)
def test_a_version_that_does_not_fit_gives_one_warning(search, wrong, message):
    with pytest.warns(RuntimeWarning, match=message) as told:
        assert search(**wrong)[0] is None
    assert len(told) == 1
    assert cudnn.version() is None
    assert library.of(normal(1)) is None


def test_is_acceptable(stand_in, monkeypatch):
    stand_in()
    on_cuda = SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=nnlite.float16)
    assert cudnn.is_acceptable(on_cuda)
    with cudnn.flags(enabled=False):
        assert not cudnn.is_acceptable(on_cuda)
    assert not cudnn.is_acceptable(nnlite.ones(2))
    assert not cudnn.is_acceptable(SimpleNamespace(device=SimpleNamespace(type="cuda"), dtype=nnlite.int64))
    library.use(None, "it is not installed")
    with pytest.warns(UserWarning, match="cuDNN is not available: it is not installed"):
        assert not cudnn.is_acceptable(on_cuda)
