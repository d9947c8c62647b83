"""How far an epoch has come, so that it can be resumed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...._core.rng import Generator, cpu_generator
from ..distributed import DistributedSampler
from ..sampler import BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler

__all__ = ["Progress", "RandomStates"]

_OURS = (BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler, DistributedSampler)


class RandomStates:
    """The states of the random numbers that the order of an epoch can depend on.

    These are nnlite's global generator, the generators of the loader and of its samplers, and, for samplers that are
    not of this package, those of ``random`` and ``numpy.random``.
    """

    def __init__(self, loader: Any) -> None:
        self._generators = list(_generators(loader))
        samplers = [s for s in _samplers(loader) if not getattr(s, "_endless", False)]
        self._foreign = not all(type(s) in _OURS for s in samplers)

    def get(self) -> dict[str, Any]:
        """The states, as plain values."""
        state: dict[str, Any] = {
            "global": _place(cpu_generator),
            "generators": [_place(g) for g in self._generators],
        }
        if self._foreign:
            kind, keys, *rest = np.random.get_state(legacy=True)
            state["random"] = random.getstate()
            state["numpy"] = (kind, keys.tolist(), *rest)  # type: ignore[union-attr]
        return state

    def set(self, state: dict[str, Any]) -> None:
        """Go back to states that :meth:`get` returned."""
        _go(cpu_generator, state["global"])
        self.set_own(state)
        if "random" in state and self._foreign:
            version, numbers, gauss = state["random"]
            random.setstate((version, tuple(numbers), gauss))
            kind, keys, *rest = state["numpy"]
            np.random.set_state((kind, np.array(keys, np.uint32), *rest))

    def set_own(self, state: dict[str, Any]) -> None:
        """Only the generators that belong to the loader and its samplers."""
        for generator, place in zip(self._generators, state["generators"], strict=True):
            _go(generator, place)

    def keep_global(self) -> Callable[[], None]:
        """A function that sets back all but the loader's own generators."""
        before = self.get()
        before["generators"] = []
        others = copy.copy(self)
        others._generators = []
        return lambda: others.set(before)


def _place(generator: Generator) -> tuple[int, int]:
    return generator.initial_seed(), generator.get_offset()


def _go(generator: Generator, place: tuple[int, int]) -> None:
    seed, offset = place
    generator.manual_seed(seed).set_offset(offset)


def _samplers(loader: Any) -> Iterator[Any]:
    """The sampler and what it takes its indices from."""
    sampler = loader._index_sampler
    while sampler is not None:
        yield sampler
        sampler = getattr(sampler, "sampler", None)


def _generators(loader: Any) -> Iterator[Generator]:
    """The loader's generator and those of its samplers, each once."""
    seen: set[int] = {id(cpu_generator)}
    for owner in (loader, *_samplers(loader)):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, Generator) and id(generator) not in seen:
            seen.add(id(generator))
            yield generator


class Progress:
    """What has been yielded in an epoch.

    Args:
        random_states: where the random numbers stood when it began, which its order comes of.
        num_workers: how many processes go through the dataset, for iterable-style datasets; else 0.
    """

    def __init__(self, random_states: dict[str, Any], num_workers: int) -> None:
        self.start = random_states
        self.done = 0  # tasks 0 to done - 1 are done
        self.ahead: set[int] = set()  # and these, where batches are not yielded in order
        self.finished = False
        self.next_worker = 0
        self.yielded = [0] * num_workers
        self.states: list[Any] = [None] * num_workers
        self.ended = [False] * num_workers
        self.ask: Callable[[], Any] | None = None  # the state of a dataset in this process

    def finish(self, task: int) -> None:
        """A task is done."""
        if task != self.done:
            self.ahead.add(task)
            return
        self.done += 1
        while self.done in self.ahead:
            self.ahead.remove(self.done)
            self.done += 1

    def batch_from(self, worker: int, state: Any) -> None:
        """A batch of an iterable-style dataset was yielded."""
        self.yielded[worker] += 1
        self.states[worker] = state
        self.next_worker = (worker + 1) % len(self.yielded)

    def state_dict(self) -> dict[str, Any]:
        """Plain values, from which :meth:`restored` makes the same progress."""
        if self.ask is not None:
            self.states[0] = copy.deepcopy(self.ask())
        names = ("done", "next_worker", "yielded", "states", "ended")
        return {
            "random": self.start,
            "ahead": sorted(self.ahead),
            **{name: copy.copy(getattr(self, name)) for name in names},
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Progress:
        """The progress that ``state_dict`` told of."""
        made = cls(state["random"], len(state["yielded"]))
        for name in ("done", "next_worker", "yielded", "states", "ended"):
            setattr(made, name, copy.copy(state[name]))
        made.ahead = set(state["ahead"])
        return made
