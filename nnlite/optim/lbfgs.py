"""L-BFGS: quasi-Newton steps from the last changes of the parameters and of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._core.grad_mode import enable_grad, no_grad
from ..creation import zeros_like
from ..ops.pointwise.complex import view_as_real
from ..ops.shape.views import cat
from ..tensor import Tensor
from ._strong_wolfe import Point, strong_wolfe
from .optimizer import Optimizer, ParamsT, check_learning_rate

__all__ = ["LBFGS"]

_ORDER = ("al", "d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")
"""The order of the state in PyTorch's state dicts, after the two counts."""


class LBFGS(Optimizer):
    r"""L-BFGS, with a line search for the strong Wolfe conditions if asked for.

    A step makes up to ``max_iter`` iterations. With gradient g, and s and y the last changes of the parameters and of
    the gradient::

        d = -H g,   H from the last history_size pairs (s, y) by the two-loop recursion, H_0 = (s.y / y.y) I
        p <- p + t * d

    where t is the learning rate (in the first iteration of all ``min(1, 1 / |g|_1) * lr``), or what the line search
    finds from there. It needs a closure, and all data in it rather than a batch. It has one parameter group. Each
    iteration reads a few numbers, for which the host waits for the device.

    Args:
        params: parameters, or pairs of a name and a parameter.
        lr: learning rate.
        max_iter: iterations of a step at most.
        max_eval: calls of the closure in a step at most; by default ``max_iter * 5 / 4``.
        tolerance_grad: end a step where no element of the gradient is larger.
        tolerance_change: end a step where the parameters or the loss change less.
        history_size: the number of pairs that are kept.
        line_search_fn: None or "strong_wolfe".

    Raises:
        ValueError: a negative learning rate, more than one group, or see `Optimizer`.
        RuntimeError: ``line_search_fn`` is something else, at the step.

    Source: J. Nocedal and S. Wright, "Numerical optimization", 2nd edition, algorithms 7.4, 3.5 and 3.6; the bounds in
    the line search are those of M. Schmidt's minFunc.

    Example:
        >>> import nnlite
        >>> w = nnlite.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = nnlite.optim.LBFGS([w])
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((w - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
        tensor(29., grad_fn=<SumBackward0>)
        >>> w
        tensor([3.0000, 3.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_learning_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Make up to ``max_iter`` iterations.

        Args:
            closure: a function that computes the loss again and its gradients, and returns the loss.

        Returns:
            What the closure returned at first.
        """
        group = self.param_groups[0]
        search = group["line_search_fn"]
        if search not in (None, "strong_wolfe"):
            raise RuntimeError(f"only 'strong_wolfe' is supported, but line_search_fn is {search!r}")
        evaluate = enable_grad()(closure)
        with no_grad():
            state = self.state[group["params"][0]]  # one state for all parameters
            state.setdefault("func_evals", 0)
            state.setdefault("n_iter", 0)
            first = evaluate()
            state["func_evals"] += 1
            g = self._gradient()
            if float(g.abs().max()) > group["tolerance_grad"]:
                self._iterate(state, evaluate, Point(0.0, float(first), g, 0.0))
                for key in filter(state.__contains__, _ORDER):
                    state[key] = state.pop(key)
        return first

    def _iterate(self, state: dict[str, Any], closure: Callable[[], Any], now: Point) -> None:
        group, evaluations = self.param_groups[0], 1
        lr, smallest = float(group["lr"]), group["tolerance_change"]
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, now.g)
            t = lr * min(1.0, 1.0 / float(now.g.abs().sum())) if state["n_iter"] == 1 else lr
            state.update(d=d, t=t)
            state.update(prev_flat_grad=now.g, prev_loss=now.f)
            slope = float(now.g.dot(d))
            if slope > -smallest:
                return
            before, now, called = now, *self._move(closure, now._replace(slope=slope), t, d, iteration)
            state["t"] = t = now.t
            evaluations += called
            state["func_evals"] += called
            if (
                iteration == group["max_iter"]
                or evaluations >= group["max_eval"]
                or float(now.g.abs().max()) <= group["tolerance_grad"]
                or float((d * t).abs().max()) <= smallest
                or abs(now.f - before.f) < smallest
            ):
                return

    def _move(self, closure: Callable[[], Any], now: Point, t: float, d: Tensor, iteration: int) -> tuple[Point, int]:
        """Go along ``d``: the point there, and the number of evaluations it took."""
        group = self.param_groups[0]
        if group["line_search_fn"] is None:
            self._add(t, d)
            if iteration == group["max_iter"]:  # nobody asks for the loss there
                return now._replace(t=t), 0
            return Point(t, float(closure()), self._gradient(), 0.0), 1
        start = [p.clone() for p in group["params"]]

        def at(t: float) -> Point:
            self._add(t, d)
            f, g = float(closure()), self._gradient()
            for p, value in zip(group["params"], start, strict=True):
                p.copy_(value)
            return Point(t, f, g, float(g.dot(d)))

        found, called = strong_wolfe(at, now, t, float(d.abs().max()))
        self._add(found.t, d)
        return found, called

    def _direction(self, state: dict[str, Any], g: Tensor) -> Tensor:
        """``-H g`` by the two-loop recursion, after the newest pair of changes came in."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        size = self.param_groups[0]["history_size"]
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
        ys = y.dot(s)
        if float(ys) > 1e-10:
            if len(changes) == size:
                for history in (changes, steps, ro):
                    history.pop(0)
            changes.append(y)
            steps.append(s)
            ro.append(1.0 / ys)
            state["H_diag"] = ys / y.dot(y)
        al = state.setdefault("al", [None] * size)
        d = -g
        for i in reversed(range(len(changes))):
            al[i] = steps[i].dot(d) * ro[i]
            d -= al[i] * changes[i]
        d = d * state["H_diag"]
        for i in range(len(changes)):
            d += (al[i] - changes[i].dot(d) * ro[i]) * steps[i]
        return d

    def _gradient(self) -> Tensor:
        """The gradients of all parameters end to end; zeros for those without; complex ones as pairs."""
        parts = []
        for p in self.param_groups[0]["params"]:
            g = zeros_like(p) if p.grad is None else p.grad.detach()
            parts.append((view_as_real(g) if g.is_complex() else g).reshape(-1))
        return cat(parts)

    def _add(self, t: float, d: Tensor) -> None:
        """``p += t * d`` for all parameters."""
        offset = 0
        for p in self.param_groups[0]["params"]:
            target = view_as_real(p) if p.is_complex() else p
            target += t * d[offset : offset + target.numel()].reshape(target.shape)
            offset += target.numel()
