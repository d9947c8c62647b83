"""A stand-in for the module ``cudnn``: it takes the graphs that nnlite builds, and computes them in the host's memory,
reading and writing at the pointers, dims and strides that it was given.

It knows only the functions and parameters that nnlite uses, as version 1.23 of the frontend has them.
"""

from __future__ import annotations

import ctypes
import enum
import itertools
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

data_type = enum.Enum("data_type", "FLOAT DOUBLE HALF BFLOAT16 NOT_SET")
heur_mode = enum.Enum("heur_mode", "A B FALLBACK")
numerical_note = enum.Enum("numerical_note", "TENSOR_CORE DOWN_CONVERT_INPUTS NONDETERMINISTIC WINOGRAD")
behavior_note = enum.Enum("behavior_note", "RUNTIME_COMPILATION SUPPORTS_CUDA_GRAPH_NATIVE_API")
diagonal_alignment = enum.Enum("diagonal_alignment", "TOP_LEFT BOTTOM_RIGHT")

DTYPES = {
    data_type.FLOAT: np.dtype("float32"),
    data_type.DOUBLE: np.dtype("float64"),
    data_type.HALF: np.dtype("float16"),
    data_type.BFLOAT16: np.dtype(ml_dtypes.bfloat16),
}
ALIGNMENT = 16


class cudnnGraphNotSupportedError(Exception):
    pass


@dataclass
class Candidate:
    """A plan in the list that the heuristics give."""

    name: str
    notes: tuple[Any, ...] = ()
    workspace: int = 0
    builds: bool = True
    fails: bool = False


@dataclass
class Setting:
    """What the stand-in does, and what it was asked for."""

    version: int = 91901
    candidates: list[Candidate] = field(default_factory=lambda: [Candidate("first")])
    refuses: str = ""
    handles: int = 0
    streams: list[tuple[int, int]] = field(default_factory=list)
    graphs: list[Any] = field(default_factory=list)
    ran: list[tuple[int, str]] = field(default_factory=list)


class Tensor:
    def __init__(self, dim, stride, data_type, uid):
        assert all(type(n) is int for n in (*dim, *stride)), (dim, stride)
        assert len(dim) == len(stride) >= 4
        self.dim, self.stride, self.kind, self.uid = list(dim), list(stride), data_type, uid
        self.is_output, self.compute = False, None

    def set_output(self, value):
        self.is_output = value
        return self

    def set_dim(self, dim):
        assert all(type(n) is int for n in dim), dim
        self.dim = dim
        return self

    def set_stride(self, stride):
        assert all(type(n) is int for n in stride), stride
        self.stride = stride
        return self

    def set_uid(self, uid):
        self.uid = uid
        return self

    def set_data_type(self, kind):
        self.kind = kind
        return self

    def memory(self, pointers):
        """The array at a pointer; a view of the memory itself."""
        assert self.dim is not None, f"{self.uid} has no dims"
        pointer, dtype = pointers[self.uid], DTYPES[self.kind]
        assert type(pointer) is int
        assert pointer % ALIGNMENT == 0, f"{self.uid} is not aligned"
        extent = 1 + sum((n - 1) * s for n, s in zip(self.dim, self.stride, strict=True))
        raw = (ctypes.c_char * (extent * dtype.itemsize)).from_address(pointer)
        return np.ndarray(self.dim, dtype, raw, strides=[s * dtype.itemsize for s in self.stride])

    def read(self, pointers):
        if self.compute is not None:
            return self.compute(pointers)
        return self.memory(pointers).astype(np.float64)


