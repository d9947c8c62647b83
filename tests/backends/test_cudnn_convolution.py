"""Convolution by cuDNN's graphs, with a stand-in for cuDNN that reads memory as it does."""

from __future__ import annotations

import numpy as np
import pytest
from cudnn_on_host import TAKEN, Gpu, both, channels_last, close, normal, strict, takes
from fake_cudnn import Candidate

from nnlite.backends import cudnn
from nnlite.backends.cupy.cudnn import convolution, library, plans
from nnlite.backends.cupy.overrides import OVERRIDES

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


# What is refused


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
