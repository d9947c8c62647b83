"""The surface that programs touch, run on PyTorch and on nnlite: the same values, texts and types of errors."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

from parity import names  # noqa: E402


class Both:
    """What one program gives in both libraries, tensors as NumPy arrays."""

    def __init__(self, program):
        self.ours, self.theirs = (self.run(program, library) for library in (nnlite, torch))

    @staticmethod
    def run(program, library):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return plain(program(library), library)
        except Exception as error:
            return type(error).__name__, str(error)


def plain(value, library):
    if isinstance(value, library.Tensor):
        return str(value.dtype), value.requires_grad, value.detach().tolist()
    if isinstance(value, tuple | list):
        return [plain(v, library) for v in value]
    return str(value) if isinstance(value, library.dtype | library.device) else value


PROGRAMS = {
    "float tensor": lambda t: [t.FloatTensor([1, 2]), t.FloatTensor(2, 3).shape, t.LongTensor([1.5]).type()],
    "types": lambda t: [t.zeros(2).type(t.LongTensor), t.zeros(2).type("torch.DoubleTensor"), t.ones(1).type(t.int8)],
    "isinstance": lambda t: [isinstance(t.ones(1), t.FloatTensor), isinstance(t.ones(1), t.LongTensor),
                             isinstance(t.ones(1), t.cuda.FloatTensor), issubclass(t.FloatTensor, t.Tensor)],
    "names of types": lambda t: [repr(t.FloatTensor), repr(t.cuda.LongTensor), t.FloatTensor.dtype],
    "variable": lambda t: [t.autograd.Variable(t.ones(2), requires_grad=True), t.autograd.Variable(),
                           isinstance(t.ones(1), t.autograd.Variable)],
    "variable of a result": lambda t: t.autograd.Variable(t.ones(2, requires_grad=True) * 2),
    "settings of cudnn": lambda t: [getattr(t.backends.cudnn, n) for n in
                                    ("enabled", "benchmark", "deterministic", "allow_tf32")],
    "available": lambda t: [t.backends.mps.is_available(), t.cuda.is_available(), t.xpu.is_available(),
                            t.cuda.device_count(), t.accelerator.is_available(), t.accelerator.device_count(),
                            t.mps.is_available() if hasattr(t.mps, "is_available") else False],
    "memory without cuda": lambda t: [t.cuda.memory_allocated(), t.cuda.max_memory_allocated(),
                                      t.cuda.max_memory_reserved(), dict(t.cuda.memory_stats())],
    "capability": lambda t: t.backends.cpu.get_cpu_capability(),
    "precision": lambda t: [t.get_float32_matmul_precision(), t.backends.cuda.matmul.allow_tf32],
    "data parallel": lambda t: [repr(t.nn.DataParallel(t.nn.Linear(2, 3))),
                                list(t.nn.DataParallel(t.nn.Linear(2, 3)).state_dict())],
    "jit": lambda t: [t.jit.is_scripting(), t.jit.is_tracing(), t.compiler.is_compiling(), t.jit.annotate(int, 3)],
    "norm_except_dim": lambda t: [t.norm_except_dim(t.arange(12.0).reshape(2, 3, 2), p, d)
                                  for p in (1, 2) for d in (0, 1, 2, -1)],
    "conv_tbc": lambda t: t.conv_tbc(t.arange(30.0).reshape(5, 2, 3), t.ones(2, 3, 4), t.arange(4.0), 1),
    "native_layer_norm": lambda t: t.native_layer_norm(t.tensor([[1.0, 3.0], [5.0, 11.0]]), [2], None, None, 1e-5),
    "native_group_norm": lambda t: t.native_group_norm(t.arange(24.0).reshape(2, 4, 3), None, None, 2, 4, 3, 2, 1e-5),
    "native_batch_norm": lambda t: t.native_batch_norm(
        t.arange(6.0).reshape(3, 2), t.ones(2), t.zeros(2), None, None, True, 0.1, 1e-5),
    "batch_norm": lambda t: t.batch_norm(t.arange(6.0).reshape(3, 2), t.ones(2), t.zeros(2), t.zeros(2), t.ones(2),
                                         False, 0.1, 1e-5, True),
    "embedding_bag": lambda t: t.embedding_bag(t.arange(12.0).reshape(6, 2), t.tensor([0, 2, 1, 3]),
                                               t.tensor([0, 3]), False, 1)[:3],
    "pools": lambda t: [t.max_pool1d(t.arange(8.0)[None], 2), t.adaptive_max_pool1d(t.arange(4.0)[None], 2),
                        t.max_pool1d_with_indices(t.arange(8.0)[None], 3, 2)],
    "convolution": lambda t: [t.convolution(t.ones(1, 1, 4), t.ones(1, 1, 2), None, [1], [0], [1], tr, [0], 1)
                              for tr in (False, True)],
    "sym": lambda t: [t.sym_max(1, 2.0), t.sym_min(3, 2), t.sym_int(-2.5), t.sym_not(True), t.sym_ite(True, 1, 2)],
    "numbers of versions": lambda t: [t.__version__ >= "2.0", t.__version__ > (1, 13), t.__version__ < "3",
                                      t.__version__.split(".")[:2], type(t.__version__).__name__],
    "defaults": lambda t: [t.get_default_dtype(), t.get_default_device()],
    "assert_close": lambda t: t.testing.assert_close(t.tensor([1.0, 2, 3]), t.tensor([1.0, 2.1, 4])),
    "assert_close, integers": lambda t: t.testing.assert_close(t.tensor([[1, 2]]), t.tensor([[1, 4]])),
    "assert_close, numbers": lambda t: t.testing.assert_close([1.0, 2.0], [1.0, 2.5]),
    "assert_close, a scalar": lambda t: t.testing.assert_close(t.tensor(2), t.tensor(3)),
    "assert_close, nan": lambda t: t.testing.assert_close(t.tensor(float("nan")), t.tensor(float("nan"))),
    "assert_close, keys": lambda t: t.testing.assert_close({"a": 1}, {"b": 1}),
    "assert_close, shapes": lambda t: t.testing.assert_close(t.ones(2), t.ones(3)),
    "assert_close, bool": lambda t: t.testing.assert_close(t.tensor([True, False]), t.tensor([True, True])),
    "assert_close, complex": lambda t: t.testing.assert_close(t.tensor([1 + 1j]), t.tensor([1 + 2j])),
    "assert_close, half": lambda t: t.testing.assert_close(t.tensor([1.0]).half(), t.tensor([1.0005]).half()),
    "assert_close, rtol alone": lambda t: t.testing.assert_close(t.ones(1), t.ones(1), rtol=0.1),
    "get_rank": lambda t: t.distributed.get_rank(),
    "compile of a number": lambda t: t.compile(5),
    "compile, mode and options": lambda t: t.compile(str, mode="default", options={}),
    "compile, unknown mode": lambda t: t.compile(str, mode="x"),
    "narrow_copy": lambda t: t.ones(2, 3).narrow_copy(-5, 0, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    both = Both(PROGRAMS[name])
    same(both.ours, both.theirs)


def same(ours, theirs):
    if isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, tuple) and len(theirs) == 3:  # a tensor
        assert ours[:2] == theirs[:2]
        np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-6, atol=1e-6)
    else:
        assert ours == theirs


ERRORS = {
    "wrong dtype": lambda t: t.LongTensor(t.ones(2)),
    "a number": lambda t: t.FloatTensor(2.5),
    "unknown type": lambda t: t.ones(1).type("torch.Foo"),
    "type without a module": lambda t: t.ones(1).type("FloatTensor"),
    "type of Python": lambda t: t.ones(1).type(int),
    "variable of a list": lambda t: t.autograd.Variable([1.0]),
    "default of integers": lambda t: t.set_default_tensor_type(t.LongTensor),
    "benchmark": lambda t: setattr(t.backends.cudnn, "benchmark", 1),
    "allow_tf32": lambda t: setattr(t.backends.cuda.matmul, "allow_tf32", "x"),
    "unknown setting": lambda t: setattr(t.backends.cuda.matmul, "foo", True),
    "synchronize": lambda t: t.accelerator.synchronize(),
    "assert_close of texts": lambda t: t.testing.assert_close("a", "b"),
    "assert_close of a tensor and a number": lambda t: t.testing.assert_close(t.ones(1), 1.0),
    "embedding_bag mode": lambda t: t.embedding_bag(t.ones(2, 2), t.tensor([0]), t.tensor([0]), mode="sum"),
    "hub source": lambda t: t.hub.load("x", "y", source="disk"),
    "script of a number": lambda t: t.jit.script(5),
    "narrow_copy": lambda t: t.ones(2, 3).narrow_copy(5, 0, 1),
    "freeze in training": lambda t: t.jit.freeze(t.jit.script(t.nn.Linear(1, 1))),
    "make_tensor": lambda t: t.testing.make_tensor(2, dtype=t.int64, device="cpu", low=3, high=3),
    "no such name": lambda t: t.nothing,
}


@pytest.mark.parametrize("name", ERRORS)
def test_types_of_errors(name):
    both = Both(ERRORS[name])
    assert both.ours[0] == both.theirs[0], (both.ours, both.theirs)
    assert re.search(r"\w", both.ours[1])


COMPLETE = ["torch.nn.init", "torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.parallel", "torch.special", "torch.jit",
            "torch.hub", "torch.multiprocessing", "torch.types", "torch.version", "torch.backends.mps", "torch.futures",
            "torch.signal.windows", "torch.optim.lr_scheduler"]  # fmt: skip


@pytest.mark.parametrize("path", COMPLETE)
def test_no_name_is_missing(path):
    assert [name for name, state in names.states(path) if state == "missing"] == []


def test_the_document_of_names_is_up_to_date():
    rows = re.findall(r"^\| `([\w.]+)` \| (\d+) \|", names.DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert [path for path, _ in rows] == names.MODULES
    assert dict(rows)["torch.hub"] == str(len(list(names.states("torch.hub"))))
