"""Random numbers: one counter-based generator, the same numbers on every device.

Philox 4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns (seed, counter) into 8
words of 32 random bits. It was chosen because NumPy has it as a bit generator in C (0.5 million float32 in 1.2 ms,
where ``numpy.random.Generator`` takes 3.4) and because a GPU can compute any part of the stream by itself. A
generator's state is its seed and how many blocks it has used.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..backends import backend_for
from ..backends.base import Backend
from ..backends.capture import current, refuse_seed
from ..backends.kernels import GENERIC
from ..backends.registry import tables
from . import dtypes
from .device import as_device, available, device
from .tensor_base import TensorBase, wrap

_MASK = (1 << 64) - 1


def fresh_seed() -> int:
    """63 bits of the system's source of randomness."""
    return int.from_bytes(os.urandom(8), "little") >> 1


class Generator:
    """A stream of random numbers with a state of its own.

    Args:
        device: where the numbers are made.

    Example:
        >>> import nnlite
        >>> g = nnlite.Generator().manual_seed(0)
        >>> a = nnlite.rand(2, generator=g)
        >>> bool((a == nnlite.rand(2, generator=g.manual_seed(0))).all())
        True
    """

    def __init__(self, device: Any = "cpu") -> None:
        self.device = as_device("cpu" if device is None else device)
        self._seed = 67280421310721  # PyTorch's seed of a generator that nobody seeded
        self._used = 0

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of ``seed``, an integer of up to 64 bits; -1 is the same as 2^64 - 1.

        Raises:
            RuntimeError: it is no integer. ValueError: it does not fit in 64 bits.
        """
        if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(1 << 63) <= seed <= _MASK:
            raise ValueError(f"Overflow when unpacking long long: the seed {seed} does not fit in 64 bits")
        refuse_seed(self.device.type)
        self._seed = int(seed) & _MASK
        self._used = 0
        return self

    def seed(self) -> int:
        """Start the stream of a seed from the system's source of randomness; returns it."""
        self.manual_seed(fresh_seed())
        return self._seed

    def initial_seed(self) -> int:
        """The seed of the stream."""
        return self._seed

    def get_state(self) -> Any:
        """Seed and position as a tensor of 16 bytes."""
        raw = self._seed.to_bytes(8, "little") + self._used.to_bytes(8, "little")
        return wrap(np.frombuffer(raw, np.uint8).copy())

    def set_state(self, new_state: Any) -> Generator:
        """Go to a state that ``get_state`` gave."""
        if not isinstance(new_state, TensorBase) or new_state._a.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor, as Generator.get_state() returns it")
        if new_state._a.shape != (16,):
            raise RuntimeError(f"RNG state is wrong size: expected 16 bytes, got {new_state._a.size}")
        raw = bytes(np.asarray(new_state._a))
        self._seed = int.from_bytes(raw[:8], "little")
        self._used = int.from_bytes(raw[8:], "little")
        return self

    def clone_state(self) -> Generator:
        """A generator at the same place of the same stream."""
        other = Generator(self.device)
        other._seed, other._used = self._seed, self._used
        return other

    def get_offset(self) -> int:
        """The place in the stream: how many blocks of 8 words of 32 bits were used."""
        return self._used

    def set_offset(self, offset: int) -> None:
        """Go to a place in the stream that ``get_offset`` gave."""
        self._used = int(offset) & _MASK

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (str(self.device), self._seed, self._used)

    def bits(self, n: int, like: Any = None) -> Any:
        """The next ``n`` words of 32 bits, as a raw array on the generator's device (or that of ``like``)."""
        return self.bits_at(self.reserve(-(-n // 8)), n, like)

    def bits_at(self, block: int, n: int, like: Any = None) -> Any:
        """``n`` words from a block of the stream on, which stays where it is."""
        return backend_for(self.device.type).xp.random_bits(self._seed, block, n, like)

    def reserve(self, blocks: int) -> int:
        """Go on by so many blocks of 8 words; returns the number of the first."""
        if current.capture is not None and current.capture.backend.name == self.device.type:
            return current.capture.place(self, blocks)
        first = self._used
        self._used = (first + blocks) & _MASK
        return first


def _restored(where: str, seed: int, used: int) -> Generator:
    made = Generator(where)
    made._seed, made._used = seed, used
    return made


_generators: dict[tuple[str, int | None], Generator] = {}
_seed_of_all: list[int] = []


def default_generator(backend: Backend, index: int | None) -> Generator:
    """The generator that functions use when none is given."""
    key = (backend.name, index)
    found = _generators.get(key)
    if found is None:
        found = _generators[key] = Generator(device(backend.name) if index is None else device(backend.name, index))
        if _seed_of_all:
            found._seed = _seed_of_all[0] & _MASK
    return found


cpu_generator = default_generator(backend_for("cpu"), None)


def manual_seed(seed: int) -> Generator:
    """Seed the default generators of all devices; returns the CPU's. A fraction is cut off, as ``int()`` does.

    Raises:
        ValueError: the seed does not fit in 64 bits.

    Example:
        >>> import nnlite
        >>> g = nnlite.manual_seed(0)
        >>> g.initial_seed()
        0
    """
    seed = int(seed)
    cpu_generator.manual_seed(seed)
    _seed_of_all[:] = [seed]
    for generator in _generators.values():
        generator.manual_seed(seed)
    return cpu_generator


def seed() -> int:
    """Seed all default generators from the system's source of randomness; returns the seed."""
    value = fresh_seed()
    manual_seed(value)
    return value


def initial_seed() -> int:
    """The seed of the CPU's default generator."""
    return cpu_generator.initial_seed()


def get_rng_state() -> Any:
    """The state of the CPU's default generator."""
    return cpu_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Set the state of the CPU's default generator."""
    cpu_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:  # fmt: skip
    """A context that leaves the random numbers of the CPU and of ``devices`` as they were before it.

    Args:
        devices: the devices, as numbers or device objects; None for all of the type.
        enabled: False does nothing.
        device_type: the type of the devices.

    Example:
        >>> import nnlite
        >>> before = nnlite.get_rng_state()
        >>> with nnlite.random.fork_rng():
        ...     x = nnlite.rand(3)
        >>> bool((nnlite.get_rng_state() == before).all())
        True
    """
    kind = as_device(device_type).type
    if not enabled:
        yield
        return
    if devices is None:
        # A device that nobody used has no generator yet; it starts from the seed.
        generators = [g for (name, _), g in _generators.items() if name in ("cpu", kind)]
    else:
        named = [device(kind, d) if isinstance(d, int) else as_device(d) for d in devices]
        generators = [cpu_generator, *(default_generator(*available(d)) for d in named)]
    kept, seeds = [(g, g.clone_state()) for g in generators], list(_seed_of_all)
    try:
        yield
    finally:
        for generator, state in kept:
            generator._seed, generator._used = state._seed, state._used
        _seed_of_all[:] = seeds


# ---------------------------------------------------------------------------------------------------------------------
# Distributions, as raw arrays


def setting(where: Any, generator: Generator | None) -> tuple[Backend, int | None, Generator]:
    """The backend, device index and generator for numbers on ``where``.

    Raises:
        TypeError: ``generator`` is none. RuntimeError: it is one of another device type.
    """
    backend, index = available(where)
    if generator is None:
        return backend, index, default_generator(backend, index)
    if not isinstance(generator, Generator):
        raise TypeError(f"argument 'generator' must be Generator, not {type(generator).__name__}")
    if generator.device.type != backend.name:
        raise RuntimeError(
            f"Expected a '{backend.name}' device type for generator but found '{generator.device.type}' "
            f"(make it with Generator(device='{backend.name}'))"
        )
    return backend, index, generator


_MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24}


def random_uniform(xp: Any, seed: int, counter: int, n: int, *, kind: np.dtype) -> Any:
    """``n`` numbers in [0, 1) of a stream from a block on, each a multiple of 2^-m, with m bits in the mantissa."""
    if kind == np.float64:
        words = xp.random_bits(seed, counter, 2 * n).reshape(n, 2)
        high = words[:, 0].astype("float64") * 2.0**21
        low = (words[:, 1] >> 11).astype("float64")
        return (high + low) * 2.0**-53
    bits = _MANTISSA[kind.name]
    out = (xp.random_bits(seed, counter, n) >> (32 - bits)).astype("float32")
    out *= xp.float32(2.0**-bits)
    return out.astype(kind, copy=False)


def random_normal(xp: Any, seed: int, counter: int, n: int, *, kind: np.dtype) -> Any:
    """``n`` standard normal numbers, by Box and Muller's transform."""
    half = (n + 1) // 2
    work = kind if kind == np.float64 else np.dtype(np.float32)
    u = random_uniform(xp, seed, counter, 2 * half, kind=work).reshape(2, half)
    radius = xp.sqrt(-2.0 * xp.log(1 - u[0]))  # 1 - u is exact, and log is faster than log1p
    angle = u[1] * (2 * math.pi)
    out = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])[:n]
    return out.astype(kind, copy=False)