class Graph:
    def __init__(self, setting, *, io_data_type, intermediate_data_type, compute_data_type, handle):
        self.setting = setting
        self.io, self.wide, self.handle = io_data_type, compute_data_type, handle
        assert intermediate_data_type is compute_data_type
        self.tensors, self.ruled_out, self.built, self.stage = [], set(), set(), "described"
        setting.graphs.append(self)

    def _made(self, compute, count=1):
        made = [Tensor([1] * 4, [1] * 4, data_type.NOT_SET, None) for _ in range(count)]
        for position, tensor in enumerate(made):
            tensor.dim = tensor.stride = None
            tensor.compute = lambda pointers, p=position: compute(pointers)[p]
            self.tensors.append(tensor)
        return made

    def tensor(self, *, dim, stride, uid, data_type=None):
        self.tensors.append(Tensor(dim, stride, data_type or self.io, uid))
        return self.tensors[-1]

    # Operations

    def conv_fprop(self, *, image, weight, **geometry):
        def compute(p):
            return [convolve(image.read(p), weight.read(p), **geometry)]

        return self._made(compute)[0]

    def conv_dgrad(self, *, loss, filter, **geometry):
        def compute(p):
            return [spread(loss.read(p), filter.read(p), out.dim, **geometry)]

        out = self._made(compute)[0]
        return out

    def conv_wgrad(self, *, image, loss, **geometry):
        def compute(p):
            return [correlate(image.read(p), loss.read(p), out.dim, **geometry)]

        out = self._made(compute)[0]
        return out

    def add(self, a, b):
        return self._made(lambda p: [a.read(p) + b.read(p)])[0]

    def sdpa(self, *, q, k, v, generate_stats, attn_scale, bias=None, dropout=(), **band):
        assert generate_stats
        assert len(dropout) in (0, 2)

        def compute(p):
            scores = scored(q.read(p), k.read(p), attn_scale, None if bias is None else bias.read(p), **band)
            top = scores.max(-1, keepdims=True)
            sums = top + np.log(np.exp(scores - top).sum(-1, keepdims=True))
            weights = np.exp(scores - sums)
            for factor in dropout:
                weights = weights * factor.read(p)
            return weights @ v.read(p), sums

        return self._made(compute, 2)

    def sdpa_backward(
        self, *, q, k, v, o, dO, stats, attn_scale, use_deterministic_algorithm, bias=None, dropout=(), **band
    ):
        self.deterministic_attention = use_deterministic_algorithm
        assert len(dropout) in (0, 3)

        def compute(p):
            scores = scored(q.read(p), k.read(p), attn_scale, None if bias is None else bias.read(p), **band)
            weights = np.exp(scores - stats.read(p))
            g = dO.read(p)
            kept, factor, part = (t.read(p) for t in dropout) if dropout else (1.0, 1.0, 1.0)
            np.testing.assert_allclose(factor * part, 1.0, rtol=1e-6)
            down = g @ v.read(p).swapaxes(2, 3) * kept - (g * o.read(p)).sum(-1, keepdims=True) * part
            down *= weights * attn_scale * factor
            used = weights * kept * factor
            return down @ k.read(p), down.swapaxes(2, 3) @ q.read(p), used.swapaxes(2, 3) @ g

        return self._made(compute, 3)

    # Plans

    def _next(self, before, after):
        assert self.stage == before, (self.stage, after)
        self.stage = after

    def validate(self):
        self._next("described", "validated")

    def build_operation_graph(self):
        self._next("validated", "graph")
        if self.setting.refuses:
            raise cudnnGraphNotSupportedError(self.setting.refuses)

    def create_execution_plans(self, modes):
        assert modes == [heur_mode.A, heur_mode.FALLBACK]
        self._next("graph", "listed")

    def deselect_numeric_notes(self, notes):
        assert self.stage == "listed"
        self.ruled_out |= set(notes)

    deselect_behavior_notes = deselect_numeric_notes

    def get_execution_plan_count(self):
        return len(self.setting.candidates)

    def build_plan_at_index(self, index):
        assert self.stage == "listed"
        candidate = self.setting.candidates[index]
        if self.ruled_out & set(candidate.notes):
            raise cudnnGraphNotSupportedError("Deselecting execution plan")
        if not candidate.builds:
            raise RuntimeError(f"no kernel for {candidate.name}")
        self.built.add(index)

    def get_workspace_size_plan_at_index(self, index):
        assert index in self.built
        return self.setting.candidates[index].workspace

    def get_plan_name_at_index(self, index):
        return self.setting.candidates[index].name

    def _execute_plan_at_index(self, pointers, workspace, index, handle):
        assert index in self.built
        assert type(workspace) is int
        candidate = self.setting.candidates[index]
        self.setting.ran.append((handle, candidate.name))
        if candidate.fails:
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        assert (workspace != 0) == (candidate.workspace != 0)
        if workspace:
            ctypes.memset(workspace, 0xAB, candidate.workspace)  # what else lies there will be seen to be lost
        outputs = [t for t in self.tensors if t.is_output]
        assert set(pointers) == {t.uid for t in self.tensors if t.uid is not None}
        values = [t.read(pointers) for t in outputs]
        for tensor, value in zip(outputs, values, strict=True):
            memory = tensor.memory(pointers)
            assert memory.shape == value.shape
            memory[...] = value.astype(memory.dtype)


