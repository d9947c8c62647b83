"""Graphs of convolution and attention built by cuDNN itself, for the description of an H100. Nothing is run."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nnlite
from nnlite.backends.cupy.cudnn import attention, convolution, plans

pytest.importorskip("cudnn", reason="the Python frontend of cuDNN (nvidia-cudnn-frontend) is not installed")

import offline_cudnn

TESTS = Path(offline_cudnn.__file__).parent
DTYPES = ("float32", "float16", "bfloat16", "float64")
OPERATIONS = ("convolution", "convolution_input", "convolution_weight")
KINDS = {"float32": "FLOAT", "float16": "HALF", "bfloat16": "BFLOAT16", "float64": "DOUBLE"}


@pytest.fixture(scope="module")
def there():
    return offline_cudnn.Offline()


def problem_of(
    operation, x, outputs, kernel, *, step=1, pad=0, spread=1, groups=1, dtype="float32", last=False, bias=False
):
    """A problem by the arguments of a layer."""
    dims = len(x) - 2
    stride, dilation = (step,) * dims, (spread,) * dims
    padding = pad if isinstance(pad, tuple) else ((pad, pad),) * dims
    weight = (outputs, x[1] // groups, *kernel)
    sizes = convolution.out_sizes(x[2:], kernel, stride, padding, dilation)
    return convolution.Problem(
        operation, x, weight, (x[0], outputs, *sizes), dtype, last, bias, stride, padding, dilation
    )


LAYERS = {
    "ResNet-18, 7x7 step 2": ((64, 3, 224, 224), 64, (7, 7), {"step": 2, "pad": 3}),
    "ResNet-18, 64": ((64, 64, 56, 56), 64, (3, 3), {"pad": 1}),
    "ResNet-18, 64 to 128": ((64, 64, 56, 56), 128, (3, 3), {"step": 2, "pad": 1}),
    "ResNet-18, shortcut to 128": ((64, 64, 56, 56), 128, (1, 1), {"step": 2}),
    "ResNet-18, 128": ((64, 128, 28, 28), 128, (3, 3), {"pad": 1}),
    "ResNet-18, 128 to 256": ((64, 128, 28, 28), 256, (3, 3), {"step": 2, "pad": 1}),
    "ResNet-18, 256": ((64, 256, 14, 14), 256, (3, 3), {"pad": 1}),
    "ResNet-18, 256 to 512": ((64, 256, 14, 14), 512, (3, 3), {"step": 2, "pad": 1}),
    "ResNet-18, 512": ((64, 512, 7, 7), 512, (3, 3), {"pad": 1}),
    "CIFAR, first": ((256, 3, 32, 32), 32, (3, 3), {"pad": 1}),
    "CIFAR, second": ((256, 32, 32, 32), 64, (3, 3), {"pad": 1}),
    "digits": ((64, 1, 28, 28), 8, (5, 5), {}),
    "odd channels": ((8, 5, 13, 17), 7, (5, 3), {"pad": 1}),
    "one image": ((1, 64, 14, 14), 64, (3, 3), {"pad": 1}),
    "depthwise": ((32, 96, 28, 28), 96, (3, 3), {"pad": 1, "groups": 96}),
    "depthwise, twice as many": ((32, 96, 28, 28), 192, (3, 3), {"step": 2, "pad": 1, "groups": 96}),
    "groups": ((32, 64, 28, 28), 128, (3, 3), {"pad": 1, "groups": 4}),
    "odd groups": ((32, 6, 28, 28), 9, (3, 3), {"groups": 3}),
    "dilated": ((32, 64, 28, 28), 64, (3, 3), {"pad": 2, "spread": 2}),
    "dilated, step 2": ((32, 64, 28, 28), 64, (3, 3), {"step": 2, "pad": 2, "spread": 2}),
    "uneven padding": ((32, 64, 28, 28), 64, (2, 4), {"pad": ((0, 1), (1, 2))}),
    "line": ((32, 64, 500), 128, (5,), {"pad": 2}),
    "line, step 2, groups": ((32, 64, 500), 128, (9,), {"step": 2, "pad": 4, "groups": 2}),
    "solid": ((4, 16, 8, 28, 28), 32, (3, 3, 3), {"pad": 1}),
    "solid, step 2, groups": ((4, 16, 8, 28, 28), 32, (3, 3, 3), {"step": 2, "pad": 1, "groups": 4}),
}
SETTINGS = [plans.Choice(deterministic, tf32, 1) for deterministic in (False, True) for tf32 in (True, False)]


def in_graph(shape):
    return [*shape[:2], 1, *shape[2:]] if len(shape) == 3 else list(shape)


@pytest.mark.parametrize("layer", LAYERS)
def test_convolutions_have_plans_in_all_dtypes_layouts_and_settings(there, layer):
    x, outputs, kernel, geometry = LAYERS[layer]
    for dtype in DTYPES:
        for last in (False, True):
            for operation in OPERATIONS:
                for bias in (False, True) if operation == "convolution" else (False,):
                    problem = problem_of(operation, x, outputs, kernel, dtype=dtype, last=last, bias=bias, **geometry)
                    for chosen in SETTINGS if dtype == "float32" else SETTINGS[::2]:
                        check_convolution(convolution.build(there, problem, chosen), problem)


def check_convolution(plan, problem):
    """Numbers, dims, strides and types of the tensors in a graph, and that it needs sensible memory."""
    shapes = {convolution.X: problem.x, convolution.WEIGHT: problem.weight, convolution.Y: problem.y}
    if problem.bias:
        shapes[convolution.BIAS] = (1, problem.y[1], *(1,) * (len(problem.y) - 2))
    assert offline_cudnn.numbers_of(plan) == sorted(shapes)
    for number, (dims, strides, kind) in offline_cudnn.tensors(plan._graph, shapes).items():
        assert dims == in_graph(shapes[number])
        assert strides == convolution.steps(in_graph(shapes[number]), problem.channels_last)
        assert kind == KINDS[problem.dtype]
    assert 0 <= plan.workspace < 2 << 30


def test_exclusions_decide_which_plan_is_taken(there):
    """Strict float32 may not use tensor cores, and what adds in any order may not be used where it is forbidden."""
    problem = problem_of("convolution", *LAYERS["ResNet-18, 64"][:3], pad=1)
    names = {tf32: convolution.build(there, problem, plans.Choice(False, tf32, 1)).name for tf32 in (True, False)}
    assert names[True] != names[False]
    problem = problem_of("convolution_weight", *LAYERS["ResNet-18, 64"][:3], pad=1)
    rivals = {d: convolution.build(there, problem, plans.Choice(d, True, None))._rivals for d in (False, True)}
    assert set(rivals[True]) < set(rivals[False])


def test_a_benchmark_has_rivals_without_run_time_compilation(there):
    problem = problem_of("convolution", *LAYERS["CIFAR, second"][:3], pad=1, dtype="float16", last=True)
    plan = convolution.build(there, problem, plans.Choice(False, True, 10))
    assert len(plan._rivals) == 10
    needs = [plan._graph.get_workspace_size_plan_at_index(index) for index in plan._rivals]
    assert plan.workspace == needs[0]
    notes = {note.name for i in plan._rivals for note in plan._graph.get_behavior_notes_for_plan_at_index(i)}
    assert "RUNTIME_COMPILATION" not in notes


def test_a_plan_with_less_workspace_is_found(there):
    problem = problem_of("convolution", *LAYERS["ResNet-18, 64"][:3], pad=1)
    plan = convolution.build(there, problem, plans.Choice(False, True, 1))
    assert plan.workspace > 0
    assert min(need for _, need in plan._needs()) < plan.workspace


def test_what_cudnn_does_not_take_is_unsupported(there):
    problem = problem_of("convolution", (2, 3, 9, 9), 4, (3, 3), pad=1)
    with pytest.raises(plans.Unsupported, match=r"\w"):
        convolution.build(there, problem._replace(y=(2, 4, 5, 5)), plans.Choice(False, True, 1))


# Attention


def attention_problem(gradient, sizes, *, dtype="bfloat16", causal=False, mask=None, within=False, dropout=False):
    """A problem by the sizes (batch, heads, queries, keys, of a key, of a value); ``mask``: (batch, heads) of it."""
    batch, heads, rows, keys, size, values = sizes

    def place(length, width):
        shape = (batch, heads, length, width)
        strides = (length * heads * width, width, heads * width, 1) if within else (0, 1, 0, 0)
        return attention.dense((shape, strides))

    q, k, v, out = place(rows, size), place(keys, size), place(keys, values), place(rows, values)
    wide = -(-keys // 8) * 8
    masked = mask and ((*mask, rows, keys), (mask[1] * rows * wide, rows * wide, wide, 1))
    g = out if gradient else None
    return attention.Problem(gradient, dtype, q, k, v, out, g, masked, 0.125, causal, dropout)


GPT = (8, 12, 1024, 1024, 64, 64)
ODD = (4, 8, 200, 333, 64, 64)
HEADS = {
    "GPT": attention_problem(False, GPT, causal=True, within=True),
    "GPT, gradient": attention_problem(True, GPT, causal=True, within=True),
    "GPT, gradient, float16": attention_problem(True, GPT, causal=True, within=True, dtype="float16"),
    "all keys, float16": attention_problem(False, GPT, dtype="float16"),
    "mask": attention_problem(False, ODD, mask=(4, 1)),
    "mask, gradient": attention_problem(True, ODD, mask=(4, 1)),
    "dropout": attention_problem(False, ODD, dropout=True),
    "dropout, gradient": attention_problem(True, ODD, dropout=True, causal=True),
    "mask for each head, wide heads": attention_problem(
        False, (2, 4, 256, 256, 128, 128), mask=(2, 4), dtype="float16"
    ),
}
UNFIT = {
    "odd heads": attention_problem(False, (2, 4, 256, 256, 20, 20)),
    "gradient of wide heads": attention_problem(True, (2, 4, 256, 256, 264, 264)),
}


RUN = {
    "convolution": problem_of("convolution", (8, 16, 20, 20), 32, (3, 3), pad=1, bias=True, dtype="float16", last=True),
    "convolution_input": problem_of("convolution_input", (8, 16, 20, 20), 32, (3, 3), pad=1),
    "convolution_weight": problem_of("convolution_weight", (8, 16, 100), 32, (5,), dtype="bfloat16"),
}


def compiled(folder, name, source, *more):
    """A shared library of a source in the folder of tests."""
    path = folder / name
    command = ["g++", "-shared", "-fPIC", "-w", str(TESTS / source), "-o", str(path), *more]
    subprocess.run(command, check=True)
    return str(path)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What cuDNN makes of the problems of `HEADS`, `UNFIT` and `RUN`."""
    spec = importlib.util.find_spec("nvidia.cudnn")
    if shutil.which("g++") is None or spec is None or not spec.submodule_search_locations:
        pytest.skip("needs g++, and cuDNN from the package nvidia-cudnn-cu13")
    libraries = Path(next(iter(spec.submodule_search_locations))) / "lib"
    folder = tmp_path_factory.mktemp("libraries")
    linked = ("-Wl,--no-as-needed", str(libraries / "libcudnn.so.9"), f"-Wl,-rpath,{libraries}", "-ldl")
    arguments = [compiled(folder, "recorder.so", "cudnn_recorder.cpp", *linked)]
    if not has_driver():
        arguments.append(compiled(folder, "libcuda.so.1", "no_device_driver.cpp", "-Wl,-soname,libcuda.so.1"))
    problems = {name: {**p._asdict(), "deterministic": False} for name, p in (HEADS | UNFIT | RUN).items()}
    if importlib.util.find_spec("cupy") is not None:
        problems["wrappers"] = None
    problems["deterministic"] = {**HEADS["GPT, gradient"]._asdict(), "deterministic": True}
    done = subprocess.run(
        [sys.executable, str(TESTS / "offline_cudnn.py"), *arguments],
        input="".join(json.dumps(problem) + "\n" for problem in problems.values()),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(nnlite.__file__).parent.parent)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(zip(problems, map(json.loads, done.stdout.splitlines()), strict=True))


