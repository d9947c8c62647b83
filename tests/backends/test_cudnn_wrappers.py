"""Convolution and attention by cuDNN's graphs, with a stand-in for cuDNN that reads memory as it does."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import math
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from fake_cudnn import Candidate, FakeCudnn, behavior_note, numerical_note

import nnlite
from nnlite.backends import backend_for, cuda, cudnn
from nnlite.backends.cupy.cudnn import attention, convolution, dropout, library, plans
from nnlite.backends.cupy.overrides import OVERRIDES
from nnlite.backends.deterministic import mode
from nnlite.backends.kernels import GENERIC
from nnlite.backends.strict import StrictArray
from nnlite.ops.attention import scaled_dot_product

strict = backend_for("strict")
NAMES = ("convolution", "convolution_input", "convolution_weight", "attention", "attention_gradient")


class OnHost(library.Library):
    """cuDNN's stand-in for arrays of the strict device; plans take the times that are given."""

    array_type = StrictArray

    def __init__(self, frontend, times=()):
        self.frontend = frontend
        self.version = frontend.backend_version()
        self.times = dict(times)
        self.measured = []
        self.current = 0

    def device(self):
        return self.current

    def handle(self):
        return 42

    def can_measure(self):
        return self.times is not None

    def measure(self, run):
        run()
        name = self.frontend.setting.ran[-1][1]
        self.measured.append(name)
        return self.times[name]


@pytest.fixture
def stand_in():
    """Install a stand-in: ``stand_in(times=..., candidates=..., ...)`` gives the library."""
    before = []

    def install(times=(), **setting):
        found = OnHost(FakeCudnn(**setting), times)
        before.append(library.use(found))
        plans.forget()
        return found

    yield install
    if before:
        library.use(*before[0])
    library.forget()
    plans.forget()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(attention, "LEAST", 0)
    monkeypatch.setattr(attention, "WORTH", 0)


class Gpu:
    """Arrays for a wrapper; ``allowed`` bytes at most for one array of bytes."""

    def __init__(self, allowed=None):
        self.allowed = allowed
        self.xp = self

    def __getattr__(self, name):
        return getattr(strict.xp, name)

    def empty(self, shape, dtype="float64"):
        if dtype == "uint8" and self.allowed is not None and shape > self.allowed:
            raise MemoryError(f"{shape} bytes")
        return strict.xp.empty(shape, dtype)


def normal(*shape, dtype="float32", seed=0):
    return strict.from_host(np.random.default_rng(seed).standard_normal(shape).astype(nnlite_dtype(dtype)))


def nnlite_dtype(name):
    return getattr(nnlite, name).np


def channels_last(a):
    axes = (0, *range(2, a.ndim), 1)
    back = (0, a.ndim - 1, *range(1, a.ndim - 1))
    return strict.xp.ascontiguousarray(a.transpose(axes)).transpose(back)


TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 4e-3, "bfloat16": 4e-2}


def close(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    tolerance = TOLERANCE[expected.dtype.name]
    expected = expected.get().astype(np.float64)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got.get().astype(np.float64) / scale, expected / scale, rtol=tolerance, atol=tolerance)


def both(name, *arrays, gpu=None, **attributes):
    """What cuDNN's wrapper and the generic body compute; the condition has to be true."""
    override = OVERRIDES[name]
    assert override.when(*arrays, **attributes)
    return override.function(gpu or Gpu(), *arrays, **attributes), GENERIC[name](strict.xp, *arrays, **attributes)


# Convolution: what it computes

