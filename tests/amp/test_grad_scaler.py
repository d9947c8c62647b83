"""GradScaler: the scale, skipped steps, stages of several optimizers, states and what is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlite
from nnlite.amp import GradScaler

INF, NAN = float("inf"), float("nan")


def parameter(device, *values):
    return nnlite.tensor(values, device=device).requires_grad_()


def training(device, **settings):
    """A parameter, its optimizer and a scaler."""
    w = parameter(device, 1.0, 2.0)
    return w, nnlite.optim.SGD([w], lr=0.5), GradScaler(device, **settings)


def backward(scaler, w, factor=1.0):
    """The gradient of the sum of w times the factor."""
    scaler.scale((w * factor).sum()).backward()


def test_step_divides_by_the_scale(device):
    w, optimizer, scaler = training(device, init_scale=1024.0)
    backward(scaler, w)
    np.testing.assert_array_equal(w.grad.cpu().numpy(), [1024.0, 1024.0])
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(w.detach().cpu().numpy(), [0.5, 1.5])
    assert scaler.get_scale() == 1024.0


@pytest.mark.parametrize("bad", [INF, -INF, NAN])
def test_a_gradient_that_is_not_finite_skips_the_step(device, bad):
    w, optimizer, scaler = training(device, init_scale=8.0, backoff_factor=0.25)
    other = parameter(device, 1.0)
    optimizer.add_param_group({"params": [other]})
    backward(scaler, w)
    other.grad = nnlite.tensor([bad], device=device)
    assert scaler.step(optimizer) is None
    scaler.update()
    np.testing.assert_array_equal(w.detach().cpu().numpy(), [1.0, 2.0])
    assert scaler.get_scale() == 2.0
    optimizer.zero_grad()
    backward(scaler, w)  # and training goes on
    scaler.step(optimizer)
    scaler.update()
    np.testing.assert_array_equal(w.detach().cpu().numpy(), [0.5, 1.5])


def test_float16_overflow_is_recovered_from(device):
    """A loss whose scaled gradient is beyond float16 in the graph: the scale halves until it fits."""
    w = parameter(device, 1.0)
    optimizer, scaler = nnlite.optim.SGD([w], lr=0.25), GradScaler(device, init_scale=2.0**18)
    steps = 0
    for _ in range(10):
        optimizer.zero_grad()
        scaler.scale((w.half() * 2).sum().float()).backward()
        steps += bool(w.grad.isfinite().all())
        scaler.step(optimizer)
        scaler.update()
    assert scaler.get_scale() == 2.0**14 and steps == 6
    np.testing.assert_array_equal(w.detach().cpu().numpy(), [1.0 - 6 * 0.5])


def test_the_scale_grows_after_good_steps_in_succession(device):
    w, optimizer, scaler = training(device, init_scale=4.0, growth_factor=3.0, growth_interval=2)
    scales = []
    for factor in (1.0, 1.0, 1.0, INF, 1.0, 1.0):
        optimizer.zero_grad()
        backward(scaler, w, factor)
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [4.0, 12.0, 12.0, 6.0, 6.0, 18.0]


def test_the_scale_never_becomes_infinite(device):
    w, optimizer, scaler = training(device, init_scale=3e38, growth_interval=1)
    backward(scaler, w)
    scaler.step(optimizer)
    scaler.update()
    assert scaler.get_scale() == pytest.approx(3e38)


def test_clipping_between_unscale_and_step(device):
    w, optimizer, scaler = training(device, init_scale=64.0)
    backward(scaler, w, 3.0)
    scaler.unscale_(optimizer)
    np.testing.assert_array_equal(w.grad.cpu().numpy(), [3.0, 3.0])
    nnlite.nn.utils.clip_grad_value_(w, 1.0)
    scaler.step(optimizer)
    np.testing.assert_array_equal(w.detach().cpu().numpy(), [0.5, 1.5])


def test_step_returns_what_the_optimizer_returns(device):
    class Telling(nnlite.optim.SGD):
        def step(self, word):
            super().step()
            return word

    w = parameter(device, 1.0)
    scaler = GradScaler(device)
    backward(scaler, w)
    assert scaler.step(Telling([w], lr=0.1), "done") == "done"


def test_optimizers_are_apart(device):
    """One with a bad gradient is left out, the other is not; the scale goes down for both."""
    a, first, scaler = training(device, init_scale=16.0)
    b = parameter(device, 1.0)
    second = nnlite.optim.SGD([b], lr=0.5)
    backward(scaler, a, NAN)
    backward(scaler, b)
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    np.testing.assert_array_equal(a.detach().cpu().numpy(), [1.0, 2.0])
    np.testing.assert_array_equal(b.detach().cpu().numpy(), [0.5])
    assert scaler.get_scale() == 8.0


def test_stages(device):
    w, optimizer, scaler = training(device)
    backward(scaler, w)
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called on this optimizer since the last"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) is being called after step\(\)"):
        scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called since the last update\(\)"):
        scaler.step(optimizer)
    scaler.update()
    scaler.unscale_(optimizer)


def test_before_anything_is_scaled(device):
    _, optimizer, scaler = training(device)
    for call in (scaler.update, lambda: scaler.unscale_(optimizer), lambda: scaler.step(optimizer)):
        with pytest.raises(AssertionError, match="_scale is None"):
            call()


def test_without_gradients(device):
    w, optimizer, scaler = training(device)
    scaler.scale(w)
    with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
        scaler.step(optimizer)
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaler.update()


def test_closures_are_refused(device):
    w, optimizer, scaler = training(device)
    backward(scaler, w)
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(optimizer, closure=lambda: None)


def test_float16_gradients_are_refused(device):
    w = nnlite.ones(2, dtype=nnlite.float16, device=device).requires_grad_()
    scaler = GradScaler(device, init_scale=2.0)
    backward(scaler, w)
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.unscale_(nnlite.optim.SGD([w], lr=0.1))


@pytest.mark.parametrize("dtype", ["bfloat16", "float64", "complex64"])
def test_gradients_of_other_dtypes(device, dtype):
    w = nnlite.ones(2, dtype=getattr(nnlite, dtype), device=device).requires_grad_()
    w.grad = nnlite.full((2,), 8.0, dtype=w.dtype, device=device)
    scaler = GradScaler(device, init_scale=4.0)
    scaler.scale(nnlite.ones(1, device=device))
    scaler.unscale_(nnlite.optim.SGD([w], lr=0.1))
    assert w.grad.dtype is w.dtype and (w.grad == 2).all()


def test_scale_of_several(device):
    scaler = GradScaler(device, init_scale=4.0)
    one = nnlite.ones(2, device=device)
    listed, (inner,) = scaler.scale([one, (one,)])
    assert [listed.tolist(), inner.tolist()] == [[4.0, 4.0]] * 2
    assert [t.tolist() for t in scaler.scale(iter([one]))] == [[4.0, 4.0]]
    assert isinstance(scaler.scale((one,)), tuple)
    for dtype in (nnlite.float16, nnlite.bfloat16, nnlite.float64):
        assert scaler.scale(one.to(dtype)).dtype is dtype
    for wrong in (3, None, "loss"):
        with pytest.raises(ValueError, match="iterable of Tensors"):
            scaler.scale(wrong)


def test_new_scale(device):
    w, _, scaler = training(device)
    scaler.scale(w)
    scaler.update(3.0)
    assert scaler.get_scale() == 3.0
    scaler.update(new_scale=nnlite.tensor(5.0, device=device))
    assert scaler.get_scale() == 5.0
    for wrong in (nnlite.ones(2), nnlite.ones((), requires_grad=True), nnlite.tensor(3), "3"):
        with pytest.raises(AssertionError, match="new_scale should be a float or a 1-element"):
            scaler.update(wrong)
    assert scaler.get_scale() == 5.0


def test_settings():
    for settings in ({"growth_factor": 1.0}, {"growth_factor": NAN}, {"backoff_factor": 1.0}):
        with pytest.raises(AssertionError, match="factor must be"):
            GradScaler("cpu", **settings)
    scaler = GradScaler("cpu")
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (2.0, 0.5, 2000)
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(5)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.25, 5)


def test_a_scaler_that_is_not_enabled_does_nothing(device):
    w, optimizer, scaler = training(device, enabled=False)
    assert not scaler.is_enabled() and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    loss = w.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    scaler.load_state_dict({})
    np.testing.assert_array_equal(w.detach().cpu().numpy(), [0.5, 1.5])


@pytest.mark.skipif(nnlite.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_cuda_it_is_not_enabled():
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not GradScaler().is_enabled()


def test_state_goes_on_where_it_was(device):
    w, optimizer, scaler = training(device, init_scale=4.0, growth_interval=3)
    for _ in range(2):
        backward(scaler, w)
        scaler.step(optimizer)
        scaler.update()
    state = scaler.state_dict()
    assert state == {
        "scale": 4.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 3, "_growth_tracker": 2,
    }  # fmt: skip
    for started in (False, True):
        other = GradScaler(device, growth_interval=9)
        if started:
            other.scale(w)
        other.load_state_dict(state)
        backward(other, w)
        other.step(optimizer)
        other.update()
        assert other.get_scale() == 8.0


def test_bad_states(device):
    w, _, scaler = training(device, init_scale=4.0)
    scaler.scale(w)
    before = scaler.state_dict()
    with pytest.raises(RuntimeError, match="source state dict is empty"):
        scaler.load_state_dict({})
    with pytest.raises(KeyError):
        scaler.load_state_dict({"scale": 1.0, "growth_factor": 9.0})
    assert scaler.state_dict() == before


def test_pickle_and_copy(device):
    w, optimizer, scaler = training(device, init_scale=4.0)
    backward(scaler, w)
    scaler.step(optimizer)
    with pytest.raises(AssertionError, match="may only be pickled at the beginning of an iteration, or at the end"):
        pickle.dumps(scaler)
    scaler.update(32.0)
    for made in (pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert made.get_scale() == 32.0
        w.grad = None
        backward(made, w)
        made.step(optimizer)
        made.update()
        assert made.state_dict()["_growth_tracker"] == 1


def test_an_optimizer_that_scales_itself(device):
    class Scaling(nnlite.optim.SGD):
        _step_supports_amp_scaling = True
        seen = ()

        def step(self):
            self.seen = (*self.seen, (self.grad_scale and self.grad_scale.item(), self.found_inf.item()))

    w = parameter(device, 1.0)
    optimizer, scaler = Scaling([w], lr=0.1), GradScaler(device, init_scale=4.0)
    for factor, before in ((1.0, False), (INF, False), (1.0, True)):
        optimizer.zero_grad()
        backward(scaler, w, factor)
        if before:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    assert optimizer.seen == ((4.0, 0.0), (4.0, 1.0), (None, 0.0))
    assert not hasattr(optimizer, "grad_scale") and not hasattr(optimizer, "found_inf")