def has_driver():
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", [*RUN, *HEADS])
def test_plans_run_with_the_arrays_of_their_numbers(answers, name):
    """What reaches cuDNN's own function: each address under its number, the workspace, the handle with its stream."""
    ran = answers[name]["ran"]
    given = {str(number): offline_cudnn.address(number) for number in answers[name]["numbers"]}
    assert given.items() <= ran["arrays"].items()
    # The frontend keeps the front of the workspace to itself, for attention's sums.
    start = offline_cudnn.address(0xFFF) if answers[name]["workspace"] else 0
    assert start <= ran["workspace"] <= start + answers[name]["workspace"]
    assert (ran["handle"], ran["stream"]) == (0x5EED, offline_cudnn.STREAM)


@pytest.mark.parametrize("name", HEADS)
def test_attention_has_plans(answers, name):
    problem, answer = HEADS[name], answers[name]
    assert "refused" not in answer, answer
    places = {
        attention.Q: problem.q,
        attention.K: problem.k,
        attention.V: problem.v,
        attention.OUT: problem.out,
    }
    if problem.mask is not None:
        places[attention.MASK] = problem.mask
    if problem.gradient:
        places |= {attention.G: problem.g, attention.GQ: problem.q, attention.GK: problem.k, attention.GV: problem.v}
    assert answer["numbers"] == sorted(map(int, answer["tensors"]))
    if problem.dropout:
        rows, keys = problem.q[0][2], problem.k[0][2]
        scores = (*problem.q[0][:3], keys)
        places[attention.KEPT] = scores, (scores[1] * rows * keys, rows * keys, keys, 1)
        for number in (attention.FACTOR, attention.PART) if problem.gradient else (attention.FACTOR,):
            assert answer["tensors"][str(number)] == [[1] * 4, [1] * 4, "FLOAT"]
    batch, heads, rows, _ = problem.q[0]
    assert answer["tensors"][str(attention.SUMS)] == [[batch, heads, rows, 1], [heads * rows, rows, 1, 1], "FLOAT"]
    others = {attention.SUMS, attention.FACTOR, attention.PART}
    assert {int(number) for number in answer["tensors"]} - others == set(places)
    for number, place in places.items():
        dims, strides, kind = answer["tensors"][str(number)]
        # The frontend exchanges axes of keys and values where it multiplies by their transposes.
        assert sorted(zip(dims, strides, strict=True)) == sorted(zip(*place, strict=True))
        assert kind == KINDS[problem.dtype]


