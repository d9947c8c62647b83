"""save and load: what is kept."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict, defaultdict, deque
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serialization_files import host, reload, same, saved, storages, with_pickle

import nnlite

INTEGERS = ["bool", "uint8", "int8", "int16", "int32", "int64"]
DTYPES = [*INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]

# What is kept


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes(name, device):
    t = nnlite.tensor(np.array([[0, 1, 2], [3, 1, 0]]).astype(name), device=device)
    r = reload(t)
    same(r, t)
    assert r.dtype is getattr(nnlite, name)
    assert r.shape == (2, 3)


def test_bfloat16(device):
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    t = nnlite.tensor([1.5, -2.0, 3e38], device=device).to(nnlite.bfloat16)
    r = reload(t)
    assert r.dtype is nnlite.bfloat16
    same(r.float(), t.float())
    assert storages(saved(t)) == {"archive/data/0": 6}


def test_special_values(device):
    t = nnlite.tensor([float("inf"), -float("inf"), float("nan"), -0.0], device=device)
    assert host(reload(t)).tobytes() == host(t).tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1), (2, 3, 4, 5)])
def test_shapes(shape, device):
    t = nnlite.randn(*shape, device=device) if shape else nnlite.tensor(3.0, device=device)
    r = reload(t)
    same(r, t)
    assert r.shape == t.shape


PLAIN = [
    None, True, False, 0, -1, 255, 256, 65536, -(2**31), 2**31, 2**70, -(2**70), 1 << 3000, 0.1, float("inf"), 1 + 2j,
    "", "text", "ünï\U0001f600", "\ud800", b"", b"\x00\xff", bytearray(b"ab"), (), (1,), (1, 2), (1, 2, 3),
    (1, 2, 3, 4), [], [1, [2, [3]]], {}, {"a": {"b": 1}, 2: "c", (1, "x"): None}, set(), {1, "a", (2, 3)},
    frozenset({1, (2,)}),
    OrderedDict([("b", 1), ("a", 2)]), Counter("abca"),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("value", PLAIN)
def test_plain_objects(value, protocol):
    r = nnlite.load(io.BytesIO(saved([value, value], pickle_protocol=protocol)))
    assert r == [value, value]
    assert type(r[0]) is type(value)


def test_long_bytes():
    value = [b"a" * 100_000, bytearray(b"\xff" * 100_000), "b" * 100_000, set(range(10_000))]
    for protocol in 2, 5:
        assert nnlite.load(io.BytesIO(saved(value, pickle_protocol=protocol))) == value


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_in_every_protocol(protocol, device):
    t = nnlite.arange(6.0, device=device)
    p = nnlite.nn.Parameter(t[:2])
    p.note = [t, nnlite.Size([3])]
    marked = t[1:].clone()
    marked.note = {"p": p}
    value = {"t": t, "again": t, "p": p, "frozen": nnlite.nn.Parameter(t, False), "marked": marked, "d": t.dtype}
    data = saved(
        [value, (nnlite.device("cuda:300"), nnlite.device("cpu"), nnlite.Size([1, 2]))], pickle_protocol=protocol
    )
    for weights_only in True, False:
        r, others = nnlite.load(io.BytesIO(data), map_location=device, weights_only=weights_only)
        assert r["t"] is r["again"] is r["p"].note[0]
        assert r["marked"].note["p"] is r["p"]
        assert r["p"].tolist() == [0, 1]
        assert (r["p"].requires_grad, r["frozen"].requires_grad, r["d"]) == (True, False, nnlite.float32)
        assert others == (nnlite.device("cuda:300"), nnlite.device("cpu"), nnlite.Size([1, 2]))


def test_cyclic_and_shared_containers():
    a: list = [1]
    a.append(a)
    b = {"x": a, "y": a}
    r = reload(b)
    assert r["x"] is r["y"]
    assert r["x"][1] is r["x"]


def test_nnlite_objects():
    value = {"size": nnlite.Size([2, 3]), "dtype": nnlite.float16, "bool": nnlite.bool, "cpu": nnlite.device("cpu"),
             "cuda": nnlite.device("cuda:1"), nnlite.int64: nnlite.device("strict")}  # fmt: skip
    r = reload(value)
    assert r == value
    assert type(r["size"]) is nnlite.Size
    assert r["dtype"] is nnlite.float16


@pytest.mark.parametrize(
    "kind", [np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, np.complex64, np.str_]
)
def test_numpy_scalars_become_python_objects(kind):
    value = kind(1)
    r = reload({"a": value})["a"]
    assert r == value
    assert type(r) is type(value.item())


def test_numpy_scalars_written_by_pickle_are_read():
    for value in np.float32(1.5), np.int64(-3), np.bool_(True), np.complex128(1 + 2j), np.array(2.5, ">f8")[()]:
        data = with_pickle(pickle.dumps([value], protocol=2))
        r = nnlite.load(io.BytesIO(data))[0]
        assert r == value
        assert isinstance(r, np.generic)


def test_state_dict_keeps_its_metadata():
    state = OrderedDict(weight=nnlite.ones(2))
    state._metadata = OrderedDict({"": {"version": 2}})
    r = reload(state)
    assert type(r) is OrderedDict
    assert r._metadata == state._metadata


def test_module_and_optimizer_states(device):
    model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 4), nnlite.nn.ReLU(), nnlite.nn.BatchNorm1d(4)).to(device)
    optimizer = nnlite.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(nnlite.randn(5, 3, device=device)).pow(2).sum().backward()
        optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "rng": nnlite.get_rng_state()}
    r = reload(state, map_location=device)
    assert r["model"]._metadata == state["model"]._metadata
    for name, value in state["model"].items():
        same(r["model"][name], value)
        assert r["model"][name].device == value.device
    other = nnlite.nn.Sequential(nnlite.nn.Linear(3, 4), nnlite.nn.ReLU(), nnlite.nn.BatchNorm1d(4)).to(device)
    other.load_state_dict(r["model"])
    again = nnlite.optim.Adam(other.parameters(), lr=0.1)
    again.load_state_dict(r["optimizer"])
    x = nnlite.randn(5, 3, device=device)
    for m, o in (model, optimizer), (other, again):
        o.zero_grad()
        m(x).pow(2).sum().backward()
        o.step()
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        same(a, b)


def test_gradients_and_leaves(device):
    leaf = nnlite.ones(2, device=device, requires_grad=True)
    result = leaf * 2
    r = reload([leaf, result, leaf.detach()], map_location=device)
    assert [t.requires_grad for t in r] == [True, True, False]
    assert all(t.is_leaf for t in r)
    r[0].sum().backward()
    assert r[0].grad.tolist() == [1, 1]


def test_parameters(device):
    p = nnlite.nn.Parameter(nnlite.ones(2, device=device))
    frozen = nnlite.nn.Parameter(nnlite.zeros(2, device=device), requires_grad=False)
    p.group = {"lr": 0.1}
    a, b, c = reload([p, frozen, p], map_location=device)
    assert type(a) is type(b) is nnlite.nn.Parameter
    assert a is c
    assert (a.requires_grad, b.requires_grad) == (True, False)
    assert a.group == {"lr": 0.1}
    same(a, p)


def test_buffer_and_attributes(device):
    b = nnlite.nn.Buffer(nnlite.ones(1, device=device), persistent=False)
    t = nnlite.ones(1, device=device)
    t.note = "kept"
    rb, rt = reload([b, t])
    assert isinstance(rb, nnlite.nn.Buffer)
    assert rb.persistent is False
    assert rt.note == "kept"


class Tagged(nnlite.Tensor):
    pass


def test_subclass_needs_permission(device):
    t = nnlite.Tensor._make_subclass(Tagged, nnlite.ones(2, device=device))
    t.tag = 3
    data = saved(t)
    with pytest.raises(pickle.UnpicklingError, match=r"test_save_load\.Tagged"):
        nnlite.load(io.BytesIO(data))
    with nnlite.serialization.safe_globals([Tagged]):
        r = nnlite.load(io.BytesIO(data))
    assert type(r) is Tagged
    assert r.tag == 3
    assert type(nnlite.load(io.BytesIO(data), weights_only=False)) is Tagged


# Layout and sharing


def test_strides_and_offsets_are_kept(device):
    base = nnlite.arange(24, device=device).reshape(4, 6)
    for view in base.t(), base[1:, ::2], base[2], base.t()[1:3], base[:, 4], base[:1].expand(5, 6):
        r, whole = reload([view, base], map_location=device)
        same(r, view)
        assert r.stride() == view.stride()
        assert r.data_ptr() - whole.data_ptr() == view.storage_offset() * 8


def test_the_whole_storage_of_a_view_is_saved_once(device):
    base = nnlite.zeros(1000, device=device)
    assert storages(saved([base[:10], base[5:], base])) == {"archive/data/0": 4000}
    assert storages(saved(base[:10])) == {"archive/data/0": 4000}
    assert storages(saved(base[:10].clone())) == {"archive/data/0": 40}
    assert storages(saved(nnlite.zeros(1, device=device).expand(1000))) == {"archive/data/0": 4}


def test_views_share_memory_after_load(device):
    base = nnlite.arange(6, device=device)
    r = reload({"base": base, "head": base[:2], "matrix": base.reshape(2, 3), "tail": base[4:]}, map_location=device)
    r["base"].fill_(7)
    assert r["head"].tolist() == [7, 7]
    assert r["matrix"].tolist() == [[7] * 3] * 2
    r["tail"].zero_()
    assert r["base"].tolist() == [7, 7, 7, 7, 0, 0]


def test_detached_views_share_whichever_comes_first(device):
    base = nnlite.arange(6, device=device)
    parts = [base[3:].detach(), base[:4].detach(), base]
    data = saved(parts)
    assert len(storages(data)) == 1
    r = nnlite.load(io.BytesIO(data), map_location=device)
    for a, b in zip(r, parts, strict=True):
        same(a, b)
    r[2].zero_()
    assert r[0].tolist() == [0, 0, 0]
    assert r[1].tolist() == [0, 0, 0, 0]


def test_tied_parameters_stay_tied(device):
    model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 3, bias=False), nnlite.nn.Linear(3, 3, bias=False)).to(device)
    model[1].weight = model[0].weight
    data = saved(model.state_dict())
    assert list(storages(data).values()) == [36]
    r = nnlite.load(io.BytesIO(data), map_location=device)
    r["0.weight"].zero_()
    assert r["1.weight"].tolist() == [[0.0] * 3] * 3


def test_separate_tensors_stay_separate(device):
    a, b = reload([nnlite.ones(2, device=device), nnlite.ones(2, device=device)])
    a.zero_()
    assert b.tolist() == [1, 1]


def test_same_memory_as_two_dtypes_is_refused(device):
    z = nnlite.ones(2, dtype=nnlite.complex64, device=device)
    real = nnlite.from_numpy(np.ones(2, np.complex64))
    parts = [real, nnlite.from_numpy(real.numpy().view(np.float32))]
    with pytest.raises(RuntimeError, match="view the same data as different types"):
        nnlite.save(parts, io.BytesIO())
    same(reload(z), z)


def test_slices_of_numpy_arrays_are_their_own_storage():
    array = np.arange(1000.0)
    assert storages(saved(nnlite.from_numpy(array[10:15]))) == {"archive/data/0": 40}
    strided = nnlite.from_numpy(array[10:20:3])
    same(reload(strided), strided)


def test_loaded_tensors_can_be_written_to(device, tmp_path):
    nnlite.save(nnlite.zeros(3, device=device), tmp_path / "t.pt")
    t = nnlite.load(tmp_path / "t.pt", map_location=device)
    t += 1
    assert t.tolist() == [1, 1, 1]


@st.composite
def views(draw):
    """A program of views of one tensor: a list of (name, arguments)."""
    steps = []
    for _ in range(draw(st.integers(0, 4))):
        steps.append(draw(st.sampled_from(["t", "head", "tail", "even", "first", "expand", "detach"])))
    return steps


def apply(t, steps):
    for step in steps:
        if step == "detach":
            t = t.detach()
        elif t.ndim == 0:
            continue
        elif step == "t":
            t = t.permute(*reversed(range(t.ndim)))
        elif step == "head":
            t = t[: max(1, t.shape[0] // 2)]
        elif step == "tail":
            t = t[t.shape[0] // 2 :]
        elif step == "even":
            t = t[::2]
        elif step == "first":
            t = t[0]
        elif step == "expand" and t.shape[0] == 1:
            t = t.expand(3, *t.shape[1:])
    return t


@given(st.lists(views(), min_size=1, max_size=4))
def test_any_views_keep_values_and_sharing(programs):
    base = nnlite.arange(60).reshape(3, 4, 5)
    tensors = [apply(base, steps) for steps in programs]
    loaded = reload(tensors)
    for a, b in zip(tensors, loaded, strict=True):
        same(a, b)
        assert a.stride() == b.stride()
    for i in range(len(tensors)):
        for j in range(i):
            overlap = bool(set(tensors[i].flatten().tolist()) & set(tensors[j].flatten().tolist()))
            if overlap:
                assert np.shares_memory(loaded[i].numpy(), loaded[j].numpy())


# Other objects


class Config:
    def __init__(self, depth):
        self.depth = depth


def test_other_classes_need_permission():
    data = saved({"config": Config(3)})
    message = r"test_save_load\.Config.*add_safe_globals.*weights_only=False"
    with pytest.raises(pickle.UnpicklingError, match=message):
        nnlite.load(io.BytesIO(data))
    assert nnlite.load(io.BytesIO(data), weights_only=False)["config"].depth == 3
    with nnlite.serialization.safe_globals([Config]):
        assert nnlite.serialization.get_safe_globals() == [Config]
        assert nnlite.load(io.BytesIO(data))["config"].depth == 3
    assert nnlite.serialization.get_safe_globals() == []


def test_safe_globals_by_name():
    data = saved(Fraction(1, 3))
    nnlite.serialization.add_safe_globals([(Fraction, "fractions.Fraction")])
    try:
        assert nnlite.load(io.BytesIO(data)) == Fraction(1, 3)
    finally:
        nnlite.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError, match=r"fractions\.Fraction"):
        nnlite.load(io.BytesIO(data))


def test_safe_globals_never_open_the_system():
    data = with_pickle(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    with (
        nnlite.serialization.safe_globals([(os.system, "os.system")]),
        pytest.raises(pickle.UnpicklingError, match=r"os\.system.*blocked"),
    ):
        nnlite.load(io.BytesIO(data))


def test_whole_modules(device):
    model = nnlite.nn.Sequential(nnlite.nn.Linear(3, 4), nnlite.nn.BatchNorm1d(4)).to(device)
    model[1].note = model[0].weight[0]
    data = saved(model)
    with pytest.raises(pickle.UnpicklingError, match=r"nnlite\.nn\.modules\.\w+\.\w+"):
        nnlite.load(io.BytesIO(data))
    r = nnlite.load(io.BytesIO(data), weights_only=False, map_location=device)
    assert repr(r) == repr(model)
    x = nnlite.randn(5, 3, device=device)
    same(r(x), model(x))


def test_what_cannot_be_pickled(tmp_path):
    with pytest.raises((AttributeError, pickle.PicklingError)):
        nnlite.save(lambda: 0, tmp_path / "x.pt")
    assert os.listdir(tmp_path) == []


def test_classes_that_hold_things(device):
    """Subclasses of list and dict, and functions given to functions, where the user allows them."""
    groups = defaultdict(list, a=[1], b=[nnlite.ones(2, device=device)])
    value = {"groups": groups, "queue": deque([1, 2], 5), "range": range(3), "slice": slice(1, None), "path": Path("x")}
    allowed = [defaultdict, list, deque, range, slice, type(Path("x"))]
    for protocol in 2, 4:
        data = saved(value, pickle_protocol=protocol)
        with pytest.raises(pickle.UnpicklingError, match=r"collections\.defaultdict"):
            nnlite.load(io.BytesIO(data))
        with nnlite.serialization.safe_globals(allowed):
            r = nnlite.load(io.BytesIO(data), map_location=device)
        assert r["groups"].default_factory is list
        same(r["groups"]["b"][0], groups["b"][0])
        assert r["queue"] == value["queue"]
        assert r["queue"].maxlen == 5
        assert (r["range"], r["slice"], r["path"]) == (range(3), slice(1, None), Path("x"))


NUMPY = [np.ndarray, np.dtype, np._core.multiarray._reconstruct, np._core.numeric._frombuffer]


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("code", ["?", "u1", "<u2", "<i8", ">i4", "<f2", "<f4", ">f8", "<c8", "<c16", "<U5", "|S3"])
def test_numpy_arrays_where_they_are_allowed(code, protocol):
    array = np.arange(6).reshape(2, 3).astype(code)
    value = [array, array.T, array[:0], array[0, 0], np.dtype(code)]
    data = with_pickle(pickle.dumps(value, protocol=protocol))
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[numpy\._core\.\w+\._"):
        nnlite.load(io.BytesIO(data))
    with nnlite.serialization.safe_globals(NUMPY):
        loaded = nnlite.load(io.BytesIO(data))
    for a, b in zip(loaded, value, strict=True):
        assert (a == b).all() if isinstance(b, np.ndarray) else a == b
    assert loaded[0].dtype in (array.dtype, array.dtype.newbyteorder("="))  # NumPy swaps, with some protocols
    assert np.dtype("f8").isnative
    loaded[0][...] = 0  # their own memory


def test_numpy_arrays_of_objects_stay_refused():
    for array in np.array([print]), np.zeros(2, "f4,i4"), np.array(["2020"], "M8[D]"):
        data = with_pickle(pickle.dumps(array, protocol=2))
        with (
            nnlite.serialization.safe_globals([*NUMPY, print]),
            pytest.raises(pickle.UnpicklingError, match=r"not one of plain numbers"),
        ):
            nnlite.load(io.BytesIO(data))


def test_storages_and_layouts(device):
    t = nnlite.arange(6.0, device=device).reshape(2, 3)
    r, layout, view = reload([t.storage(), nnlite.strided, t[1]], map_location=device)
    assert isinstance(r, nnlite.TypedStorage)
    assert r.tolist() == [0, 1, 2, 3, 4, 5]
    assert r.data_ptr() + 12 == view.data_ptr()
    assert layout is nnlite.strided
    again = reload([r, view])
    assert again[0].tolist() == r.tolist()
    raw = nnlite.arange(3, dtype=nnlite.uint8, device=device)
    assert reload(raw.untyped_storage()).tolist() == [0, 1, 2]
    with pytest.raises(NotImplementedError, match=r"storage\(\)"):
        nnlite.save(t.untyped_storage(), io.BytesIO())


def test_schedulers_and_generators(device):
    parameter = nnlite.nn.Parameter(nnlite.ones(2, device=device))
    optimizer = nnlite.optim.SGD([parameter], lr=1.0)
    schedulers = nnlite.optim.lr_scheduler
    made = [
        schedulers.StepLR(optimizer, 2),
        schedulers.MultiStepLR(optimizer, [1, 3]),
        schedulers.ReduceLROnPlateau(optimizer),
        schedulers.CosineAnnealingLR(optimizer, 5),
    ]
    generator = nnlite.Generator(device).manual_seed(5)
    r = reload({"states": [s.state_dict() for s in made], "rng": generator.get_state()}, map_location="cpu")
    for scheduler, state in zip(made, r["states"], strict=True):
        assert state == scheduler.state_dict()
        scheduler.load_state_dict(state)
    other = nnlite.Generator(device)
    other.set_state(r["rng"])
    expected = nnlite.rand(3, generator=generator, device=device)
    same(nnlite.rand(3, generator=other, device=device), expected)


def test_unsafe_globals_in_checkpoint(tmp_path):
    unsafe = nnlite.serialization.get_unsafe_globals_in_checkpoint
    value = {
        "t": nnlite.nn.Parameter(nnlite.ones(2)),
        "f": Fraction(1, 2),
        "c": [Config(1), Fraction(1, 3)],
        "r": range,
    }
    for protocol in 2, 4:
        nnlite.save(value, tmp_path / "x.pt", pickle_protocol=protocol)
        mine = f"{Config.__module__}.Config"
        assert sorted(unsafe(tmp_path / "x.pt")) == sorted(["builtins.range", "fractions.Fraction", mine])
        with nnlite.serialization.safe_globals([Fraction, range]), open(tmp_path / "x.pt", "rb") as file:
            assert unsafe(file) == [mine]
    assert unsafe(io.BytesIO(saved(nnlite.ones(2)))) == []
    for bad in b"text", b"", saved(value)[:200], with_pickle(b"\x80\x02\xff"), with_pickle(b"\x80\x04\x93."):
        with pytest.raises(ValueError, match=r"nnlite\.save"):
            unsafe(io.BytesIO(bad))


def test_arguments_of_pickle():
    old = with_pickle(b"\x80\x02U\x02\xc3\xa9.")  # a str of Python 2
    assert nnlite.load(io.BytesIO(old)) == "é"
    assert nnlite.load(io.BytesIO(old), encoding="latin1") == "Ã©"
    for weights_only in True, False:
        assert nnlite.load(io.BytesIO(old), encoding="bytes", weights_only=weights_only) == b"\xc3\xa9"
    with pytest.raises(TypeError, match="colour"):
        nnlite.load(io.BytesIO(old), colour="red")
    names = zipfile.ZipFile(io.BytesIO(saved(1, _disable_byteorder_record=True))).namelist()
    assert "archive/byteorder" not in names