GEOMETRY = {
    "3x3": ((2, 8, 9, 7), (4, 8, 3, 3), {"padding": ((1, 1), (1, 1))}),
    "step 2": ((2, 4, 9, 8), (6, 4, 3, 3), {"stride": (2, 2), "padding": ((1, 1), (1, 1))}),
    "1x1": ((2, 8, 5, 5), (3, 8, 1, 1), {}),
    "dilated": ((1, 2, 11, 12), (3, 2, 3, 3), {"dilation": (2, 3), "padding": ((2, 2), (3, 3))}),
    "uneven": ((2, 3, 8, 8), (4, 3, 2, 4), {"padding": ((0, 1), (1, 2))}),
    "groups": ((2, 6, 7, 7), (9, 2, 3, 3), {"groups": 3}),
    "depthwise": ((2, 5, 7, 7), (10, 1, 3, 3), {"groups": 5, "stride": (2, 1)}),
    "line": ((2, 4, 20), (6, 4, 5), {"stride": (2,), "padding": ((2, 2),)}),
    "line, uneven": ((2, 4, 20), (6, 2, 4), {"padding": ((1, 2),), "groups": 2}),
    "solid": ((2, 3, 5, 6, 4), (4, 3, 3, 3, 2), {"stride": (1, 2, 1), "padding": ((1, 1), (0, 0), (1, 0))}),
}


def geometry_of(name):
    x, weight, given = GEOMETRY[name]
    dims = len(x) - 2
    plain = {"stride": (1,) * dims, "padding": ((0, 0),) * dims, "dilation": (1,) * dims, "groups": 1}
    return x, weight, {**plain, **given}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", GEOMETRY)
def test_convolution_and_its_gradients_are_those_of_the_generic_bodies(stand_in, name, dtype):
    stand_in(candidates=[Candidate("first", workspace=256)])
    shape, kernel, geometry = geometry_of(name)
    x, weight = normal(*shape, dtype=dtype), normal(*kernel, dtype=dtype, seed=1)
    bias = normal(kernel[0], dtype=dtype, seed=2)
    out, expected = both("convolution", x, weight, None, **geometry)
    close(out, expected)
    assert out.flags.c_contiguous
    close(*both("convolution", x, weight, bias, **geometry))
    g = normal(*expected.shape, dtype=dtype, seed=3)
    close(*both("convolution_input", g, weight, sizes=shape[2:], **geometry))
    close(*both("convolution_weight", x, g, kernel=kernel[2:], **geometry))


