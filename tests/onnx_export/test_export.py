"""Arguments, files, and what cannot be exported."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings

import numpy as np
import onnx
import pytest
from exported import Of, check, nodes, sizes

import nnlite
import nnlite.onnx
from nnlite import nn
from nnlite.onnx import DynamicSizeError, OnnxExporterError, TracerWarning, TrainingMode, UnsupportedOperatorError


def x23():
    return nnlite.tensor([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]])


def export(function, **options):
    return nnlite.onnx.export(Of(function), (x23(),), **options)


def test_package_and_program_are_loaded_lazily():
    code = "import sys, nnlite, nnlite.onnx; print('onnx' in sys.modules, 'onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_missing_packages_are_named(monkeypatch):
    program = export(lambda x: x + 1)
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r'pip install "nnlite-framework\[onnx\]"'):
        export(lambda x: x + 1)
    with pytest.raises(ImportError, match=r'pip install "nnlite-framework\[onnx\]"'):
        program(x23())


def test_versions_and_names():
    model = nn.Linear(3, 4)
    program = nnlite.onnx.export(model, x23())
    proto = program.model_proto
    assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
    assert proto.ir_version <= 10
    assert proto.producer_name == "nnlite"
    assert sizes(proto.graph.input) == {"input": [2, 3]}
    assert sizes(proto.graph.output) == {"output": [2, 4]}
    assert repr(program) == "ONNXProgram(1 nodes: input -> output)"
    named = nnlite.onnx.export(model, x23(), input_names=["a"], output_names=["b"], opset_version=20).model_proto
    assert (named.graph.input[0].name, named.graph.output[0].name, named.opset_import[0].version) == ("a", "b", 20)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"opset_version": 9}, ValueError, "opset_version has to be one of"),
        ({"input_names": ["a", "b"]}, ValueError, "exceeded number of inputs"),
        ({"output_names": ["a", "b"]}, ValueError, "exceeded number of outputs"),
        ({"output_names": ["x"]}, ValueError, "is that of something else"),
        ({"custom_opsets": {"a": 1}}, NotImplementedError, "custom_opsets"),
        ({"report": True}, NotImplementedError, "report"),
        ({"operator_export_type": 1}, NotImplementedError, "operator_export_type"),
        ({"training": 7}, ValueError, "TrainingMode"),
        ({"f": 3}, TypeError, "a path or a file"),
        ({"f": io.BytesIO(), "external_data": True}, ValueError, "needs a path"),
        ({"dynamic_axes": {"x": {5: "n"}}}, ValueError, "dynamic axis 5"),
        ({"dynamic_axes": {"x": {0: 3}}}, ValueError, "given by its name"),
        ({"dynamic_shapes": {"y": {0: "n"}}}, ValueError, "no arguments of this call"),
    ],
)
def test_wrong_arguments(options, error, text):
    with pytest.raises(error, match=text):
        export(lambda x: x + 1, **options)


def test_only_modules_are_exported():
    with pytest.raises(TypeError, match=r"must be a nnlite\.nn\.Module"):
        nnlite.onnx.export(lambda x: x, (x23(),))


class Pair(nn.Module):
    def forward(self, x, pair, scale=1.0, bias=None):
        return {"sum": (pair[0] + x * scale, None), "bias": [bias]}


def test_nested_and_named_arguments():
    pair = [x23(), x23()]
    program = nnlite.onnx.export(Pair(), (x23(), pair), kwargs={"bias": x23(), "scale": 3.0})
    assert list(sizes(program.model_proto.graph.input)) == ["x", "pair_0", "pair_1", "bias"]
    total, bias = program(x23(), pair, bias=x23() * 2)
    assert nnlite.equal(total, x23() * 4)
    assert nnlite.equal(bias, x23() * 2)
    same = nnlite.onnx.export(Pair(), (x23(), pair, {"bias": x23(), "scale": 3.0}))
    assert sizes(same.model_proto.graph.input) == sizes(program.model_proto.graph.input)
    with pytest.raises(TypeError, match="got 1 tensors"):
        program(x23())


@pytest.mark.parametrize(
    "options",
    [
        {"dynamic_axes": {"x": [0, 1]}},
        {"dynamic_axes": {"x": {0: "n", -1: "m"}, "output": {0: "n"}}},
        {"dynamic_shapes": ({0: "n", 1: "m"},)},
        {"dynamic_shapes": {"x": ("n", "m")}},
    ],
)
def test_ways_to_name_dynamic_dimensions(options):
    program = export(lambda x: x.reshape(-1, 1) * x.shape[1], **options)
    assert program(nnlite.ones(4, 5))[0].tolist() == [[5.0]] * 20
    given = sizes(program.model_proto.graph.input)["x"]
    assert given in (["n", "m"], ["x_dynamic_axes_0", "x_dynamic_axes_1"])


def test_dimensions_that_have_to_be_equal_may_have_two_names():
    class Sum(nn.Module):
        def forward(self, x, y):
            return (x + y).view(-1)

    check(
        Sum(),
        (x23(), x23()),
        (nnlite.ones(5, 3), nnlite.ones(5, 3)),
        dynamic_axes={"x": {0: "a"}, "y": {0: "b"}},
    )


def test_saving(tmp_path):
    model = nn.Linear(40, 30)
    path = tmp_path / "model.onnx"
    program = nnlite.onnx.export(model, (nnlite.ones(1, 40),), path)
    assert onnx.load(path) == program.model_proto
    held = io.BytesIO()
    nnlite.onnx.export(model, (nnlite.ones(1, 40),), held)
    assert onnx.load_from_string(held.getvalue()) == program.model_proto
    for _ in range(2):  # the second time over the files of the first
        program.save(path, external_data=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert (tmp_path / "model.onnx.data").stat().st_size < 2 * 40 * 30 * 4
    weight = next(t for t in onnx.load(path).graph.initializer if t.name == "weight")
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(weight), model.weight.detach().numpy())


def test_models_too_large_for_one_file(tmp_path, monkeypatch):
    monkeypatch.setattr("nnlite.onnx._program.LIMIT", 1000)
    program = nnlite.onnx.export(nn.Linear(40, 30), (nnlite.ones(1, 40),), tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx.data").exists()
    with pytest.raises(OnnxExporterError, match="less than 2 GB"):
        program.save(tmp_path / "one.onnx", external_data=False)
    with pytest.raises(OnnxExporterError, match="from a file only"):
        program(nnlite.ones(1, 40))


def test_parameters_left_out_or_listed():
    model = nn.Linear(3, 4)
    without = nnlite.onnx.export(model, (x23(),), export_params=False).model_proto.graph
    assert list(sizes(without.input)) == ["input", "weight", "bias"]
    assert not without.initializer
    both = nnlite.onnx.export(model, (x23(),), keep_initializers_as_inputs=True).model_proto.graph
    assert list(sizes(both.input)) == ["input", "weight", "bias"]
    assert [t.name for t in both.initializer] == ["weight", "bias"]


def test_verify_and_verbose(capsys):
    export(lambda x: nnlite.tanh(x), verify=True, verbose=True)
    assert "Tanh" in capsys.readouterr().out


def test_nothing_is_changed():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[1].eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    modes, versions = [m.training for m in model.modules()], [t._version for t in model.buffers()]
    x, state = x23(), nnlite.get_rng_state()
    program = nnlite.onnx.export(model, (x,), training=TrainingMode.TRAINING)
    assert nodes(program).count("Dropout") == 1
    assert all(nnlite.equal(t, before[name]) for name, t in model.state_dict().items())
    assert [m.training for m in model.modules()] == modes
    assert [t._version for t in model.buffers()] == versions
    assert nnlite.equal(nnlite.get_rng_state(), state)
    assert not nnlite.onnx.is_in_onnx_export()
    model(x).sum().backward()  # ordinary again
    assert model[0].weight.grad is not None


def test_input_that_is_written_to():
    x = x23()
    program = nnlite.onnx.export(Of(lambda x: x.add_(1) * 2), (x,))
    assert nnlite.equal(x, x23())
    assert nnlite.equal(program(x23())[0], (x23() + 1) * 2)


def test_a_failure_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(3, 3), Of(lambda x: nnlite.linalg.svd(x)[1]))
    weight = model[0].weight.clone()
    with pytest.raises(UnsupportedOperatorError) as caught:
        nnlite.onnx.export(model, (x23(),))
    text = str(caught.value)
    assert "'svd'" in text
    assert "in Of '1'" in text
    assert "test_export.py:" in text
    assert isinstance(caught.value, NotImplementedError)
    assert nnlite.equal(model[0].weight, weight)
    assert model(x23()).shape == (2,)
    with pytest.raises(ZeroDivisionError):
        nnlite.onnx.export(Of(lambda x: x / (1 // 0)), (x23(),))
    assert model(x23()).shape == (2,)


def _stale_view(x):
    out = nnlite.zeros(2, 3)
    view = out[0]
    out[:] = x
    return view


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x[x > 0], "use nnlite.where"),
        (lambda x: nnlite.fft.fft(x).abs(), "no counterpart"),
        (lambda x: nnlite.complex(x, x).real, "complex numbers|no counterpart"),
        (lambda x: x.nonzero(), "no counterpart"),
        (lambda x: x.lgamma(), "'lgamma'"),
        (_stale_view, "nnlite.stack or nnlite.cat"),
    ],
)
def test_what_has_no_counterpart(function, text):
    with pytest.raises(OnnxExporterError, match=text):
        export(function)
    assert nnlite.equal(Of(lambda x: x * 2)(x23()), x23() * 2)


def test_values_that_become_constants_are_warned_of():
    with pytest.warns(TracerWarning, match="reads values of a tensor"):
        export(lambda x: x * 2 if x.sum() > 0 else x)
    with pytest.warns(TracerWarning, match="draws random numbers"):
        export(lambda x: x + nnlite.randn(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        export(lambda x: nnlite.nn.functional.embedding(x.argmax(1), nnlite.eye(3)))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: sum(row for row in x), "Python loop"),
        (lambda x: x * 2 if x.shape[0] > 2 else x, "Python loop over that dimension, or a condition"),
        (lambda x: x / x.shape[0] ** 0.5, "depends on a dynamic dimension"),
        (lambda x: x + nnlite.linspace(0, 1, x.shape[0])[:, None], "constant tensor"),
        (lambda x: x[:3] + nnlite.tensor(np.arange(x.shape[0]) % 3)[:3, None], None),
        (lambda x: nnlite.nn.functional.interpolate(x[None, None], scale_factor=2), "interpolated has to be fixed"),
    ],
)
def test_sizes_that_cannot_be_dynamic(function, text):
    """An error that names the line, or a file that is right."""
    if text is None:
        check(Of(function), (nnlite.ones(4, 3),), (nnlite.ones(7, 3),), dynamic_axes={"x": {0: "n"}})
        return
    with pytest.raises(DynamicSizeError, match=text) as caught:
        export(function, dynamic_axes={"x": {0: "n"}})
    assert "test_export.py:" in str(caught.value)


def test_sizes_that_the_model_does_not_take():
    with pytest.raises(DynamicSizeError, match="runs with none of the other sizes"):
        nnlite.onnx.export(nn.Linear(3, 4), (x23(),), dynamic_axes={"input": {1: "features"}})


def test_model_without_result():
    with pytest.raises(OnnxExporterError, match="returns no tensor"):
        export(lambda x: None)


def test_written_parameter():
    model = nn.Linear(3, 3)
    model.register_forward_pre_hook(lambda module, args: module.weight.data.add_(1) and None)
    with pytest.raises(OnnxExporterError, match="writes to the parameter 'weight'"):
        nnlite.onnx.export(model, (x23(),))


def test_half_precision():
    model = nn.Linear(3, 4).half()
    program = nnlite.onnx.export(model, (x23().half(),))
    assert {t.data_type for t in program.model_proto.graph.initializer} == {onnx.TensorProto.FLOAT16}
