"""The base class, expansion, registration, caches and imports."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import nnlite
import nnlite.distributions as d
from nnlite.distributions import Normal, constraints
from nnlite.distributions.distribution import Distribution


def test_importing_nnlite_does_not_import_distributions():
    code = (
        "import sys, nnlite; assert 'nnlite.distributions' not in sys.modules; "
        "print(nnlite.distributions.Normal(0.0, 1.0).mean); assert 'nnlite.distributions' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "tensor(0.)\n", done.stderr


def test_modules_have_pytorchs_names():
    from nnlite.distributions.kl import kl_divergence
    from nnlite.distributions.studentT import StudentT
    from nnlite.distributions.transforms import TanhTransform
    from nnlite.distributions.utils import broadcast_all

    assert kl_divergence is d.kl_divergence and StudentT is d.StudentT and TanhTransform is d.TanhTransform
    assert [v.shape for v in broadcast_all(1, nnlite.zeros(2))] == [(2,), (2,)]


def test_checks_can_be_turned_off():
    assert Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    try:
        Distribution.set_default_validate_args(False)
        assert Normal(0.0, -1.0).stddev.item() == -1
    finally:
        Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="scale"):
        Normal(0.0, -1.0)
    with pytest.raises(ValueError, match="True or False"):
        Distribution.set_default_validate_args(3)


class Mine(Normal):
    """A subclass with an __init__ of its own."""

    def __init__(self, loc):
        super().__init__(loc, 2.0)
        self.extra = loc


class Expands(Mine):
    """One that says how it is expanded."""

    def expand(self, batch_shape, _instance=None):
        new = self._get_checked_instance(Expands, _instance)
        new.extra = self.extra
        return super().expand(batch_shape, _instance=new)


def test_subclasses():
    with pytest.raises(NotImplementedError, match="Subclass Mine of Normal that defines a custom __init__"):
        Mine(0.0).expand((2,))
    expanded = Expands(1.0).expand((2,))
    assert expanded.extra == 1.0 and expanded.scale.shape == (2,) and type(expanded) is Expands


def test_a_distribution_by_itself():
    class Die(Distribution):
        arg_constraints = {}  # noqa: RUF012
        support = constraints.integer_interval(1, 6)

        def log_prob(self, value):
            return -self._checked(value).double().new_tensor(6.0).log()

    np.testing.assert_allclose(Die().log_prob(nnlite.tensor(3)).item(), -np.log(6))
    with pytest.raises(ValueError, match="support"):
        Die().log_prob(nnlite.tensor(7))
    for call in (Die().sample, Die().entropy, lambda: Die().mean, lambda: Die().stddev, lambda: Die().expand((2,))):
        with pytest.raises(NotImplementedError):
            call()


def test_missing_constraints_are_warned_of():
    with pytest.warns(UserWarning, match="does not define `arg_constraints`"):
        Distribution()


def test_expanded_parameters_are_views(device):
    loc = nnlite.zeros(3, device=device)
    expanded = Normal(loc, 1.0).expand((4, 3))
    assert expanded.loc.stride() == (0, 1) and expanded.sample((2,)).shape == (2, 4, 3)
    with pytest.raises(RuntimeError):
        Normal(loc, 1.0).expand((4, 2))


def test_a_lazy_parameter_is_worked_out_once(device):
    b = d.Bernoulli(nnlite.tensor([0.5, 0.2], device=device, requires_grad=True))
    assert "logits" not in vars(b)
    with nnlite.no_grad():
        logits = b.logits
    assert b.logits is logits and logits.requires_grad  # as if asked for outside


@pytest.mark.parametrize(
    "make",
    [
        lambda: Normal(0.0, 1.0),
        lambda: d.Gumbel(0.0, 1.0),
        lambda: d.TransformedDistribution(Normal(0.0, 1.0), d.AffineTransform(1.0, 2.0)),
        lambda: d.Multinomial(3, nnlite.ones(2)),
    ],
)
def test_copies_and_pickles(make):
    original = make()
    value = original.sample()
    for other in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert other.log_prob(value).tolist() == original.log_prob(value).tolist()


def test_a_cache_gives_back_the_argument(device):
    x = nnlite.randn(3, device=device)
    kept, forgotten = d.TanhTransform(cache_size=1), d.TanhTransform()
    assert kept.inv(kept(x)) is x and kept(x) is kept(x)
    assert forgotten.inv(forgotten(x)) is not x
    assert kept.with_cache(0)._cache_size == 0 and kept.with_cache(1) is kept
    assert forgotten.inv.inv is forgotten


def test_a_transform_says_that_it_has_no_density():
    with pytest.raises(NotImplementedError):
        d.TransformedDistribution(Normal(nnlite.zeros(2), 1.0), d.SoftmaxTransform()).log_prob(nnlite.ones(2) / 2)


class Left(Normal):
    """For an ambiguity."""


def test_ambiguous_divergences_are_warned_of():
    registry, memory = dict(d.kl._KL_REGISTRY), dict(d.kl._KL_MEMOIZE)
    try:
        d.register_kl(Left, Normal)(lambda p, q: "first")
        d.register_kl(Normal, Left)(lambda p, q: "second")
        with pytest.warns(RuntimeWarning, match="Ambiguous kl_divergence"):
            assert d.kl_divergence(Left(0.0, 1.0), Left(0.0, 1.0)) == "first"
        assert d.kl_divergence(Left(0.0, 1.0), Normal(0.0, 1.0)) == "first"
    finally:
        d.kl._KL_REGISTRY.clear(), d.kl._KL_REGISTRY.update(registry)
        d.kl._KL_MEMOIZE.clear(), d.kl._KL_MEMOIZE.update(memory)
    with pytest.raises(TypeError, match="type_p"):
        d.register_kl(int, Normal)


PAIRS = [
    (lambda t: d.Beta(t(2.0), 3.0), lambda t: d.ContinuousBernoulli(t(0.3))),
    (lambda t: d.Exponential(t(2.0)), lambda t: d.Gumbel(t(0.5), 1.5)),
    (lambda t: d.Gamma(t(2.0), 1.5), lambda t: d.Normal(t(0.5), 1.5)),
    (lambda t: d.Normal(t(1.0), 0.5), lambda t: d.Laplace(t(0.5), 1.5)),
    (lambda t: d.Uniform(t(0.2), 0.9), lambda t: d.Beta(t(0.5), 1.5)),
    (lambda t: d.Bernoulli(t(0.2)), lambda t: d.Poisson(t(0.5))),
]


@pytest.mark.parametrize("pair", range(len(PAIRS)))
def test_divergences_by_samples(pair, device):
    p, q = (make(lambda v: nnlite.tensor(v, device=device)) for make in PAIRS[pair])
    sample = p.sample((40000,))
    estimate = p.log_prob(sample) - q.log_prob(sample)
    error = 6 * estimate.std() / 200
    assert abs(d.kl_divergence(p, q) - estimate.mean()).item() < error.item() + 1e-4


def test_no_warnings_in_ordinary_use(device):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        normal = Normal(nnlite.zeros(2, device=device), 1.0)
        normal.log_prob(normal.rsample((3,))).sum()
    with pytest.warns(UserWarning, match="sample_n"):
        assert normal.sample_n(3).shape == (3, 2)


def test_generalized_pareto_without_concentration_is_exponential(device):
    x = nnlite.tensor([0.5, 2.0], device=device, dtype=nnlite.float64)
    zero = nnlite.zeros((), device=device, dtype=nnlite.float64)
    tail, exponential = d.GeneralizedPareto(zero, 2.0, zero), d.Exponential(zero + 0.5)
    for name in ("log_prob", "cdf"):
        np.testing.assert_allclose(getattr(tail, name)(x).cpu(), getattr(exponential, name)(x).cpu(), rtol=1e-12)


def test_singular_wishart_samples_are_warned_of(device):
    with pytest.warns(UserWarning, match="Low df values"):
        wishart = d.Wishart(nnlite.tensor(1.5, device=device), nnlite.eye(2, device=device))
    assert wishart.rsample().shape == (2, 2)


def test_categorical_of_impossible_categories(device):
    probs = nnlite.tensor([0.0, 1.0], device=device)
    assert d.Categorical(probs).entropy().item() == pytest.approx(0, abs=1e-5)
    certain = d.kl_divergence(d.Categorical(probs), d.Categorical(probs.flip(0)))
    assert certain.item() == float("inf")


def test_triangles(device):
    vec = nnlite.arange(6, device=device)
    for diag, size in ((0, 3), (-1, 4)):
        matrix = d.utils.vec_to_tril_matrix(vec, diag)
        assert matrix.shape == (size, size)
        assert d.utils.tril_matrix_to_vec(matrix, diag).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="lower triangular"):
        d.utils.vec_to_tril_matrix(vec[:5])
    with pytest.raises(ValueError, match="outside"):
        d.utils.tril_matrix_to_vec(nnlite.eye(2, device=device), 2)


def test_divergence_of_supports_that_end_together(device):
    unit, half = (
        d.Uniform(0.0, nnlite.ones((), device=device)),
        d.ContinuousBernoulli(nnlite.tensor(0.5, device=device)),
    )
    assert d.kl_divergence(unit, half).item() == pytest.approx(0, abs=1e-6)
    assert d.kl_divergence(half, unit).item() == pytest.approx(0, abs=1e-6)
