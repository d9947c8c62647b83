"""The settings of torch.backends: made, asked for, checked, and undone by their contexts."""

from __future__ import annotations

import importlib

import pytest

import nnlite
from nnlite.nn.attention import SDPBackend, sdpa_kernel

NAMES = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "nnpack", "openmp", "opt_einsum", "quantized"]


@pytest.mark.parametrize("name", NAMES)
def test_attribute_and_import_are_one_module(name):
    assert getattr(nnlite.backends, name) is importlib.import_module(f"nnlite.backends.{name}")
    assert name in dir(nnlite.backends)


def test_unknown_settings_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = nnlite.backends.nothing


@pytest.mark.parametrize("name", ["benchmark", "deterministic", "enabled", "allow_tf32"])
def test_cudnn(name):
    cudnn = nnlite.backends.cudnn
    before = getattr(cudnn, name)
    setattr(cudnn, name, not before)
    assert getattr(cudnn, name) is (not before)
    setattr(cudnn, name, before)
    for wrong in (1, "True", None):
        with pytest.raises(RuntimeError, match=f"cudnn.{name} expects a bool, but got {type(wrong).__name__}"):
            setattr(cudnn, name, wrong)
    assert getattr(cudnn, name) is before


def test_flags_are_undone_after_an_error():
    cudnn = nnlite.backends.cudnn
    with pytest.raises(KeyError), cudnn.flags(enabled=False, benchmark=True, deterministic=True):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (False, True, True)
        raise KeyError
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (True, False, False)


def test_a_wrong_flag_leaves_all_as_they_were():
    cudnn = nnlite.backends.cudnn
    with pytest.raises(RuntimeError, match="deterministic"):
        cudnn.set_flags(_benchmark=True, _deterministic=3)
    assert cudnn.benchmark is False
    assert cudnn.set_flags(_benchmark=True) == (True, False, 10, False, True)
    assert cudnn.set_flags(_benchmark=False)[1] is True


def test_precision_of_products_has_one_place():
    matmul = nnlite.backends.cuda.matmul
    assert (matmul.allow_tf32, matmul.fp32_precision) == (False, "ieee")
    nnlite.set_float32_matmul_precision("high")
    assert (matmul.allow_tf32, matmul.fp32_precision) == (True, "tf32")
    matmul.allow_tf32 = False
    assert nnlite.get_float32_matmul_precision() == "highest"
    with pytest.raises(RuntimeError, match="expects a bool, but got str"):
        matmul.allow_tf32 = "yes"
    for name in ("allow_tf33", "allow"):
        with pytest.raises(AttributeError, match="Unknown attribute"):
            setattr(matmul, name, True)
        with pytest.raises(AttributeError, match="Unknown attribute"):
            getattr(matmul, name)


def test_what_there_is():
    backends = nnlite.backends
    assert backends.cuda.is_built() is (importlib.util.find_spec("cupy") is not None)
    assert not backends.mps.is_available()
    assert backends.cudnn.is_available() is (backends.cudnn.version() is not None)
    assert backends.cpu.get_cpu_capability() in ("AVX512", "AVX2", "DEFAULT")
    assert backends.opt_einsum.get_opt_einsum() is None


def test_opt_einsum_checks_the_strategy():
    opt_einsum = nnlite.backends.opt_einsum
    with opt_einsum.flags(strategy="greedy"):
        assert opt_einsum.strategy == "greedy"
    assert opt_einsum.strategy is None
    with pytest.raises(ValueError, match="must be one of"):
        opt_einsum.set_flags(_strategy="fast")
    with pytest.raises(ValueError, match="not available"):
        opt_einsum.set_flags(_enabled=True)


def test_sdpa_kernel(device):
    cuda = nnlite.backends.cuda
    q = nnlite.randn(1, 2, 5, 4, device=device)
    expected = nnlite.nn.functional.scaled_dot_product_attention(q, q, q)
    with sdpa_kernel([SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION]):
        assert (cuda.math_sdp_enabled(), cuda.flash_sdp_enabled()) == (True, False)
        assert bool((nnlite.nn.functional.scaled_dot_product_attention(q, q, q) == expected).all())
    assert cuda.flash_sdp_enabled()
    for wrong, error in (("math", TypeError), ([0], TypeError), ([], ValueError)):
        with pytest.raises(error), sdpa_kernel(wrong):
            pass