@pytest.mark.parametrize("name", ["3x3", "uneven", "groups", "solid"])
def test_results_lie_with_the_channels_last_if_an_operand_does(stand_in, name):
    there = stand_in()
    shape, kernel, geometry = geometry_of(name)
    x, weight = normal(*shape), normal(*kernel, seed=1)
    last, weight_last = channels_last(x), channels_last(weight)
    for one, other in ((last, weight), (x, weight_last), (last, weight_last)):
        out, expected = both("convolution", one, other, normal(kernel[0], seed=2), **geometry)
        close(out, expected)
        assert out.transpose(0, *range(2, out.ndim), 1).flags.c_contiguous
    g = channels_last(normal(*expected.shape, seed=3))
    for operation, pair, more in (
        ("convolution_input", (g, weight), {"sizes": shape[2:]}),
        ("convolution_weight", (x, g), {"kernel": kernel[2:]}),
    ):
        out, expected = both(operation, *pair, **more, **geometry)
        close(out, expected)
        assert out.transpose(0, *range(2, out.ndim), 1).flags.c_contiguous
    strides = {tuple(t.stride) for graph in there.frontend.setting.graphs for t in graph.tensors if t.uid == 1}
    assert strides == {tuple(s // 4 for s in last.strides)}


def test_operands_that_do_not_lie_densely_or_aligned_are_copied(stand_in):
    stand_in()
    _, _, geometry = geometry_of("3x3")
    whole, weight = normal(3, 9, 9, 8), normal(5, 8, 3, 3, seed=1)
    operands = {
        "channels of a larger array": whole[:, :8],
        "moved by one number": normal(2 * 8 * 9 * 7 + 1)[1:].reshape(2, 8, 9, 7),
        "every other image": whole[::2, :8],
        "transposed": whole.swapaxes(2, 3)[:, 1:],
        "reversed": whole[:, ::-1][:, :8],
        "repeated": strict.xp.broadcast_to(whole[:1, :1], (2, 8, 9, 8)),
    }
    assert operands["moved by one number"].data.ptr % 16
    for x in operands.values():
        close(*both("convolution", x, weight, None, **geometry))
    close(*both("convolution", whole[:, :8], weight, normal(6, seed=3)[1:], **geometry))


def test_transposed_convolution_with_more_output(stand_in):
    """The sizes of the gradient's result are those that were asked for, and the padding differs at the ends."""
    stand_in()
    g, weight = normal(2, 4, 5, 5), normal(4, 3, 3, 3, seed=1)
    geometry = {"stride": (2, 2), "padding": ((1, 0), (1, 1)), "dilation": (1, 1), "groups": 1}
    close(*both("convolution_input", g, weight, sizes=(10, 9), **geometry))


# Convolution: what is refused

TAKEN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def takes(x=None, weight=None, bias=None, **geometry):
    x = normal(2, 3, 5, 5) if x is None else x
    weight = normal(4, 3, 3, 3) if weight is None else weight
    return OVERRIDES["convolution"].when(x, weight, bias, **{**TAKEN, **geometry})


def test_other_arrays_than_those_of_cuda_are_refused(stand_in):
    library.forget()
    assert not takes()
    assert not library._state.searched
    stand_in()
    assert takes()
    assert not takes(np.ones((2, 3, 5, 5), "float32"), np.ones((4, 3, 3, 3), "float32"))


def test_integers_and_empty_arrays_are_refused_with_a_reason(stand_in):
    stand_in()
    whole = strict.from_host(np.ones((2, 3, 5, 5), "int32"))
    assert not takes(whole, strict.from_host(np.ones((4, 3, 3, 3), "int32")))
    assert not takes(normal(2, 3, 5, 5), normal(4, 3, 3, 3, dtype="float64"))
    assert not takes(normal(0, 3, 5, 5))
    assert not takes(normal(2, 0, 5, 5), normal(4, 0, 3, 3))
    assert list(plans.refused.values()) == [
        "cuDNN does not convolve int32",
        "cuDNN does not convolve float32 and float64",
        "there is nothing to compute",
        "there is nothing to compute",
    ]


def test_arrays_too_large_for_32_bits_are_refused(stand_in, monkeypatch):
    stand_in()
    monkeypatch.setattr(convolution, "MOST", 2 * 3 * 5 * 5)
    assert not takes()
    assert list(plans.refused.values()) == ["an array has 150 numbers, and less than 150 were expected"]
    assert takes(normal(1, 3, 5, 5))


def test_a_graph_that_cudnn_does_not_support_goes_to_the_generic_body(stand_in):
    there = stand_in(refuses="No valid engine configs for______{engine 0}\nReason: the device is too old")
    assert not takes()
    assert not takes()
    assert len(there.frontend.setting.graphs) == 1, "the refusal is remembered"
    assert "Reason: the device is too old" in cudnn.explain()
    assert "refused: convolution (float32, in order): x (2, 3, 5, 5)" in cudnn.explain()
    with pytest.raises(RuntimeError, match="no plan"):
        OVERRIDES["convolution"].function(Gpu(), normal(2, 3, 5, 5), normal(4, 3, 3, 3), None, **TAKEN)


def test_a_plan_that_cannot_be_built_is_passed_over(stand_in):
    there = stand_in(candidates=[Candidate("broken", builds=False), Candidate("whole")])
    both("convolution", normal(2, 3, 5, 5), normal(4, 3, 3, 3), None, **TAKEN)
    assert there.frontend.setting.ran == [(42, "whole")]
    there = stand_in(candidates=[Candidate("broken", builds=False)])
    assert not takes()
    assert list(plans.refused.values()) == ["no kernel for broken"]


def test_an_error_of_cudnn_names_the_operation(stand_in):
    stand_in(candidates=[Candidate("first", fails=True)])
    with pytest.raises(RuntimeError, match=r"cuDNN failed in convolution \(float32.*EXECUTION.FAILED.*enabled = False"):
        both("convolution", normal(2, 3, 5, 5), normal(4, 3, 3, 3), None, **TAKEN)


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


# Attention


def operands(dtype="float16", batch=2, heads=3, rows=10, keys=13, size=16, values=8, within=False):
    def make(length, width, seed):
        if not within:
            return normal(batch, heads, length, width, dtype=dtype, seed=seed)
        return normal(batch, length, heads, width, dtype=dtype, seed=seed).transpose(0, 2, 1, 3)

    return make(rows, size, 0), make(keys, size, 1), make(keys, values, 2)


SETTINGS = {"scale": 0.25, "causal": False, "dropout": 0.0, "seed": 0, "counter": 0}


def check_attention(q, k, v, mask, **changed):
    """Forward and backward beside the generic bodies; the results of cuDNN."""
    attributes = {**SETTINGS, **changed}
    got, expected = both("attention", q, k, v, mask, **attributes)
    close(got[0], expected[0])
    np.testing.assert_allclose(got[1].get(), expected[1].get(), rtol=2e-2, atol=2e-2)
    assert got[2] is None
    g = normal(*got[0].shape, dtype=q.dtype.name, seed=5)
    # Residuals of either go to the other.
    for out, sums in ((got[0], got[1]), expected[:2]):
        made, wanted = both("attention_gradient", g, q, k, v, mask, out, sums, None, **attributes, wanted=False)
        for one, other in zip(made[:3], wanted[:3], strict=True):
            close(one, other)
            assert not np.isnan(one.get().astype("float32")).any()
        assert made[3] is None
    return got[0], made


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("within", [False, True], ids=["heads apart", "heads within rows"])
def test_attention_is_that_of_the_generic_body(stand_in, small, dtype, causal, within):
    there = stand_in(candidates=[Candidate("first", workspace=64)])
    q, k, v = operands(dtype, within=within)
    out, made = check_attention(q, k, v, None, causal=causal)
    for result, like in ((out, q), *zip(made, (q, k, v), strict=False)):
        assert (result.strides[1] < result.strides[2]) is within
        assert result.strides[3] == like.strides[3]
    strides = [t.stride for t in there.frontend.setting.graphs[0].tensors if t.uid == attention.Q]
    assert strides == [[s // 2 for s in q.strides]], "queries are read where they lie"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("shape", [(1, 1, 10, 13), (2, 1, 1, 13), (1, 3, 10, 13), (2, 3, 10, 13), (2, 3, 1, 13)])
def test_masks(stand_in, small, dtype, shape):
    stand_in()
    q, k, v = operands(dtype)
    seen = np.random.default_rng(7).random(shape) < 0.7
    seen[..., 0] = True
    check_attention(q, k, v, strict.from_host(seen))
    numbers = np.where(seen, np.random.default_rng(8).standard_normal(shape), -np.inf)
    check_attention(q, k, v, strict.from_host(numbers.astype(nnlite_dtype(dtype))))


@pytest.mark.parametrize("kind", ["bool", "float16"])
def test_rows_that_see_nothing_are_zero_and_have_no_gradient(stand_in, small, kind):
    stand_in()
    q, k, v = operands()
    seen = np.ones((1, 1, 10, 13), bool)
    seen[:, :, 3] = False
    mask = seen if kind == "bool" else np.where(seen, 0, -np.inf).astype("float16")
    out, made = check_attention(q, k, v, strict.from_host(mask))
    assert not out.get()[:, :, 3].any()
    assert not made[0].get()[:, :, 3].any()


def test_a_mask_that_is_broadcast_along_the_keys(stand_in, small):
    stand_in()
    q, k, v = operands()
    mask = strict.xp.broadcast_to(normal(2, 1, 10, 1, dtype="float16"), (2, 1, 10, 13))
    check_attention(q, k, v, mask)


def test_operands_of_attention_that_cannot_be_read_are_copied(stand_in, small):
    stand_in()
    q, k, v = operands()
    odd = normal(2, 3, 10, 17, dtype="float16")[..., :16]
    moved = normal(2 * 3 * 13 * 16 + 3, dtype="float16")[3:].reshape(2, 3, 13, 16)
    repeated = strict.xp.broadcast_to(v[:, :1], v.shape)
    for arguments in ((odd, k, v), (q, moved, v), (q, k, repeated), (q.swapaxes(2, 3).copy().swapaxes(2, 3), k, v)):
        check_attention(*arguments, None)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("block", [1 << 18, 9 * 13 * 7, 4 * 5 * 13 * 7, 3 * 13 * 7 + 5, 40])
def test_dropout_draws_the_numbers_of_the_generic_body(stand_in, small, monkeypatch, causal, block):
    """With blocks of all scores; two batches and one; one batch; two heads and one; some rows."""
    stand_in()
    monkeypatch.setattr(dropout, "BLOCK", block)
    monkeypatch.setattr(scaled_dot_product, "BLOCK", block)
    monkeypatch.setattr(dropout, "MOST", 1000)
    q, k, v = operands(batch=5, heads=3, rows=7, keys=13)
    check_attention(q, k, v, None, causal=causal, dropout=0.3, seed=11, counter=5)


def test_dropout_with_a_mask(stand_in, small):
    stand_in()
    assert (dropout.BLOCK, dropout.STEP) == (scaled_dot_product.BLOCK, scaled_dot_product._WORDS)
    q, k, v = operands("bfloat16")
    seen = np.random.default_rng(7).random((1, 1, 10, 13)) < 0.7
    check_attention(q, k, v, strict.from_host(seen), dropout=0.5, seed=3)


def test_what_attention_refuses(stand_in, small, monkeypatch):
    there = stand_in()
    when = OVERRIDES["attention"].when
    q, k, v = operands()
    assert when(q, k, v, None, **SETTINGS)
    assert not when(q, k, v, None, **{**SETTINGS, "dropout": 1.0})
    assert not when(*operands("float32"), None, **SETTINGS)
    assert not when(*operands(rows=0), None, **SETTINGS)
    assert not when(*operands(size=0), None, **SETTINGS)
    with cudnn.flags(enabled=False):
        assert not when(q, k, v, None, **SETTINGS)
    before = cuda.cudnn_sdp_enabled()
    try:
        cuda.enable_cudnn_sdp(False)
        assert not when(q, k, v, None, **SETTINGS)
    finally:
        cuda.enable_cudnn_sdp(before)
    gradient = OVERRIDES["attention_gradient"].when
    out, sums, _ = OVERRIDES["attention"].function(Gpu(), q, k, v, None, **SETTINGS)
    assert gradient(out, q, k, v, None, out, sums, None, **SETTINGS, wanted=False)
    assert not gradient(out, q, k, v, None, out, sums, None, **SETTINGS, wanted=True)
    monkeypatch.setattr(attention, "LEAST", 2 * 3 * 10 * 13 + 1)
    assert not when(q, k, v, None, **SETTINGS)
    assert len(there.frontend.setting.graphs) == 2


def test_a_shape_is_compiled_when_it_has_come_often_enough(stand_in, small, monkeypatch):
    there = stand_in()
    scores = 2 * 3 * 10 * 13
    monkeypatch.setattr(attention, "WORTH", 3 * scores)
    when = OVERRIDES["attention"].when
    q, k, v = operands()
    assert [when(q, k, v, None, **SETTINGS) for _ in range(4)] == [False, False, True, True]
    assert [when(*operands(rows=9), None, **SETTINGS) for _ in range(4)] == [False, False, False, True]
    monkeypatch.setattr(plans, "KEPT", 1)
    assert not any(when(*operands(rows=n), None, **SETTINGS) for n in (7, 6) * 6), "only so many shapes are counted"
    assert len(there.frontend.setting.graphs) == 2


def test_attention_asks_for_the_same_bits_where_they_are_wanted(stand_in, small):
    there = stand_in()
    q, k, v = operands()
    check_attention(q, k, v, None)
    with cudnn.flags(enabled=True, deterministic=True):
        check_attention(q, k, v, None)
    graphs = there.frontend.setting.graphs
    assert [g.deterministic_attention for g in graphs if hasattr(g, "deterministic_attention")] == [False, True]


# Conditions and registration


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


def test_lowest_numbers_are_finite_in_their_dtypes():
    for name, value in attention.LOWEST.items():
        assert math.isfinite(float(np.asarray(value, nnlite_dtype(name))))
