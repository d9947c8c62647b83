"""Random programs of views, in-place writes, results and retained graphs, as Hypothesis draws them.

A program is a list of steps on a growing pool of tensors. It runs on anything with PyTorch's functions, so that the
same program can be run on PyTorch and on nnlite, or on numbers moved a little to take differences.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

VIEWS = (
    "t[0]",
    "t[-1]",
    "t[..., 1:]",
    "t[..., ::2]",
    "t.transpose(0, -1)",
    "t.reshape(-1)",
    "t.view(-1)",
    "t.unsqueeze(0)",
    "t.unsqueeze(-1)",
    "t.squeeze()",
    "t.expand(2, *t.shape)",
    "t[None]",
    "t.flatten()",
    "t[..., 0]",
    "t.view(t.shape)",
    "t.narrow(0, 0, 1)",
    "t.select(0, 0)",
    "t[:1]",
    "t[1:]",
    "t.reshape(t.shape)",
    "t.detach()",
)
RESULTS = (
    "t.tanh()",
    "t.exp()",
    "t.sin()",
    "t * 2",
    "t + 1",
    "-t",
    "t.sigmoid()",
    "t * t",
    "t ** 2",
    "t.clone()",
    "t / 2",
    "1 / (t * t + 1)",
    "t.sum()",
    "t.mean(0)",
    "t.sum(-1, keepdim=True)",
    "t.contiguous()",
    "t.square()",
    "t.softmax(0)",
    "t.cumsum(0)",
    "t + u",
    "t * u",
    "t - u",
    "t / (u * u + 1)",
    "t ** 2 * u",
    "torch.stack([t, u])",
    "torch.cat([t.reshape(-1), u.reshape(-1)])",
)
WRITES = (
    "t.add_(1)",
    "t.mul_(2)",
    "t.add_(u)",
    "t.mul_(u)",
    "t.sub_(u)",
    "t.copy_(u)",
    "t.zero_()",
    "t.fill_(0.5)",
    "t.tanh_()",
    "t.neg_()",
    "t.sigmoid_()",
    "t.div_(2)",
    "t.pow_(2)",
    "t[0] = u",
    "t[0] = 0.25",
    "t[..., 0] = u",
    "t[[0]] = u",
    "t += u",
    "t *= u",
    "t *= 0.5",
    "t[0] *= 2",
    "t[0] += u",
    "t.sin_()",
)
OUTSIDE = ("t.mul_(0.5)", "t.zero_()", "t.add_(1)", "t[0] = 0.75")

steps = st.one_of(
    st.tuples(st.just("value"), st.sampled_from(VIEWS), st.integers(0, 40), st.integers(0, 40)),
    st.tuples(st.just("value"), st.sampled_from(RESULTS), st.integers(0, 40), st.integers(0, 40)),
    st.tuples(st.just("write"), st.sampled_from(WRITES), st.integers(0, 40), st.integers(0, 40)),
    st.tuples(st.just("write"), st.sampled_from(WRITES), st.integers(0, 40), st.integers(0, 40)),
    st.tuples(st.just("no_grad"), st.sampled_from(OUTSIDE), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("backward"), st.just(""), st.integers(0, 40), st.just(0)),
)
programs = st.lists(steps, min_size=1, max_size=14)

LEAVES = (((0.3, -1.2, 0.8), (1.1, 0.4, -0.6)), ((-0.9, 0.7, 0.2), (0.5, -1.4, 1.3)))
CONSTANT = ((0.6, -0.1, 1.7), (-0.4, 0.9, -1.1))


class Outcome:
    """What a program left.

    Attributes:
        errors: for each step the class of the exception, or None.
        pool: all tensors in order of creation; the first two are the leaves.
        gradients: of a sum over the pool by the leaves; None where that raised.
    """

    def __init__(self) -> None:
        self.errors: list[type[Exception] | None] = []
        self.pool: list[Any] = []
        self.gradients: list[Any] | None = None


def run(torch: Any, program: list[Any], leaves: Any = LEAVES, graph: bool = True) -> Outcome:
    """Run a program; errors of single steps are noted, and the program goes on."""
    out = Outcome()
    make = lambda values, grad=False: torch.tensor(values, dtype=torch.float64, requires_grad=grad)  # noqa: E731
    pool = out.pool
    pool += [make(leaves[0], graph), make(leaves[1], graph), make(CONSTANT)]
    pool += [pool[0] * 1, pool[1] * 1]
    for kind, source, i, j in program:
        names = {"t": pool[i % len(pool)], "u": pool[j % len(pool)], "torch": torch}
        for t in (names["t"], names["u"]):
            t.grad_fn  # noqa: B018  PyTorch brings a view up to date when it is asked for its node
        try:
            if kind == "value":
                pool.append(eval(source, names))
            elif kind == "write":
                exec(source, names)
            elif kind == "no_grad":
                with torch.no_grad():
                    exec(source, names)
            elif graph:
                (names["t"] * names["t"]).sum().backward(retain_graph=True)
            out.errors.append(None)
        except Exception as error:
            out.errors.append(type(error))
    if graph:
        try:
            out.gradients = torch.autograd.grad(total(out), pool[:2], allow_unused=True, retain_graph=True)
        except RuntimeError:
            out.gradients = None
    return out


def total(out: Outcome) -> Any:
    """A number that depends on all tensors of the pool."""
    return sum((t * (k + 1)).sum() for k, t in enumerate(out.pool) if t.requires_grad or k > 1)
