"""Distributions against PyTorch's: every number that follows from the parameters, its gradients, texts and errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nnlite

torch = pytest.importorskip("torch")

BATCH = (2, 3)
RULES = {
    "real": lambda r, *s: r.normal(size=s),
    "positive": lambda r, *s: r.uniform(0.3, 3, s),
    "large": lambda r, *s: r.uniform(4.5, 9, s),
    "unit": lambda r, *s: r.uniform(0.05, 0.95, s),
    "simplex": lambda r, *s: r.dirichlet(np.ones(s[-1]), s[:-1]),
    "count": lambda r, *s: r.integers(5, 9, s).astype(float),
    "same_count": lambda r, *s: np.full(s, 6.0),
    "low": lambda r, *s: r.uniform(-2, -1, s),
    "high": lambda r, *s: r.uniform(1, 2, s),
    "tril": lambda r, *s: np.tril(r.normal(size=s), -1) + np.eye(s[-1]) * r.uniform(0.5, 1.5, s),
    "covariance": lambda r, *s: (lambda m: m @ m.swapaxes(-1, -2) + np.eye(s[-1]))(r.normal(size=s)),
}
"""How parameters are drawn: of a NumPy generator and the shape."""

V, M = (*BATCH, 3), (*BATCH, 3, 3)
SIMPLE = {
    "Normal": {"loc": "real", "scale": "positive"},
    "Laplace": {"loc": "real", "scale": "positive"},
    "Cauchy": {"loc": "real", "scale": "positive"},
    "Uniform": {"low": "low", "high": "high"},
    "Exponential": {"rate": "positive"},
    "Gamma": {"concentration": "positive", "rate": "positive"},
    "Chi2": {"df": "positive"},
    "Beta": {"concentration1": "positive", "concentration0": "positive"},
    "FisherSnedecor": {"df1": "positive", "df2": "large"},
    "StudentT": {"df": "large", "loc": "real", "scale": "positive"},
    "Poisson": {"rate": "positive"},
    "Bernoulli": {"probs": "unit"},
    "Geometric": {"probs": "unit"},
    "Binomial": {"total_count": "same_count", "probs": "unit"},
    "NegativeBinomial": {"total_count": "count", "probs": "unit"},
    "ContinuousBernoulli": {"probs": "unit"},
    "LogNormal": {"loc": "real", "scale": "positive"},
    "HalfNormal": {"scale": "positive"},
    "HalfCauchy": {"scale": "positive"},
    "Gumbel": {"loc": "real", "scale": "positive"},
    "Weibull": {"scale": "positive", "concentration": "high"},
    "Pareto": {"scale": "positive", "alpha": "large"},
    "Kumaraswamy": {"concentration1": "high", "concentration0": "high"},
    "InverseGamma": {"concentration": "large", "rate": "positive"},
    "VonMises": {"loc": "real", "concentration": "positive"},
    "GeneralizedPareto": {"loc": "real", "scale": "positive", "concentration": "unit"},
    "RelaxedBernoulli": {"temperature": "positive", "probs": "unit"},
}
VECTORS = {
    "Dirichlet": {"concentration": ("positive", V)},
    "Categorical": {"probs": ("simplex", V)},
    "OneHotCategorical": {"probs": ("simplex", V)},
    "OneHotCategoricalStraightThrough": {"probs": ("simplex", V)},
    "Multinomial": {"probs": ("simplex", V)},
    "RelaxedOneHotCategorical": {"temperature": ("positive", ()), "probs": ("simplex", V)},
    "LogisticNormal": {"loc": ("real", V), "scale": ("positive", V)},
    "MultivariateNormal": {"loc": ("real", V), "covariance_matrix": ("covariance", M)},
    "LowRankMultivariateNormal": {
        "loc": ("real", V),
        "cov_factor": ("real", (*V, 2)),
        "cov_diag": ("positive", V),
    },
    "Wishart": {"df": ("large", BATCH), "covariance_matrix": ("covariance", M)},
    "LKJCholesky": {"concentration": ("positive", BATCH)},
}
OTHER_FORMS = {
    "Bernoulli of logits": ("Bernoulli", {"logits": ("real", BATCH)}),
    "Geometric of logits": ("Geometric", {"logits": ("real", BATCH)}),
    "Binomial of logits": ("Binomial", {"total_count": ("same_count", BATCH), "logits": ("real", BATCH)}),
    "NegativeBinomial of logits": ("NegativeBinomial", {"total_count": ("count", BATCH), "logits": ("real", BATCH)}),
    "ContinuousBernoulli of logits": ("ContinuousBernoulli", {"logits": ("real", BATCH)}),
    "Categorical of logits": ("Categorical", {"logits": ("real", V)}),
    "Multinomial of logits": ("Multinomial", {"logits": ("real", V)}),
    "OneHotCategorical of logits": ("OneHotCategorical", {"logits": ("real", V)}),
    "RelaxedBernoulli of logits": ("RelaxedBernoulli", {"temperature": ("positive", ()), "logits": ("real", BATCH)}),
    "MultivariateNormal of a factor": ("MultivariateNormal", {"loc": ("real", V), "scale_tril": ("tril", (3, 3))}),
    "MultivariateNormal of a precision": (
        "MultivariateNormal",
        {"loc": ("real", (3,)), "precision_matrix": ("covariance", M)},
    ),
    "Wishart of a factor": ("Wishart", {"df": ("large", ()), "scale_tril": ("tril", M)}),
    "Wishart of a precision": ("Wishart", {"df": ("large", BATCH), "precision_matrix": ("covariance", (3, 3))}),
    "GeneralizedPareto with an end": (
        "GeneralizedPareto",
        {"loc": ("real", BATCH), "scale": ("positive", BATCH), "concentration": ("low", BATCH)},
    ),
    "Normal that broadcasts": ("Normal", {"loc": ("real", (2, 1)), "scale": ("positive", (3,))}),
}
EXTRA = {"Multinomial": {"total_count": 5}, "LKJCholesky": {"dim": 3}}
CASES = {name: (name, {p: (rule, BATCH) for p, rule in given.items()}) for name, given in SIMPLE.items()}
CASES |= {name: (name, given) for name, given in VECTORS.items()} | OTHER_FORMS
CASES["RelaxedBernoulli"][1]["temperature"] = ("positive", ())
"""Name of the case -> class and its parameters with their rules and shapes."""


def drawn(case, seed=0, dtype="float64"):
    """NumPy arrays of the parameters of a case."""
    random = np.random.default_rng(seed)
    return {p: RULES[rule](random, *shape) for p, (rule, shape) in CASES[case][1].items()}


def both(case, seed=0, dtype="float64", device="cpu", grad=False):
    """The distribution in PyTorch and here, with the tensors of its parameters."""
    name, arrays = CASES[case][0], drawn(case, seed)
    theirs = {p: torch.tensor(a, dtype=getattr(torch, dtype), requires_grad=grad) for p, a in arrays.items()}
    ours = {
        p: nnlite.tensor(a, dtype=getattr(nnlite, dtype), device=device, requires_grad=grad) for p, a in arrays.items()
    }
    extra = EXTRA.get(name, {})
    return (
        (getattr(torch.distributions, name)(**extra, **theirs), theirs),
        (getattr(nnlite.distributions, name)(**extra, **ours), ours),
    )


def outcome(f):
    """The result as an array or text, or the type and text of what was raised."""
    try:
        result = f()
    except Exception as error:
        return type(error).__name__, _without_device(str(error))
    if hasattr(result, "detach"):
        return result.detach().cpu().numpy()
    return _without_device(repr(result))


def _without_device(text):
    return text.replace(", device='strict'", "")


def assert_same(ours, theirs, rtol=1e-9, atol=1e-9, what=""):
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple), (what, ours, theirs)
        assert ours[0] == theirs[0], (what, ours, theirs)
        return
    if isinstance(theirs, str):
        assert ours == theirs, what
        return
    assert not isinstance(ours, tuple), (what, ours)
    assert ours.dtype == theirs.dtype, (what, ours.dtype, theirs.dtype)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=what)


PROPERTIES = ["mean", "mode", "variance", "stddev", "batch_shape", "event_shape", "support", "has_rsample",
              "has_enumerate_support", "param_shape", "scale_tril", "covariance_matrix", "precision_matrix", "probs",
              "logits"]  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_properties_and_texts(case, device):
    (p, _), (q, _) = both(case, device=device)
    assert repr(q) == repr(p)
    for name in PROPERTIES:
        if hasattr(type(p), name):
            rough = 1e-9 if case != "VonMises" else 1e-7  # theirs is a polynomial
            assert_same(outcome(lambda name=name: getattr(q, name)), outcome(lambda name=name: getattr(p, name)),
                        rtol=rough, what=name)  # fmt: skip
    rough = dict.fromkeys(("rtol", "atol"), 1e-9 if "Multinomial" not in case else 1e-6)  # theirs is partly in float32
    for method in ("entropy", "perplexity", "enumerate_support"):
        assert_same(outcome(getattr(q, method)), outcome(getattr(p, method)), what=method, **rough)
    if "Multinomial" not in case:  # PyTorch's has no entropy once it is expanded
        p, q = p.expand((4, *BATCH)), q.expand((4, *BATCH))
    assert repr(q) == repr(p)
    assert_same(outcome(q.entropy), outcome(p.entropy), **rough)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_functions_of_values_and_their_gradients(case, dtype, device):
    if case.startswith("GeneralizedPareto") and dtype == "float64":
        return _generalized_pareto_is_as_in_float32(case, device)  # PyTorch's raises an error of mixed dtypes
    (p, theirs), (q, ours) = both(case, 1, dtype, device, grad=True)
    torch.manual_seed(0)
    sample = p.sample((4,))
    tolerance = {"rtol": 2e-3, "atol": 2e-4} if dtype == "float32" else {"rtol": 1e-7, "atol": 1e-8}
    if case == "VonMises":
        tolerance = {"rtol": 2e-3, "atol": 2e-4} if dtype == "float32" else {"rtol": 1e-5, "atol": 1e-6}
    for name in ("log_prob", "cdf", "log_cdf"):
        if hasattr(p, name):
            _compare(name, getattr(p, name), getattr(q, name), sample, theirs, ours, device, tolerance)
    chances = torch.tensor(np.random.default_rng(2).uniform(0.05, 0.95, (4, *p.batch_shape)), dtype=sample.dtype)
    _compare("icdf", p.icdf, q.icdf, chances, theirs, ours, device, tolerance)
    _compare("entropy", lambda _: p.entropy(), lambda _: q.entropy(), sample, theirs, ours, device, tolerance)


def _generalized_pareto_is_as_in_float32(case, device):
    (p, _), (_, _) = both(case, 1, "float32", device)
    (_, _), (q, _) = both(case, 1, "float64", device)
    value = p.loc + 0.3 * p.scale
    for name in ("log_prob", "cdf", "log_cdf", "log_survival_function"):
        ours = getattr(q, name)(nnlite.tensor(value.numpy(), device=device))
        assert ours.dtype is nnlite.float64
        np.testing.assert_allclose(ours.cpu().numpy(), getattr(p, name)(value).numpy(), rtol=1e-4, atol=1e-5)


def _compare(what, f, g, value, theirs, ours, device, tolerance):
    expected = outcome(lambda: f(value))
    result = outcome(lambda: g(nnlite.tensor(value.numpy(), device=device)))
    assert_same(result, expected, what=what, **tolerance)
    if isinstance(expected, tuple):
        return
    x, y = f(value), g(nnlite.tensor(value.numpy(), device=device))
    if not x.requires_grad:
        return
    # Properties such as logits are worked out once, so that several results share a part of the graph.
    gx = _gradients(torch, x, theirs)
    gy = _gradients(nnlite, y, ours)
    assert (gx is None) == (gy is None), what
    if gx is None or gy is None:
        return
    for name, a, b in zip(theirs, gx, gy, strict=True):
        a = torch.zeros_like(theirs[name]) if a is None else a
        b = nnlite.zeros_like(ours[name]) if b is None else b
        a, b = a.numpy(), b.cpu().numpy()
        if name == "scale_tril":  # a triangle, above which PyTorch's Wishart makes up a gradient
            a, b = np.tril(a), np.tril(b)
        if "covariance" in name or "precision" in name:  # of symmetric matrices: the gradient's symmetric part counts
            a, b = a + a.swapaxes(-1, -2), b + b.swapaxes(-1, -2)
        np.testing.assert_allclose(b, a, err_msg=f"{what} by {name}", **tolerance)


def _gradients(package, result, parameters):
    """The gradients; None where the derivative is not known, as that of the incomplete gamma function is."""
    try:
        return package.autograd.grad(result.sum(), list(parameters.values()), allow_unused=True, retain_graph=True)
    except NotImplementedError:
        return None


KL_NAMES = sorted({a.__name__ for pair in torch.distributions.kl._KL_REGISTRY for a in pair}
                  & {name for name, _ in CASES.values()})  # fmt: skip


@pytest.mark.parametrize("p", KL_NAMES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergences(p, device):
    for q in KL_NAMES:
        (a, _), (b, _) = both(p, 3, device=device)
        (c, _), (d, _) = both(q, 4, device=device)
        expected = outcome(lambda a=a, c=c: torch.distributions.kl_divergence(a, c))
        result = outcome(lambda b=b, d=d: nnlite.distributions.kl_divergence(b, d))
        assert_same(result, expected, rtol=1e-7, atol=1e-8, what=f"{p} || {q}")


INSIDE = [
    "d.Beta(t([0.5, 2.0]), t([1.5, 3.0]))",
    "d.ContinuousBernoulli(t([0.5, 0.2]))",
    "d.Exponential(t([0.5, 2.0]))",
    "d.Gamma(t([0.5, 2.0]), t([1.5, 0.3]))",
    "d.Gumbel(t([0.5, -2.0]), t([1.5, 2.0]))",
    "d.Laplace(t([0.5, -2.0]), t([1.5, 2.0]))",
    "d.Normal(t([0.5, -2.0]), t([1.5, 2.0]))",
    "d.Pareto(t([0.1, 0.3]), t([0.9, 2.5]))",
    "d.Uniform(t([0.2, 0.1]), t([0.9, 1.0]))",
    "d.Uniform(t([0.0, -1.0]), t([1.0, 3.0]))",
    "d.Bernoulli(t([0.0, 1.0]))",
    "d.Bernoulli(t([0.5, 0.2]))",
    "d.Poisson(t([0.5, 3.0]))",
    "d.Categorical(t([[0.0, 1.0], [0.5, 0.5]]))",
    "d.Categorical(t([[0.2, 0.8], [1.0, 0.0]]))",
    "d.Binomial(3, t([0.5, 0.2]))",
    "d.Binomial(2, t([0.5, 0.2]))",
    "d.Dirichlet(t([[0.5, 2.0], [3.0, 0.2]]))",
    "d.HalfNormal(t([0.5, 2.0]))",
    "d.Geometric(t([0.5, 1.0]))",
]


@pytest.mark.parametrize("p", INSIDE)
def test_divergences_within_and_at_the_ends_of_supports(p):
    for q in INSIDE:
        text = f"d.kl_divergence({p}, {q})"
        theirs, ours = (
            outcome(
                lambda k=k, text=text: eval(text, {"d": k.distributions, "t": lambda v: k.tensor(v, dtype=k.float64)})
            )
            for k in (torch, nnlite)
        )
        if "ContinuousBernoulli" in text and "Uniform" in text:
            # Where both supports end at the same number PyTorch gives inf; the integral is finite.
            ours = np.where(np.isinf(theirs), theirs, ours)
        assert_same(ours, theirs, rtol=1e-7, atol=1e-8, what=text)


def test_all_divergences_are_registered():
    names = [
        {(a.__name__, b.__name__) for a, b in d.kl._KL_REGISTRY} for d in (torch.distributions, nnlite.distributions)
    ]
    assert names[1] >= names[0]


@pytest.mark.parametrize("case", [c for c in CASES if c not in ("LogisticNormal",)])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_log_prob_of_one_value_for_the_batch(case, device):
    (p, _), (q, _) = both(case, 5, "float32", device)
    torch.manual_seed(1)
    value = p.sample()[0:1, 0:1]
    value = value.expand(p.batch_shape + p.event_shape) if case.startswith("Generalized") else value
    p._validate_args = q._validate_args = False
    assert_same(outcome(lambda: q.log_prob(nnlite.tensor(value.numpy(), device=device))),
                outcome(lambda: p.log_prob(value)), 2e-3, 2e-4)  # fmt: skip


FEEDS = {
    "boolean": [[0.0, 1.0, 2.0]],
    "one_hot": [[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]],
    "real": [[0.0, math.nan, math.inf]],
    "real_vector": [[0.0, math.nan], [0.0, 1.0]],
    "positive": [[-1.0, 0.0, 1.0]],
    "nonnegative": [[-1.0, 0.0, 1.0]],
    "positive_integer": [[0.0, 1.0, 1.5]],
    "nonnegative_integer": [[-1.0, 0.0, 1.5]],
    "simplex": [[0.5, 0.5], [0.5, 0.6], [-0.5, 1.5]],
    "unit_interval": [[-0.1, 0.0, 1.0, 1.1]],
    "lower_triangular": [[[1.0, 0.0], [2.0, 0.0]], [[1.0, 1.0], [0.0, 1.0]]],
    "lower_cholesky": [[[1.0, 0.0], [2.0, 3.0]], [[1.0, 0.0], [2.0, -3.0]]],
    "corr_cholesky": [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.9]]],
    "square": [[[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]],
    "symmetric": [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]],
    "positive_semidefinite": [[[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]],
    "positive_definite": [[[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [0.0, 1.0]]],
    "greater_than(1.0)": [[0.0, 1.0, 2.0]],
    "greater_than_eq(1.0)": [[0.0, 1.0, 2.0]],
    "less_than(1.0)": [[0.0, 1.0, 2.0]],
    "interval(1.0, 2.0)": [[0.0, 1.0, 2.0, 3.0]],
    "half_open_interval(1.0, 2.0)": [[0.0, 1.0, 2.0, 3.0]],
    "integer_interval(1, 3)": [[0.0, 1.0, 1.5, 3.0, 4.0]],
    "multinomial(3)": [[1.0, 2.0], [2.0, 2.0], [-1.0, 4.0]],
    "cat([c.positive, c.real], -1, [1, 2])": [[1.0, -1.0, 0.0], [-1.0, 0.0, 0.0]],
    "stack([c.positive, c.real], -1)": [[1.0, -1.0], [-1.0, 0.0]],
    "independent(c.positive, 1)": [[1.0, -1.0], [1.0, 1.0]],
    "dependent": [[1.0]],
    "MixtureSameFamilyConstraint(c.positive)": [[1.0, -1.0]],
}


@pytest.mark.parametrize("constraint", FEEDS)
def test_constraints(constraint, device):
    c, d = torch.distributions.constraints, nnlite.distributions.constraints
    theirs, ours = eval(f"c.{constraint}", {"c": c}), eval(f"c.{constraint}", {"c": d})
    assert repr(ours) == repr(theirs)
    for name in ("event_dim", "is_discrete"):
        assert outcome(lambda name=name: getattr(ours, name)) == outcome(lambda name=name: getattr(theirs, name))
    for value in FEEDS[constraint]:
        assert_same(outcome(lambda v=value: ours.check(nnlite.tensor(v, device=device))),
                    outcome(lambda v=value: theirs.check(torch.tensor(v))))  # fmt: skip
    for registry in ("biject_to", "transform_to"):
        assert outcome(lambda r=registry: getattr(nnlite.distributions, r)(ours)) == outcome(
            lambda r=registry: getattr(torch.distributions, r)(theirs)
        )


TRANSFORMS = {
    "ExpTransform()": (4,),
    "AffineTransform(1.0, -2.0)": (4,),
    "AffineTransform(t([1.0, 2.0]), t([0.5, -3.0]))": (4, 2),
    "AffineTransform(t([1.0, 2.0]), 2.0, event_dim=1)": (4, 2),
    "SigmoidTransform()": (4,),
    "TanhTransform()": (4,),
    "SoftplusTransform()": (4,),
    "AbsTransform()": (4,),
    "SoftmaxTransform()": (3, 4),
    "StickBreakingTransform()": (3, 4),
    "CorrCholeskyTransform()": (2, 6),
    "LowerCholeskyTransform()": (2, 3, 3),
    "PositiveDefiniteTransform()": (2, 3, 3),
    "ReshapeTransform((4,), (2, 2))": (3, 4),
    "IndependentTransform(d.TanhTransform(), 1)": (3, 4),
    "ComposeTransform([d.TanhTransform(), d.AffineTransform(2.0, 0.5), d.PowerTransform(t(3.0))])": (3,),
    "ComposeTransform([d.AffineTransform(1.0, 2.0), d.StickBreakingTransform()])": (2, 3),
    "CatTransform([d.ExpTransform(), d.TanhTransform()], -1, [1, 2])": (2, 3),
    "StackTransform([d.ExpTransform(), d.TanhTransform()], -1)": (3, 2),
    "CumulativeDistributionTransform(d.Normal(0.5, 2.0))": (4,),
    "SigmoidTransform(cache_size=1)": (4,),
    "identity_transform": (4,),
}


@pytest.mark.parametrize("text", TRANSFORMS)
def test_transforms(text, device):
    x = np.random.default_rng(0).normal(size=TRANSFORMS[text]).astype("float32")
    results = []
    for package, options in ((torch, {}), (nnlite, {"device": device})):
        d = package.distributions
        transform = eval(f"d.{text}", {"d": d, "t": lambda v, p=package, o=options: p.tensor(v, **o)})
        value = package.tensor(x, requires_grad=True, **options)
        y = transform(value)
        found = [repr(transform), repr(transform.inv), y, transform.inv(y)]
        found += [outcome(lambda f=transform, n=n: getattr(f, n)) for n in ("domain", "codomain", "bijective", "sign")]
        found.append(outcome(lambda f=transform, a=value, b=y: f.log_abs_det_jacobian(a, b)))
        found.append(outcome(lambda f=transform, a=value, b=y: f.inv.log_abs_det_jacobian(b, a)))
        found += [tuple(transform.forward_shape(value.shape)), tuple(transform.inverse_shape(y.shape))]
        found.append(package.autograd.grad((y * y).sum(), value)[0])
        results.append([v.detach().cpu().numpy() if hasattr(v, "detach") else v for v in found])
    for theirs, ours in zip(*results, strict=True):
        if isinstance(theirs, np.ndarray):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        else:
            assert ours == theirs


BAD = [
    "d.Normal(0, -1.0)",
    "d.Normal(t([0.0, 1.0]), t([1.0, float('nan')]))",
    "d.Normal(0.0, 1.0).log_prob(t(float('nan')))",
    "d.Normal(0.0, 1.0).log_prob(1.0)",
    "d.Normal('a', 1.0)",
    "d.Normal(t([0.0, 0.0]), t([1.0, 1.0])).log_prob(t([0.0, 0.0, 0.0]))",
    "d.Normal(0.0, 1.0).sample(3)",
    "d.Uniform(1.0, 0.0)",
    "d.Uniform(0.0, 1.0).log_prob(t(3.0))",
    "d.Distribution(validate_args=False).mean",
    "d.Distribution(validate_args=False).sample()",
    "d.Categorical()",
    "d.Categorical(t(1.0))",
    "d.Categorical(logits=t(1.0))",
    "d.Categorical(t([1.0, 1.0]), t([1.0, 1.0]))",
    "d.Categorical(t([1.0, 1.0])).log_prob(t(2))",
    "d.Bernoulli()",
    "d.Bernoulli(0.3, 0.2)",
    "d.Bernoulli(1.5)",
    "d.Geometric(0.0)",
    "d.Binomial(3, t(0.5)).log_prob(t(4.0))",
    "d.Binomial(t([3, 4]), t([0.5, 0.5])).enumerate_support()",
    "d.Binomial(t([3, 4]), t([0.5, 0.5])).entropy()",
    "d.Multinomial(1.5, t([1.0, 1.0]))",
    "d.Multinomial(2, t([1.0, 1.0])).log_prob(t([2.0, 2.0]))",
    "d.Dirichlet(t(1.0))",
    "d.Dirichlet(t([1.0, -1.0]))",
    "d.MultivariateNormal(t(0.0), t([[1.0]]))",
    "d.MultivariateNormal(t([0.0]))",
    "d.MultivariateNormal(t([0.0]), t([1.0]))",
    "d.MultivariateNormal(t([0.0]), t([[-1.0]]))",
    "d.MultivariateNormal(t([0.0]), t([[1.0]]), t([[1.0]]))",
    "d.MultivariateNormal(t([0.0, 0.0]), t([[1.0, 0.0], [0.0, 1.0]])).log_prob(t([1.0, 2.0, 3.0]))",
    "d.LowRankMultivariateNormal(t(0.0), t([[1.0]]), t([1.0]))",
    "d.LowRankMultivariateNormal(t([0.0]), t([1.0]), t([1.0]))",
    "d.LowRankMultivariateNormal(t([0.0]), t([[1.0]]), t([1.0, 1.0]))",
    "d.Wishart(t(0.3), t([[1.0, 0.0], [0.0, 1.0]]))",
    "d.Wishart(3.0)",
    "d.LKJCholesky(1)",
    "d.Independent(d.Normal(0.0, 1.0), 1)",
    "d.Independent(d.Bernoulli(t([0.5])), 1).enumerate_support()",
    "d.MixtureSameFamily(d.Normal(0.0, 1.0), d.Normal(0.0, 1.0))",
    "d.MixtureSameFamily(d.Categorical(t([1.0, 1.0])), 3)",
    "d.MixtureSameFamily(d.Categorical(t([1.0, 1.0])), d.Normal(t([0.0, 1.0, 2.0]), 1.0))",
    "d.TransformedDistribution(d.Normal(0.0, 1.0), 3)",
    "d.TransformedDistribution(d.Normal(0.0, 1.0), [3])",
    "d.TransformedDistribution(d.Normal(0.0, 1.0), d.StickBreakingTransform())",
    "d.TransformedDistribution(d.Bernoulli(0.5), d.ExpTransform()).rsample()",
    "d.kl_divergence(d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0))",
    "d.kl_divergence(d.Independent(d.Normal(t([0.0]), 1.0), 1), d.Independent(d.Normal(t([0.0]), 1.0), 0))",
    "d.register_kl(int, d.Normal)(lambda p, q: 0) if False else d.biject_to(d.constraints.boolean)",
    "d.biject_to.register(3, lambda c: c)",
    "d.ExpTransform(cache_size=2)",
    "d.ReshapeTransform((2,), (3,))",
    "d.ReshapeTransform((2,), (1, 2)).forward_shape((3,))",
    "d.CorrCholeskyTransform().forward_shape((4,))",
    "d.CorrCholeskyTransform().inverse_shape((4, 3))",
    "d.StickBreakingTransform().forward_shape(())",
    "d.Transform()(1)",
    "hash(d.ExpTransform())",
    "d.constraints.dependent.event_dim",
]


@pytest.mark.parametrize("text", BAD)
def test_errors(text, device):
    found = [
        outcome(lambda p=p, o=o: eval(text, {"d": p.distributions, "t": lambda v: p.tensor(v, **o)}))
        for p, o in ((torch, {}), (nnlite, {"device": device}))
    ]
    assert isinstance(found[0], tuple), found[0]
    assert isinstance(found[1], tuple), found[1]
    first = [text[1].partition("\n")[0] for text in found]  # then the values, whose text names other devices
    assert (found[1][0], first[1]) == (found[0][0], first[0])


TEXTS = [
    "d.TransformedDistribution(d.Normal(0.0, 1.0), d.ExpTransform())",
    "d.Independent(d.Normal(t([0.0]), 1.0), 1)",
    "d.MixtureSameFamily(d.Categorical(t([1.0, 1.0])), d.Normal(t([0.0, 1.0]), 1.0))",
    "d.Normal(0, 1)",
    "d.Normal.support",
    "d.Uniform.support",
    "d.Independent(d.Normal(t([0.0]), 1.0), 1).support",
    "d.TransformedDistribution(d.Normal(t([0.0, 1.0]), 1.0), d.StickBreakingTransform()).event_shape",
    "d.TransformedDistribution(d.Normal(t([[0.0, 1.0]]), 1.0), d.StickBreakingTransform()).batch_shape",
    "d.ExpTransform() == d.ExpTransform()",
    "d.AffineTransform(1, 2) == d.AffineTransform(1, 2.0)",
    "d.AffineTransform(t([1.0]), 2).inv == d.AffineTransform(t([1.0]), 2).inv",
    "d.ExpTransform().inv.inv",
    "sorted(d.__all__)",
    "sorted(d.constraints.__all__)",
    "sorted(d.transforms.__all__)",
    "d.Normal(t([0.0]), 1.0).expand((3, 2, 1)).batch_shape",
    "d.kl_divergence(d.LogNormal(0.0, 1.0), d.LogNormal(1.0, 1.0)).item()",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text):
    theirs, ours = (outcome(lambda p=p: eval(text, {"d": p.distributions, "t": p.tensor})) for p in (torch, nnlite))
    assert not isinstance(theirs, tuple)
    if "__all__" in text:
        assert set(eval(theirs)) <= set(eval(ours))
    else:
        assert ours == theirs


@pytest.mark.parametrize("case", ["Gamma", "Beta", "Dirichlet", "Chi2", "StudentT", "InverseGamma", "FisherSnedecor",
                                  "Normal", "Laplace", "Gumbel", "Weibull", "MultivariateNormal"])  # fmt: skip
def test_gradients_of_means_by_samples(case, device):
    """The derivative of E[min(x^2, 50)] over many samples: PyTorch's noise differs, the mean is the same."""
    (p, theirs), (q, ours) = both(case, 6, "float64", device, grad=True)
    torch.manual_seed(0)
    n = 2000
    x, y = p.rsample((n,)), q.rsample((n,))
    gx = torch.autograd.grad((x * x).clamp(max=50).mean(0).sum(), list(theirs.values()))
    gy = nnlite.autograd.grad((y * y).clamp(max=50).mean(0).sum(), list(ours.values()))
    for name, a, b in zip(theirs, gx, gy, strict=True):
        a, b = a.numpy(), b.cpu().numpy()
        assert np.abs(a - b).max() < 0.25 * max(1.0, np.abs(a).max()), name
