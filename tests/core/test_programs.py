"""Random programs against differences of what they compute; ``tests/parity`` runs the same ones beside PyTorch."""

from __future__ import annotations

import numpy as np
import programs
import pytest
from hypothesis import assume, given

import nnlite

STEP = 1e-6


def moved(k, place, by):
    leaves = np.array(programs.LEAVES)
    leaves[k][place] += by
    return leaves.tolist()


def value(program, leaves):
    """The total of the program's pool as numbers, without a graph."""
    out = programs.run(nnlite, program, leaves, graph=False)
    return sum((t * (k + 1)).sum().item() for k, t in enumerate(out.pool)), out.errors


@given(programs.programs)
def test_gradients(program):
    """Where a program runs through, its gradients are the differences of its result."""
    # What is cut off from the graph on purpose has no gradient, but differences see it.
    assume(not any(kind == "no_grad" or "detach" in source for kind, source, _, _ in program))
    for device in ("cpu", "strict"):
        with nnlite.device(device):
            out = programs.run(nnlite, program)
            if out.gradients is None:
                continue
            assume(all(t.isfinite().all().item() for t in out.pool))
            wants = []
            for k in range(2):
                want = np.zeros((2, 3))
                for place in np.ndindex(2, 3):
                    up, errors = value(program, moved(k, place, STEP))
                    down, _ = value(program, moved(k, place, -STEP))
                    # Without a graph nothing refuses a write to a leaf: such programs differ.
                    assume(errors == out.errors)
                    want[place] = (up - down) / (2 * STEP)
                wants.append(want)
            for k, (g, want) in enumerate(zip(out.gradients, wants, strict=True)):
                got = np.zeros((2, 3)) if g is None else g.cpu().numpy()
                # The pool's total counts the leaf itself as well, which ``total`` does.
                np.testing.assert_allclose(
                    got, want, rtol=1e-4, atol=1e-4 * max(1, np.abs(want).max()), err_msg=f"leaf {k}"
                )


@given(programs.programs)
def test_devices_agree(program):
    """Every device gives the same numbers, flags, versions and errors."""
    first = programs.run(nnlite, program)
    with nnlite.device("strict"):
        second = programs.run(nnlite, program)
    assert first.errors == second.errors
    assert len(first.pool) == len(second.pool) and (first.gradients is None) == (second.gradients is None)
    for a, b in zip(first.pool, second.pool, strict=True):
        assert (a.shape, a.requires_grad, a.is_leaf, a._version) == (b.shape, b.requires_grad, b.is_leaf, b._version)
        np.testing.assert_allclose(b.detach().cpu().numpy(), a.detach().numpy(), rtol=1e-12)
    for g, h in zip(first.gradients or (), second.gradients or (), strict=True):
        assert (g is None) == (h is None)
        if g is not None:
            np.testing.assert_allclose(h.cpu().numpy(), g.numpy(), rtol=1e-12)


def test_the_programs_do_something():
    """A program of each kind of step, as a check of the runner itself."""
    program = [
        ("value", "t[0]", 3, 0),
        ("write", "t.mul_(u)", 5, 5),
        ("write", "t.add_(1)", 0, 0),
        ("value", "t.exp()", 3, 0),
        ("backward", "", 6, 0),
    ]
    out = programs.run(nnlite, program)
    assert out.errors == [None, None, RuntimeError, None, RuntimeError]
    assert len(out.pool) == 7 and out.pool[3]._version == 1 and out.gradients is None
    with pytest.raises(RuntimeError, match="inplace"):
        programs.total(out).backward()