def test_wrappers_hand_arrays_of_cupy_to_cudnn(answers):
    if "wrappers" not in answers:
        pytest.skip("CuPy is not installed")
    for call in answers["wrappers"]:
        assert call["given"].items() <= call["ran"]["arrays"].items()
    *convolutions, out, gq = answers["wrappers"]
    in_order, last = convolutions[:3], convolutions[3:]
    assert [call["shape"] for call in in_order] == [[8, 32, 20, 20], [8, 16, 20, 20], [32, 16, 3, 3]]
    assert [call["shape"] for call in last] == [call["shape"] for call in in_order]
    assert [call["strides"][-1] for call in in_order] == [2, 2, 2]
    assert [call["strides"][1] for call in last] == [2, 2, 2]
    within_rows = [128 * 4 * 64 * 2, 64 * 2, 4 * 64 * 2, 2]
    assert [call["strides"] for call in (out, gq)] == [within_rows, within_rows]


def test_memory_of_attention_grows_with_the_length_alone(answers):
    """Not with the scores: those of one head alone would take 2 MB."""
    batch, heads, rows, _, size, _ = GPT
    assert answers["GPT"]["workspace"] <= 1024
    assert answers["GPT, gradient"]["workspace"] <= 5 * batch * heads * rows * size


def test_the_same_bits_take_other_memory(answers):
    assert "refused" not in answers["deterministic"]
    assert answers["deterministic"]["workspace"] > answers["GPT, gradient"]["workspace"]


@pytest.mark.parametrize("name", UNFIT)
def test_attention_that_cudnn_does_not_take_is_unsupported(answers, name):
    assert answers[name]["refused"]