def random_integers(xp: Any, seed: int, counter: int, n: int, *, low: int, span: int) -> Any:
    """``n`` numbers of int64 in [low, low + span)."""
    if span <= 1 << 32:
        scaled = xp.random_bits(seed, counter, n).astype("uint64")
        scaled *= xp.uint64(span)  # the bias is below span / 2^32
        scaled >>= xp.uint64(32)
    else:
        scaled = xp.random_bits(seed, counter, 2 * n).view("uint64")
        scaled = scaled % span if span < 1 << 64 else scaled
    scaled = scaled.view("int64")
    if low:
        scaled += low
    return scaled


def random_mask(xp: Any, seed: int, counter: int, n: int, *, limit: int) -> Any:
    """``n`` bools, true where a word of 32 bits is below ``limit``."""
    words = xp.random_bits(seed, counter, n)
    return words < limit if limit < 1 << 32 else words >= 0


def random_exponential(xp: Any, seed: int, counter: int, n: int, *, scale: float, kind: np.dtype) -> Any:
    """``n`` exponentially distributed numbers of mean ``scale``, by the inverse of their distribution function."""
    work = kind if kind == np.float64 else np.dtype(np.float32)
    out = xp.log(1 - random_uniform(xp, seed, counter, n, kind=work))
    out *= -scale
    return out.astype(kind, copy=False)


