"""The profiler: counts, times, ranges, schedules, files; and nothing of it is left behind."""

from __future__ import annotations

import gzip
import json

import pytest

import nnlite
from nnlite._core.op import OPS
from nnlite.backends.registry import tables
from nnlite.profiler import ProfilerActivity, profile, record_function, schedule


def train(device, steps=1):
    x = nnlite.ones(8, 4, device=device)
    w = nnlite.ones(4, 3, device=device, requires_grad=True)
    for _ in range(steps):
        (x @ w).tanh().sum().backward()


def test_counts_forward_and_backward(device):
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as p:
        train(device, 3)
    rows = {row.key: row for row in p.key_averages()}
    for name in ("aten::tanh", "aten::sum", "TanhBackward0", "SumBackward0", "MmBackward0"):
        assert rows[name].count >= 3
        assert 0 <= rows[name].self_cpu_time_total <= rows[name].cpu_time_total
    # The rule of a product runs products: time of its own is less than all of it.
    assert rows["MmBackward0"].self_cpu_time_total < rows["MmBackward0"].cpu_time_total


def test_own_times_add_up(device):
    with profile() as p, record_function("outer"):
        train(device)
        with record_function("inner"):
            train(device)
    rows = {row.key: row for row in p.key_averages()}
    assert rows["outer"].cpu_time_total >= rows["inner"].cpu_time_total
    assert rows["outer"].cpu_time_total == pytest.approx(p.key_averages().self_cpu_time_total, rel=1e-6)


def test_bytes_and_shapes(device):
    with profile(record_shapes=True, profile_memory=True, with_stack=True) as p:
        nnlite.ones(8, 4, device=device).exp()
    row = next(r for r in p.key_averages(group_by_input_shape=True, group_by_stack_n=1) if r.key == "aten::exp")
    assert row.self_cpu_memory_usage == 128 and row.input_shapes == [[8, 4]] and "test_profiler.py" in row.stack[0]


def test_table(device):
    with profile(profile_memory=True) as p:
        train(device)
    text = p.key_averages().table(sort_by="self_cpu_time_total", row_limit=2)
    lines = text.splitlines()
    assert "Self CPU %" in lines[1] and "# of Calls" in lines[1] and "CPU Mem" in lines[1]
    assert len(lines) == 7 and lines[-1].startswith("Self CPU time total:")
    with pytest.raises(AttributeError, match="no column"):
        p.key_averages().table(sort_by="size")
    with pytest.raises(RuntimeError, match="record_shapes"):
        p.key_averages(group_by_input_shape=True)


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_chrome_trace(name, device, tmp_path):
    with profile(record_shapes=True) as p, record_function("range"):
        train(device)
    path = tmp_path / name
    p.export_chrome_trace(str(path))
    text = gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()
    events = json.loads(text)["traceEvents"]
    assert {e["ph"] for e in events} == {"X"} and all(e["dur"] >= 0 for e in events)
    assert {"range", "TanhBackward0"} <= {e["name"] for e in events}


def test_schedule(device):
    seen = []
    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    with profile(schedule=plan, on_trace_ready=lambda p: seen.append((p.step_num, len(p.events())))) as p:
        for _ in range(10):
            nnlite.ones(2, device=device).exp()
            p.step()
    assert seen == [(4, 4), (8, 4)]


def test_nothing_is_left_behind(device):
    array = nnlite.ones(2, device=device)._a
    table = tables[type(array)]
    before = table.exp, OPS["exp"].backward
    with pytest.raises(ZeroDivisionError), profile() as p:
        raise ZeroDivisionError
    assert (table.exp, OPS["exp"].backward) == before
    train(device)
    assert not p.events()


def test_one_at_a_time():
    with profile(), pytest.raises(RuntimeError, match="another one is running"):
        profile().start()


def test_custom_functions_and_decorator(device):
    class Double(nnlite.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    @record_function("decorated")
    def run():
        Double.apply(nnlite.ones(2, device=device, requires_grad=True)).sum().backward()

    with nnlite.autograd.profiler.profile() as p:
        run()
    assert {"DoubleBackward", "decorated"} <= {row.key for row in p.key_averages()}