class FakeCudnn:
    """The module; ``setting`` is what it does."""

    data_type, heur_mode, numerical_note, behavior_note = data_type, heur_mode, numerical_note, behavior_note
    diagonal_alignment, cudnnGraphNotSupportedError = diagonal_alignment, cudnnGraphNotSupportedError

    def __init__(self, **setting):
        self.setting = Setting(**setting)

    def backend_version(self):
        return self.setting.version

    def create_handle(self):
        self.setting.handles += 1
        return self.setting.handles

    def set_stream(self, handle, stream):
        self.setting.streams.append((handle, stream))

    def pygraph(self, **options):
        return Graph(self.setting, **options)


# Reference computations on arrays of float64


def taps(kernel, pre, stride, dilation, out):
    """Each place of a kernel, and the part of the padded image that it meets at all positions of the result."""
    for tap in itertools.product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilation, strict=True)]
        where = [slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, out, stride, strict=True)]
        yield (slice(None), slice(None), *tap), (slice(None), slice(None), *where)


def padded_sizes(sizes, pre, post):
    return [n + a + b for n, a, b in zip(sizes, pre, post, strict=True)]


def inside(sizes, pre):
    return (slice(None), slice(None), *(slice(a, a + n) for n, a in zip(sizes, pre, strict=True)))


def by_group(x, groups, axis):
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def out_sizes(sizes, kernel, pre_padding, post_padding, stride, dilation):
    rest = zip(padded_sizes(sizes, pre_padding, post_padding), kernel, stride, dilation, strict=True)
    return [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in rest]


def convolve(x, w, *, pre_padding, post_padding, stride, dilation):
    groups = x.shape[1] // w.shape[1]
    out = out_sizes(x.shape[2:], w.shape[2:], pre_padding, post_padding, stride, dilation)
    image = np.zeros((*x.shape[:2], *padded_sizes(x.shape[2:], pre_padding, post_padding)))
    image[inside(x.shape[2:], pre_padding)] = x
    y = np.zeros((x.shape[0], groups, w.shape[0] // groups, *out))
    for tap, where in taps(w.shape[2:], pre_padding, stride, dilation, out):
        y += np.einsum("ngc...,goc->ngo...", by_group(image[where], groups, 1), by_group(w[tap], groups, 0))
    return y.reshape(x.shape[0], w.shape[0], *out)


def spread(g, w, shape, *, pre_padding, post_padding, stride, dilation):
    groups = shape[1] // w.shape[1]
    assert list(g.shape[2:]) == out_sizes(shape[2:], w.shape[2:], pre_padding, post_padding, stride, dilation)
    image = np.zeros((shape[0], shape[1], *padded_sizes(shape[2:], pre_padding, post_padding)))
    for tap, where in taps(w.shape[2:], pre_padding, stride, dilation, g.shape[2:]):
        part = np.einsum("ngo...,goc->ngc...", by_group(g, groups, 1), by_group(w[tap], groups, 0))
        image[where] += part.reshape(part.shape[0], -1, *part.shape[3:])
    return image[inside(shape[2:], pre_padding)]


def correlate(x, g, shape, *, pre_padding, post_padding, stride, dilation):
    groups = x.shape[1] // shape[1]
    assert list(g.shape[2:]) == out_sizes(x.shape[2:], shape[2:], pre_padding, post_padding, stride, dilation)
    image = np.zeros((*x.shape[:2], *padded_sizes(x.shape[2:], pre_padding, post_padding)))
    image[inside(x.shape[2:], pre_padding)] = x
    w = np.zeros(shape)
    for tap, where in taps(shape[2:], pre_padding, stride, dilation, g.shape[2:]):
        met, gradient = (a.reshape(a.shape[0], groups, a.shape[1] // groups, -1) for a in (image[where], g))
        part = np.einsum("ngcs,ngos->goc", met, gradient)
        w[tap] = part.reshape(shape[:2])
    return w


def scored(q, k, scale, bias, **band):
    scores = q @ k.swapaxes(2, 3) * scale
    if band:
        assert band == {"diagonal_alignment": diagonal_alignment.TOP_LEFT, "diagonal_band_right_bound": 0}
        rows, keys = scores.shape[2:]
        scores[..., np.arange(keys)[None] > np.arange(rows)[:, None]] = -np.inf
    return scores if bias is None else scores + bias
