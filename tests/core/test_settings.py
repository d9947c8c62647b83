"""Settings of the process, versions, storages, and questions about tensors that are no operations."""

from __future__ import annotations

import copy
import ctypes
import itertools

import numpy as np
import pytest

import nnlite
from nnlite.backends.numpy import threads as cpu_threads


@pytest.fixture
def threads():
    before = nnlite.get_num_threads()
    yield
    nnlite.set_num_threads(before)


def test_threads_are_those_of_blas(threads):
    if not list(cpu_threads.openblas()):
        pytest.skip("NumPy's BLAS is not the OpenBLAS of its wheels")
    for n in (1, 2):
        nnlite.set_num_threads(n)
        assert nnlite.get_num_threads() == n
    path = next(cpu_threads.openblas())
    library = ctypes.CDLL(path)
    asks = [getattr(library, f"{p}openblas_get_num_threads{s}", None) for p in ("", "scipy_") for s in ("", "64_")]
    assert {ask() for ask in asks if ask is not None} == {2}


def test_threads_by_threadpoolctl(threads, monkeypatch):
    pytest.importorskip("threadpoolctl")
    nnlite.set_num_threads(1)
    control = cpu_threads._by_threadpoolctl()
    assert control is not None and control[0]() == 1
    control[1](2)
    assert control[0]() == 2


def test_threads_of_an_unknown_blas(monkeypatch):
    monkeypatch.setattr(cpu_threads, "blas_control", lambda: None)
    before = nnlite.get_num_threads()
    with pytest.raises(NotImplementedError, match="threadpoolctl"):
        nnlite.set_num_threads(before + 1)
    assert nnlite.get_num_threads() == before >= 1


@pytest.mark.parametrize("function", [nnlite.set_num_threads, nnlite.set_num_interop_threads])
def test_wrong_numbers_of_threads(function):
    for number in (0, -1, "a", 1.0, True, None):
        with pytest.raises(RuntimeError, match="expects a"):
            function(number)


def test_interop_threads():
    nnlite.set_num_interop_threads(3)
    assert nnlite.get_num_interop_threads() == 1


def test_determinism():
    assert not nnlite.are_deterministic_algorithms_enabled()
    try:
        nnlite.use_deterministic_algorithms(True, warn_only=True)
        assert nnlite.is_deterministic_algorithms_warn_only_enabled() and nnlite.get_deterministic_debug_mode() == 1
        nnlite.set_deterministic_debug_mode("error")
        assert nnlite.are_deterministic_algorithms_enabled()
        assert not nnlite.is_deterministic_algorithms_warn_only_enabled()
        for mode, error in ((3, RuntimeError), ("x", RuntimeError), ([], TypeError)):
            with pytest.raises(error, match="debug_mode"):
                nnlite.set_deterministic_debug_mode(mode)
    finally:
        nnlite.use_deterministic_algorithms(False)
    assert nnlite.get_deterministic_debug_mode() == 0


def test_words_that_are_kept():
    for precision in ("high", "medium", "highest"):
        nnlite.set_float32_matmul_precision(precision)
        assert nnlite.get_float32_matmul_precision() == precision
    nnlite.set_float32_matmul_precision("no such word")
    assert nnlite.get_float32_matmul_precision() == "highest"
    nnlite.set_warn_always(True)
    assert nnlite.is_warn_always_enabled()
    nnlite.set_warn_always(False)
    with pytest.raises(TypeError):
        nnlite.set_warn_always(1)
    assert nnlite.set_flush_denormal(False) and not nnlite.set_flush_denormal(True)


def test_default_tensor_type():
    try:
        for kind, dtype in ((nnlite.DoubleTensor, nnlite.float64), ("torch.HalfTensor", nnlite.float16)):
            nnlite.set_default_tensor_type(kind)
            assert nnlite.ones(1).dtype is dtype and nnlite.get_default_dtype() is dtype
    finally:
        nnlite.set_default_tensor_type("torch.FloatTensor")
    for wrong in (3, nnlite.IntTensor, "torch.LongTensor", "torch.nothing", nnlite.float32):
        with pytest.raises(TypeError, match="floating-point types"):
            nnlite.set_default_tensor_type(wrong)
    assert nnlite.get_default_dtype() is nnlite.float32


def test_versions():
    assert (
        nnlite.version.__version__ == nnlite.__version__
        and nnlite.__version__.endswith(nnlite.version.nnlite)
        and nnlite.version.debug is False
    )
    text = nnlite.__config__.show()
    assert nnlite.version.nnlite in text and np.__version__ in text and "cpu" in text
    assert str(nnlite.get_num_threads()) in nnlite.__config__.parallel_info()