for _body in (random_uniform, random_normal, random_integers, random_mask, random_exponential):
    GENERIC[_body.__name__] = _body


def _drawn(setting: tuple[Backend, int | None, Generator], name: str, n: int, words: int, **attributes: Any) -> Any:
    """``n`` numbers of one of the above, which takes so many words of the stream."""
    backend, index, source = setting
    with backend.use(index):
        draw = getattr(tables[backend.array_type], name)
        return draw(source._seed, source.reserve(-(-words // 8)), n, **attributes)


def uniform(shape: tuple[int, ...], kind: dtypes.dtype, where: Any, generator: Generator | None = None) -> Any:
    """Numbers in [0, 1), each a multiple of 2^-m where m is the number of the dtype's mantissa bits."""
    n = math.prod(shape)
    words = 2 * n if kind.name == "float64" else n
    return _drawn(setting(where, generator), "random_uniform", n, words, kind=kind.np).reshape(shape)


def normal(shape: tuple[int, ...], kind: dtypes.dtype, where: Any, generator: Generator | None = None) -> Any:
    """Standard normal numbers, by Box and Muller's transform."""
    n = math.prod(shape)
    words = (n + 1) // 2 * (4 if kind.name == "float64" else 2)
    return _drawn(setting(where, generator), "random_normal", n, words, kind=kind.np).reshape(shape)


def integers(low: int, high: int, shape: tuple[int, ...], where: Any, generator: Generator | None = None) -> Any:
    """int64 numbers in [low, high)."""
    n, span = math.prod(shape), high - low
    words = n if span <= 1 << 32 else 2 * n
    return _drawn(setting(where, generator), "random_integers", n, words, low=low, span=span).reshape(shape)


def exponential(
    shape: tuple[int, ...], kind: dtypes.dtype, scale: float, where: Any, generator: Generator | None = None
) -> Any:
    """Exponentially distributed numbers of mean ``scale``."""
    n = math.prod(shape)
    words = 2 * n if kind.name == "float64" else n
    given = setting(where, generator)
    return _drawn(given, "random_exponential", n, words, scale=scale, kind=kind.np).reshape(shape)


def below(shape: tuple[int, ...], chance: float, where: Any, generator: Generator | None = None) -> Any:
    """Where a float32 number of `uniform` would be below ``chance``, a number in [0, 1] that is rounded to float32."""
    n = math.prod(shape)
    limit = math.ceil(float(np.float32(chance)) * 2**24) << 8
    return _drawn(setting(where, generator), "random_mask", n, n, limit=limit).reshape(shape)


def permutation(n: int, where: Any, generator: Generator | None = None) -> Any:
    """The numbers 0 to n - 1 in random order: the order of n random keys of 64 bits.

    Below a million numbers each stands in the last bits of its key, and the keys are sorted in place of their
    positions, which is three times as fast; 44 bits are then left to chance.
    """
    backend, index, source = setting(where, generator)
    with backend.use(index):
        xp = backend.xp
        keys = source.bits(2 * n).view("uint64")
        if n > 1 << 20:
            return xp.argsort(keys)
        bits = xp.uint64(max(n - 1, 0).bit_length())
        keys = xp.sort((keys >> bits << bits) | xp.arange(n, dtype="uint64"))
        return (keys & xp.uint64((1 << int(bits)) - 1)).view("int64")


def mask(shape: tuple[int, ...], p: float, like: Any, generator: Generator | None = None) -> Any:
    """True with probability ``p``, to within 2^-32."""
    from .device import device_of

    n = math.prod(shape)
    limit = 1 << 32 if p >= 1 else int(p * 2**32)
    return _drawn(setting(device_of(like), generator), "random_mask", n, n, limit=limit).reshape(shape)


def place(like: Any, words: int) -> dict[str, int]:
    """The place in the stream of the default generator for an array's device, as ``seed`` and ``counter``; the
    generator goes on by so many words of 32 bits."""
    from .device import device_of

    _, _, source = setting(device_of(like), None)
    return {"seed": source._seed, "counter": source.reserve(-(-words // 8))}
