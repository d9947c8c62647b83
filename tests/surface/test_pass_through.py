"""compile, jit, DataParallel and their like run the program as it is, and check what they are given."""

from __future__ import annotations

import copy
import pickle

import pytest

import nnlite
from nnlite import nn


def double(x):
    return x + x


@pytest.mark.parametrize("form", [
    lambda f: nnlite.compile(f), lambda f: nnlite.compile()(f), lambda f: nnlite.compile(mode="max-autotune")(f),
    lambda f: nnlite.compile(f, fullgraph=True, dynamic=True, backend="inductor"), nnlite.compiler.disable,
    lambda f: nnlite.compiler.disable(recursive=False)(f), lambda f: nnlite._dynamo.optimize("eager")(f),
    nnlite.jit.script, nnlite.jit.ignore, lambda f: nnlite.jit.ignore(drop=True)(f), nnlite.jit.unused,
    nnlite.jit.export, nnlite.jit.script_if_tracing, lambda f: nnlite.jit.trace(f, nnlite.ones(2)),
    lambda f: nnlite.jit.trace(f, (nnlite.ones(2),)), lambda f: nnlite.compiler.set_stance("force_eager")(f),
])  # fmt: skip
def test_the_function_stays(form):
    assert form(double) is double


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"model": 5}, AssertionError, "A callable function is expected"),
        ({"mode": "fast"}, RuntimeError, "Unrecognized mode=fast"),
        ({"mode": "default", "options": {}}, RuntimeError, "Either mode or options"),
        ({"backend": 3}, TypeError, "backend must be"),
    ],
)
def test_compile_checks_its_arguments(arguments, error, text):
    with pytest.raises(error, match=text):
        nnlite.compile(**arguments)
    if "model" not in arguments:
        with pytest.raises(error, match=text):
            nn.Linear(1, 1).compile(**arguments)


def test_compiled_module():
    model = nn.Linear(2, 3)
    keys = list(model.state_dict())
    assert not hasattr(model, "_orig_mod")
    assert nnlite.compile(model) is model
    assert model._orig_mod is model
    assert list(model.state_dict()) == keys
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert other._orig_mod is other
    assert list(model.modules()) == [model]


def test_settings_of_compilers_can_be_made():
    nnlite._dynamo.config.suppress_errors = True
    nnlite._inductor.config.triton.unique_kernel_names = True
    nnlite._dynamo.reset()
    assert not nnlite.compiler.is_compiling()
    assert nnlite._inductor.config.triton.unique_kernel_names is True
    with pytest.raises(RuntimeError, match="invalid stance"):
        nnlite.compiler.set_stance("fast")


def test_trace_shows_errors_of_the_function():
    with pytest.raises(RuntimeError):
        nnlite.jit.trace(nn.Linear(3, 2), nnlite.ones(1, 4))
    with pytest.raises(TypeError, match="expected a function or a module"):
        nnlite.jit.trace(3, nnlite.ones(1))
    with pytest.raises(NotImplementedError, match=r"nnlite\.save"):
        nnlite.jit.save(nn.Linear(1, 1), "model.pt")
    with pytest.raises(NotImplementedError, match="state_dict"):
        nnlite.jit.load("model.pt")


def test_script_module_is_a_module():
    class Scale(nnlite.jit.ScriptModule):
        __constants__ = ("factor",)

        def __init__(self):
            super().__init__()
            self.factor = 2

        @nnlite.jit.script_method
        def forward(self, x):
            return x * self.factor

    assert Scale()(nnlite.ones(1)).item() == 2
    model = nnlite.jit.script(Scale())
    with pytest.raises(RuntimeError, match=r"call \.eval\(\)"):
        nnlite.jit.freeze(model)
    assert nnlite.jit.freeze(model.eval()) is model


def test_fork():
    later = nnlite.jit.fork(double, nnlite.ones(1))
    assert nnlite.jit.wait(later).item() == 2
    with pytest.raises(ZeroDivisionError):
        nnlite.jit.wait(nnlite.jit.fork(lambda: 1 / 0))


@pytest.mark.parametrize("wrapper", [nn.DataParallel, nn.parallel.DistributedDataParallel])
def test_parallel_wrappers(wrapper, device):
    inner = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(device)
    model = wrapper(inner)
    x = nnlite.randn(4, 3, device=device)
    inner.eval()
    expected = inner(x)
    assert bool((model(x) == expected).all())
    assert model.module is inner
    assert list(model.state_dict()) == [f"module.{key}" for key in inner.state_dict()]
    inner.load_state_dict(model.module.state_dict())
    model.load_state_dict(model.state_dict())
    model(x).sum().backward()
    assert inner[0].weight.grad.device == x.device
    assert repr(model).startswith(f"{wrapper.__name__}(\n  (module): Sequential(")
    with pytest.raises(TypeError, match="expects a Module"):
        wrapper(double)


def test_inputs_on_the_cpu_go_to_the_device_of_the_module():
    model = nn.DataParallel(nn.Linear(3, 2).to("strict"), device_ids=[0, 1])
    assert model(nnlite.ones(4, 3)).device.type == "strict"
    assert (model.device_ids, model.output_device, model.dim) == ([0, 1], 0, 0)
    assert nn.parallel.data_parallel(model.module, nnlite.ones(4, 3)).device.type == "strict"


def test_ddp_of_several_processes_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(NotImplementedError, match="one of 4 processes"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    with pytest.raises(NotImplementedError, match="4 processes"):
        nnlite.distributed.init_process_group("nccl")
    monkeypatch.setenv("WORLD_SIZE", "1")
    frozen = nn.Linear(1, 1).requires_grad_(False)
    with pytest.raises(RuntimeError, match="not needed"):
        nn.parallel.DistributedDataParallel(frozen)


def test_group_of_one_process(device):
    dist = nnlite.distributed
    assert not dist.is_available()
    for ask in (dist.get_rank, dist.get_world_size, dist.barrier, lambda: dist.all_reduce(nnlite.ones(1))):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            ask()
    dist.init_process_group("gloo", init_method="tcp://localhost:1", rank=0, world_size=1)
    try:
        assert dist.is_initialized()
        assert (dist.get_rank(), dist.get_world_size(), dist.get_backend()) == (0, 1, "gloo")
        x, y = nnlite.arange(3.0, device=device), nnlite.zeros(3, device=device)
        dist.all_reduce(x, op=dist.ReduceOp.MAX)
        assert x.tolist() == [0, 1, 2]
        dist.all_gather([y], x)
        assert y.tolist() == [0, 1, 2]
        assert dist.broadcast(x, 0, async_op=True).wait()
        found = [None]
        dist.all_gather_object(found, "a")
        assert found == ["a"]
        with pytest.raises(ValueError, match="rank 1 is not"):
            dist.broadcast(x, src=1)
        with pytest.raises(ValueError, match="expected 1 tensor"):
            dist.all_gather([y, y], x)
        with pytest.raises(ValueError, match="twice"):
            dist.init_process_group("gloo", world_size=1)
        with pytest.raises(NotImplementedError, match="single process"):
            dist.send(x, 1)
    finally:
        dist.destroy_process_group()
    assert not dist.is_initialized()
    with pytest.raises(NotImplementedError, match="2 processes"):
        dist.init_process_group("gloo", rank=0, world_size=2)
