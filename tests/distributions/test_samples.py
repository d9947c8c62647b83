"""Samples: shapes, dtypes, supports, moments, and the gradients of their means."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnlite
import nnlite.distributions as d

N = 8000


def t(values, device, dtype=nnlite.float32, **options):
    return nnlite.tensor(values, device=device, dtype=dtype, **options)


PAIR = {
    "Normal": ([0.5, -1.0], [1.0, 2.0]),
    "Laplace": ([0.5, -1.0], [1.0, 2.0]),
    "Uniform": ([0.5, -1.0], [1.0, 2.0]),
    "Gamma": ([0.5, 3.0], [1.0, 2.0]),
    "Beta": ([0.5, 3.0], [1.0, 2.0]),
    "FisherSnedecor": ([4.0, 3.0], [12.0, 15.0]),
    "Gumbel": ([0.5, -1.0], [1.0, 2.0]),
    "Weibull": ([0.5, 1.0], [2.0, 1.5]),
    "Pareto": ([0.5, 1.0], [6.0, 8.0]),
    "Kumaraswamy": ([0.5, 2.0], [1.0, 2.0]),
    "InverseGamma": ([6.0, 8.0], [1.0, 2.0]),
    "LogNormal": ([0.5, -1.0], [0.3, 0.5]),
}
ONE = {
    "Exponential": [0.5, 2.0],
    "Poisson": [0.5, 30.0],
    "Chi2": [1.0, 5.0],
    "HalfNormal": [0.5, 2.0],
    "Bernoulli": [0.2, 0.7],
    "Geometric": [0.2, 0.7],
    "ContinuousBernoulli": [0.2, 0.5],
}


def made(name, device, dtype=nnlite.float32):
    """The distribution of a name with some parameters."""
    if name in PAIR:
        return getattr(d, name)(*(t(v, device, dtype) for v in PAIR[name]))
    if name in ONE:
        return getattr(d, name)(t(ONE[name], device, dtype))
    probs = t([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], device, dtype)
    mean, factor = t([[0.5, -1.0], [0.0, 2.0]], device, dtype), t([[1.0, 0.0], [0.5, 2.0]], device, dtype)
    return {
        "StudentT": lambda: d.StudentT(t([8.0, 20.0], device, dtype), 1.0, 2.0),
        "Dirichlet": lambda: d.Dirichlet(t([[0.5, 1.0, 2.0], [3.0, 3.0, 3.0]], device, dtype)),
        "OneHotCategorical": lambda: d.OneHotCategorical(probs),
        "Multinomial": lambda: d.Multinomial(7, probs),
        "Binomial": lambda: d.Binomial(t([3, 40], device, dtype), t([0.3, 0.6], device, dtype)),
        "NegativeBinomial": lambda: d.NegativeBinomial(t([3, 4.5], device, dtype), t([0.3, 0.6], device, dtype)),
        "MultivariateNormal": lambda: d.MultivariateNormal(mean, scale_tril=factor),
        "LowRankMultivariateNormal": lambda: d.LowRankMultivariateNormal(
            mean, factor[:, :1], t([1.0, 0.5], device, dtype)
        ),
        "GeneralizedPareto": lambda: d.GeneralizedPareto(0.5, t([1.0, 2.0], device, dtype), 0.1),
        "Wishart": lambda: d.Wishart(t([5.0, 8.0], device, dtype), scale_tril=factor),
        "MixtureSameFamily": lambda: d.MixtureSameFamily(
            d.Categorical(probs), d.Normal(t([[0.0, 5.0, -5.0]] * 2, device, dtype), 1.0)
        ),
        "Independent": lambda: d.Independent(d.Normal(mean, 1.0), 1),
    }[name]()


NAMES = [*PAIR, *ONE, "StudentT", "Dirichlet", "OneHotCategorical", "Multinomial", "Binomial", "NegativeBinomial",
         "MultivariateNormal", "LowRankMultivariateNormal", "GeneralizedPareto", "Wishart", "MixtureSameFamily",
         "Independent"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_moments(name, device):
    distribution = made(name, device)
    sample = distribution.sample((N,))
    assert not sample.requires_grad and sample.dtype is nnlite.float32 and sample.device.type == device
    assert sample.shape == (N, *distribution.batch_shape, *distribution.event_shape)
    assert bool(distribution.support.check(sample).all())
    x = sample.double().cpu().numpy()
    mean, variance = (v.double().cpu().numpy() for v in (distribution.mean, distribution.variance))
    # Six standard errors: of the mean, and of the variance by the sample's fourth moment.
    assert (np.abs(x.mean(0) - mean) <= 6 * np.sqrt(variance / N) + 1e-6).all()
    spread = np.sqrt(((x - mean) ** 2).var(0) / N)
    assert (np.abs(x.var(0) - variance) <= 6 * spread + 36 * variance / N + 1e-6).all()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("Wishart", "MixtureSameFamily")])
def test_small_samples_and_float64(name, device):
    distribution = made(name, device, nnlite.float64)
    for shape in ((), (0,), (2, 0), (1, 3)):
        sample = distribution.sample(shape)
        assert sample.shape == (*shape, *distribution.batch_shape, *distribution.event_shape)
        assert sample.dtype is nnlite.float64
        assert distribution.log_prob(sample).shape == (*shape, *distribution.batch_shape)


CONTINUOUS = ["Normal", "Laplace", "Uniform", "Gumbel", "Weibull", "Pareto", "Kumaraswamy", "LogNormal", "Exponential",
              "HalfNormal", "ContinuousBernoulli", "Gamma", "GeneralizedPareto"]  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_samples_follow_the_cdf(name, device):
    distribution = made(name, device)
    u = np.sort(distribution.cdf(distribution.sample((N,))).cpu().numpy(), axis=0)
    apart = np.abs(u - (np.arange(N)[:, None] + 0.5) / N).max(0)
    assert (apart * math.sqrt(N) < 2.0).all()  # Kolmogorov-Smirnov: 1e-3 for larger ones


@pytest.mark.parametrize("kind", ["Cauchy", "HalfCauchy", "VonMises", "RelaxedBernoulli"])
def test_samples_of_distributions_without_moments(kind, device):
    one = t([0.5, 2.0], device)
    if kind in ("Cauchy", "HalfCauchy"):
        distribution = d.Cauchy(0.5, one) if kind == "Cauchy" else d.HalfCauchy(one)
        median = distribution.icdf(t([0.5, 0.5], device))
        below = (distribution.sample((N,)) < median).float().mean(0)
        assert bool(((below - 0.5).abs() < 0.02).all())
    elif kind == "VonMises":
        angles = d.VonMises(t([1.0, -3.0], device), one).sample((N,))
        assert bool(((angles >= -math.pi) & (angles < math.pi)).all())
        direction = nnlite.atan2(angles.sin().mean(0), angles.cos().mean(0)).cpu().numpy()
        assert abs(np.exp(1j * direction) - np.exp(1j * np.array([1.0, -3.0]))).max() < 0.1
        length = (angles.cos().mean(0) ** 2 + angles.sin().mean(0) ** 2).sqrt().cpu().numpy()
        np.testing.assert_allclose(length, [0.2425, 0.6978], atol=0.02)  # I_1 / I_0 at 0.5 and 2
    else:
        sample = d.RelaxedBernoulli(t(0.1, device), t([0.2, 0.7], device)).sample((N,))
        np.testing.assert_allclose((sample > 0.5).float().mean(0).cpu().numpy(), [0.2, 0.7], atol=0.02)


def test_categorical_frequencies(device):
    drawn = d.Categorical(t([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], device)).sample((N,))
    assert drawn.dtype is nnlite.int64
    for row, wanted in enumerate([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]]):
        counts = np.bincount(drawn[:, row].cpu().numpy(), minlength=3)
        np.testing.assert_allclose(counts / N, wanted, atol=0.02)


def test_relaxed_one_hot_prefers_the_probable(device):
    sample = d.RelaxedOneHotCategorical(t(0.2, device), t([0.1, 0.2, 0.7], device)).sample((N,))
    np.testing.assert_allclose(sample.sum(-1).cpu().numpy(), 1, rtol=1e-5)
    chosen = np.bincount(sample.argmax(-1).cpu().numpy(), minlength=3) / N
    np.testing.assert_allclose(chosen, [0.1, 0.2, 0.7], atol=0.02)


@pytest.mark.parametrize("concentration", [0.6, 1.0, 4.0])
def test_lkj_correlations(concentration, device):
    """A correlation r of (n, n) has the density (1 - r^2)^(c - 2 + n / 2): (1 + r) / 2 is a symmetric beta number."""
    factor = d.LKJCholesky(3, t(concentration, device)).sample((N,))
    assert bool(d.constraints.corr_cholesky.check(factor).all())
    r = (factor @ factor.mT)[:, 2, 1].cpu().numpy()
    assert abs(r.mean()) < 0.02
    assert abs(r.var() - 1 / (2 * (concentration + 0.5) + 1)) < 0.02


def test_straight_through_has_the_gradient_of_the_probabilities(device):
    logits = t([0.3, -0.2, 0.1], device, requires_grad=True)
    sample = d.OneHotCategoricalStraightThrough(logits=logits).rsample()
    np.testing.assert_allclose(sample.detach().max().item(), 1, rtol=1e-6)
    (sample * t([1.0, 2.0, 3.0], device)).sum().backward()
    p = np.exp([0.3, -0.2, 0.1]) / np.exp([0.3, -0.2, 0.1]).sum()
    np.testing.assert_allclose(logits.grad.cpu().numpy(), p * (np.array([1, 2, 3]) - p @ [1, 2, 3]), rtol=1e-5)


@pytest.mark.parametrize("name", [*PAIR, "Exponential", "Chi2", "HalfNormal"])
def test_gradients_of_means(name, device):
    """The mean gradient of samples is the gradient of the mean."""
    values = PAIR.get(name) or (ONE[name],)
    parameters = [t(v, device, nnlite.float64, requires_grad=True) for v in values]
    distribution = getattr(d, name)(*parameters)
    n = 4000
    by_samples = nnlite.autograd.grad(distribution.rsample((n,)).mean(0).sum(), parameters, retain_graph=True)
    exact = nnlite.autograd.grad(distribution.mean.sum(), parameters, allow_unused=True)
    for found, wanted in zip(by_samples, exact, strict=True):
        wanted = np.zeros(2) if wanted is None else wanted.cpu().numpy()
        np.testing.assert_allclose(found.cpu().numpy(), wanted, rtol=0.2, atol=0.05)


def test_dirichlet_gradient_by_the_mean(device):
    c = t([0.5, 1.0, 2.0], device, nnlite.float64, requires_grad=True)
    (found,) = nnlite.autograd.grad(d.Dirichlet(c).rsample((10000,)).mean(0)[0], c)
    (wanted,) = nnlite.autograd.grad(d.Dirichlet(c).mean[0], c)
    np.testing.assert_allclose(found.cpu().numpy(), wanted.cpu().numpy(), atol=0.01)


def test_the_same_seed_gives_the_same_samples(device):
    scale, weights = t(0.3, device), t([1.0, 2.0], device)
    for distribution in (d.Normal(0.0, scale), d.Gamma(scale, 1.0), d.Categorical(weights)):
        found = []
        for _ in range(2):
            nnlite.manual_seed(7)
            found.append(distribution.sample((5,)).cpu().numpy())
        assert (found[0] == found[1]).all()
