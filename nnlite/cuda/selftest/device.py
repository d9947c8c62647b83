"""Capture and replay, memory, errors, and what a launch costs the host."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from typing import Any

import nnlite
from nnlite import nn

from .report import Row


def guarded(name: str, check: Callable[[], Row | None]) -> Row:
    """The row of a check; one that fails if the check raises."""
    try:
        return check() or Row(name, True, "")
    except Exception as error:
        return Row(name, False, "", f"{type(error).__name__}: {error}")


# Graphs


def graphs(device: str) -> Iterator[Row]:
    """Losses of captured training steps beside those of eager ones, with dropout and a learning-rate schedule."""
    for name in ("SGD", "Adam", "AdamW"):
        yield guarded(f"{name}, 20 steps with dropout", lambda name=name: _captured(device, name))  # type: ignore[misc]


def _captured(device: str, optimizer: str) -> Row:
    eager, captured = (_losses(device, optimizer, capture) for capture in (False, True))
    worst = max(abs(a - b) / abs(a) for a, b in zip(eager, captured, strict=True))
    return Row(f"{optimizer}, 20 steps with dropout", worst < 1e-4, f"{worst:.1e}", "losses, captured beside eager")


def _losses(device: str, optimizer: str, capture: bool) -> list[float]:
    nnlite.manual_seed(3)
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 4)).to(device)
    update = getattr(nnlite.optim, optimizer)(model.parameters(), lr=0.01)
    schedule = nnlite.optim.lr_scheduler.ExponentialLR(update, 0.9)
    inputs, labels = nnlite.randn(20, 8, 16), nnlite.randint(0, 4, (20, 8))

    def step(x: Any, y: Any) -> Any:
        update.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        update.step()
        return loss.detach()

    run = nnlite.cuda.compile_step(step) if capture else step
    losses = []
    for x, y in zip(inputs, labels, strict=True):
        losses.append(float(run(x.to(device), y.to(device))))
        schedule.step()
    return losses


# Loss scaling


def scaling(device: str) -> Iterator[Row]:
    """A step with an infinite gradient is left out and halves the scale; the next one is done."""
    yield guarded("a step that is left out", lambda: _left_out(device))


def _left_out(device: str) -> Row:
    w = nn.Parameter(nnlite.ones(4, device=device))
    optimizer = nnlite.optim.SGD([w], lr=1.0)
    scaler = nnlite.amp.GradScaler(device.partition(":")[0], init_scale=8.0)
    seen = []
    for factor in (float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((w[0].item(), scaler.get_scale()))
    return Row("a step that is left out", seen == [(1.0, 4.0), (0.0, 4.0)], f"weight and scale {seen}")


# Memory and errors


def memory(device: str) -> Iterator[Row]:
    """The figures, an allocation that is too large, and what is left afterwards."""
    yield guarded("memory is given back", lambda: _given_back(device))
    yield guarded("more than there is", lambda: _too_much(device))
    yield guarded("a label out of range", lambda: _bad_label(device))


def _given_back(device: str) -> Row:
    backend = nnlite.backends.backend_for(device.partition(":")[0])
    gc.collect()
    before = backend.memory_allocated()
    x = nnlite.ones(1 << 20, device=device)
    held = backend.memory_allocated() - before
    del x
    after = backend.memory_allocated() - before
    return Row("memory is given back", held >= 4 << 20 and after == 0, f"{held} bytes held, {after} afterwards")


def _too_much(device: str) -> Row:
    if not device.startswith("cuda"):
        return Row("more than there is", None, "", "on a GPU only")
    try:
        nnlite.empty(1 << 45, device=device)
    except RuntimeError as error:
        nnlite.ones(8, device=device).sum().item()
        return Row("more than there is", "Tried to allocate" in str(error), str(error))
    return Row("more than there is", False, "no error")


def _bad_label(device: str) -> Row:
    name = "a label out of range"
    try:
        loss = nnlite.nn.functional.cross_entropy(
            nnlite.zeros(2, 3, device=device), nnlite.tensor([0, 5], device=device)
        )
        loss.item()
    except (IndexError, RuntimeError) as error:
        return Row(name, "5" in str(error), str(error))
    return Row(name, False, "no error")


# What a call costs the host


def costs(device: str) -> Iterator[Row]:
    """Microseconds of the host for one call, queued without waiting; the median of several runs."""
    backend = nnlite.backends.backend_for(device.partition(":")[0])
    table = nnlite.backends.table_for(nnlite.zeros(1, device=device)._a)
    x = nnlite.randn(64, 64, device=device)
    images, filters = nnlite.randn(4, 8, 16, 16, device=device), nnlite.randn(8, 8, 3, 3, device=device)
    a, xp = x._a, backend.xp
    calls: dict[str, Callable[[], Any]] = {
        "ufunc of the array library": lambda: xp.add(a, a),
        "reduction of the array library": lambda: xp.max(a, axis=1),
        "kernel of nnlite (softmax)": lambda: table.softmax(a, axis=1),
        "product of matrices": lambda: xp.matmul(a, a),
        "addition of tensors": lambda: x + x,
        "convolution": lambda: nnlite.conv2d(images, filters, padding=1),
        "softmax of tensors": lambda: nnlite.softmax(x, 1),
    }
    for name, call in calls.items():
        yield guarded(name, lambda name=name, call=call: Row(name, None, f"{_microseconds(call, backend):.1f} us"))  # type: ignore[misc]


def _microseconds(call: Callable[[], Any], backend: Any, count: int = 200) -> float:
    for _ in range(20):
        call()
    runs = []
    for _ in range(7):
        backend.synchronize()
        begin = time.perf_counter()
        for _ in range(count):
            call()
        runs.append((time.perf_counter() - begin) / count * 1e6)
    backend.synchronize()
    return sorted(runs)[len(runs) // 2]