def test_storages(device):
    x = nnlite.arange(6, device=device).reshape(2, 3)
    storage = x.untyped_storage()
    assert storage.nbytes() == len(storage) == 48 and storage.device == x.device and storage.element_size() == 1
    assert storage == x[1].untyped_storage() == x.T.untyped_storage() != x.clone().untyped_storage()
    assert len({storage, x[1].untyped_storage(), x.clone().untyped_storage()}) == 2
    assert storage[0] == 0 and storage.tolist()[8] == 1 and list(storage) == storage.tolist()
    typed = x[1].storage()
    assert typed.dtype is nnlite.int64 and len(typed) == 6 and typed.tolist() == [0, 1, 2, 3, 4, 5]
    assert typed.untyped() == storage and typed.element_size() == 8 and not storage.is_shared()
    assert nnlite.is_storage(storage) and nnlite.is_storage(typed) and not nnlite.is_storage(x)
    assert x.is_set_to(x.detach()) and not x.is_set_to(x.T) and not x.is_set_to(x.clone())
    where = x.device
    assert str(nnlite.tensor([0.5, 2.0], device=device).storage()).splitlines() == [
        " 0.5", " 2.0", f"[torch.storage.TypedStorage(dtype=torch.float32, device={where}) of size 2]"
    ]  # fmt: skip
    printed = str(nnlite.tensor([258], dtype=nnlite.int16, device=device).untyped_storage())
    assert printed.splitlines() == [" 2", " 1", f"[torch.storage.UntypedStorage(device={where}) of size 2]"]
    if device in ("cpu", "cuda"):
        assert storage.data_ptr() == x.data_ptr() == x[1].data_ptr() - 24
    with pytest.raises(NotImplementedError, match="resize"):
        storage.resize_(3)
    with pytest.raises(NotImplementedError, match="empty"):
        nnlite.UntypedStorage(3)


def test_shallow_copies(device):
    x = nnlite.ones(3, device=device)
    twin = copy.copy(x)
    twin[0] = 5
    assert x.tolist() == [5, 1, 1] and twin is not x
    leaf = nnlite.ones(2, device=device, requires_grad=True)
    other = copy.copy(leaf)
    assert other.is_leaf and other.requires_grad
    (other * 2).sum().backward()
    assert leaf.grad is None and other.grad.tolist() == [2, 2]
    y = leaf * 3
    (g,) = nnlite.autograd.grad(copy.copy(y).sum(), leaf)
    assert g.tolist() == [3, 3]


def test_elements_mapped(device):
    x, y = nnlite.tensor([[1.0, 2.0], [3.0, 4.0]], device=device), nnlite.tensor([10.0, 20.0], device=device)
    if device != "cpu":
        with pytest.raises(TypeError, match="CPU"):
            x.apply_(abs)
        return
    assert x.apply_(lambda v: v + 1).tolist() == [[2, 3], [4, 5]]
    assert x.map_(y, lambda a, b: a * b).tolist() == [[20, 60], [40, 100]]
    with pytest.raises(RuntimeError, match="requires grad"):
        nnlite.ones(2, requires_grad=True).apply_(abs)


def test_dense_tensors_only(device):
    x = nnlite.ones(2, 3, device=device)
    assert x.layout is nnlite.strided and x.to_dense() is x and not x.is_sparse and x.name is None
    assert x.to_dense(nnlite.float64).dtype is nnlite.float64
    for name in ("coalesce", "indices", "values", "crow_indices", "row_indices"):
        with pytest.raises(RuntimeError, match=f"{name} expected sparse"):
            getattr(x, name)()
    with pytest.raises(NotImplementedError, match="nonzero"):
        x.to_sparse()


def test_questions(device):
    x = nnlite.ones(2, 3, device=device)
    assert x.is_same_size(x + 1) and not nnlite.is_same_size(x, x.T)
    assert nnlite.is_signed(x) and nnlite.get_device(x) == x.get_device() and not nnlite.is_inference(x)
    assert x.T.dim_order() == (1, 0) and not x.is_pinned() and not x.is_distributed()
    assert nnlite.ones(1, device=device).is_nonzero() and not nnlite.detach(x.requires_grad_()).requires_grad
    assert [v.tolist() for v in reversed(nnlite.arange(4, device=device).reshape(2, 2))] == [[3, 2], [1, 0]]
    for function in (nnlite.is_signed, nnlite.get_device, nnlite.is_inference, nnlite.detach):
        with pytest.raises(TypeError, match="must be Tensor, not int"):
            function(3)


def test_types_of_results(device):
    i, f = nnlite.ones(2, dtype=nnlite.int32, device=device), nnlite.ones((), device=device)
    assert nnlite.result_type(i, f) is nnlite.float32 and nnlite.result_type(i, 1) is nnlite.int32
    assert nnlite.result_type(1, 1j) is nnlite.complex64
    with pytest.raises(TypeError, match="result_type"):
        nnlite.result_type(i, "a")


def test_casts():
    order = (nnlite.bool, nnlite.int8, nnlite.float16, nnlite.complex64)
    for a, b in itertools.product(order, order):
        assert nnlite.can_cast(a, b) == (order.index(a) <= order.index(b))
    assert nnlite.can_cast(nnlite.int64, nnlite.uint8)
    with pytest.raises(TypeError, match="can_cast"):
        nnlite.can_cast(nnlite.int64, "int8")
