"""Checkpoints between nnlite and real PyTorch, both ways."""

from __future__ import annotations

import copy
import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import nnlite  # noqa: E402

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
          "complex128"]  # fmt: skip


def to_torch(obj, **options):
    file = io.BytesIO()
    nnlite.save(obj, file, **options)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def torch_file(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file.getvalue()


def from_torch(obj, **options):
    return nnlite.load(io.BytesIO(torch_file(obj)), **options)


def raw(t):
    """The bytes of a tensor of either library, in order."""
    t = t.detach().cpu().contiguous()
    if isinstance(t, torch.Tensor):
        t = t.resolve_conj()
    if str(t.dtype) == "torch.bfloat16":
        t = t.to(torch.float32 if isinstance(t, torch.Tensor) else nnlite.float32)
    return t.numpy().tobytes()


def same(a, b):
    assert str(a.dtype) == str(b.dtype)
    assert tuple(a.shape) == tuple(b.shape)
    assert a.requires_grad == b.requires_grad
    assert type(a).__name__ == type(b).__name__
    assert raw(a) == raw(b)


# nnlite writes, PyTorch reads


@pytest.mark.parametrize("name", DTYPES)
def test_torch_reads_our_dtypes(name, device):
    values = np.array([[0, 1, 2], [3, 100, 0]])
    ours = nnlite.tensor(values, device=device).to(getattr(nnlite, name))
    theirs = torch.tensor(values).to(getattr(torch, name))
    r = to_torch(ours)
    same(r, ours)
    assert torch.equal(r, theirs)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (2, 3, 4)])
def test_torch_reads_our_shapes(shape, device):
    ours = nnlite.ones(shape, device=device)
    r = to_torch(ours)
    same(r, ours)
    assert r.stride() == torch.ones(shape).stride()


def test_torch_sees_our_layouts(device):
    ours = nnlite.arange(24, device=device).reshape(2, 3, 4)
    theirs = torch.arange(24).reshape(2, 3, 4)
    for view in (
        lambda t: t[1:, ::2],
        lambda t: t.permute(2, 0, 1),
        lambda t: t[..., 1],
        lambda t: t[:1].expand(5, 3, 4),
        lambda t: t.transpose(0, 2)[1:3],
        lambda t: t.reshape(-1)[3:9],
    ):
        r = to_torch(view(ours))
        expected = view(theirs)
        assert torch.equal(r, expected)
        assert r.stride() == expected.stride()
        assert r.storage_offset() == expected.storage_offset()
        assert r.untyped_storage().nbytes() == expected.untyped_storage().nbytes()


def test_torch_sees_our_shared_memory(device):
    base = nnlite.zeros(6, device=device)
    r = to_torch({"head": base[:3].detach(), "base": base, "tail": base[2:], "other": nnlite.zeros(6, device=device)})
    r["base"].fill_(1)
    assert r["head"].tolist() == [1, 1, 1]
    assert r["tail"].tolist() == [1, 1, 1, 1]
    assert r["other"].tolist() == [0] * 6
    pointers = {r[k].untyped_storage().data_ptr() for k in ("head", "base", "tail")}
    assert len(pointers) == 1


def test_torch_reads_our_objects():
    value = {
        "list": [1, 2.5, None, True, "text", 2**70, -3],
        "tuple": (1, (2, (3,))),
        ("key", 1): 1 + 2j,
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"x"),
        "set": {1, "a"},
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "numpy": [np.float32(1.5), np.int64(3), np.bool_(True), np.str_("s")],
    }
    assert to_torch(value) == value
    r = to_torch([nnlite.Size([1, 2]), nnlite.float16, nnlite.bool, nnlite.device("cuda:1"), nnlite.device("cpu")])
    assert r == [torch.Size([1, 2]), torch.float16, torch.bool, torch.device("cuda:1"), torch.device("cpu")]


def test_torch_reads_our_parameters_and_gradients(device):
    p = nnlite.nn.Parameter(nnlite.ones(2, device=device))
    q = nnlite.nn.Parameter(nnlite.ones(2, device=device), requires_grad=False)
    marked = nnlite.nn.Parameter(nnlite.ones(2, device=device))
    marked.note = "kept"
    r = to_torch([p, q, p, (p * 2), p.detach(), marked, nnlite.nn.Buffer(nnlite.ones(1, device=device))])
    for a, b in zip(r, [p, q, p, p * 2, p.detach(), marked], strict=False):
        same(a, b)
    assert r[0] is r[2]
    assert r[5].note == "kept"
    assert isinstance(r[6], torch.nn.Buffer)


def test_torch_reads_our_state_dict(device):
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    ours = nnlite.nn.Sequential(
        nnlite.nn.Linear(3, 4), nnlite.nn.ReLU(), nnlite.nn.BatchNorm1d(4), nnlite.nn.Linear(4, 2)
    ).to(device)
    state = to_torch(ours.state_dict())
    assert list(state) == list(theirs.state_dict())
    assert state._metadata == theirs.state_dict()._metadata
    theirs.load_state_dict(state)
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    expected = ours.eval()(nnlite.tensor(x, device=device)).detach().cpu().numpy()
    np.testing.assert_allclose(theirs.eval()(torch.tensor(x)).detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_torch_reads_our_optimizer_state(device):
    ours = nnlite.nn.Linear(3, 2).to(device)
    theirs = torch.nn.Linear(3, 2)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    x = np.ones((4, 3), np.float32)
    first = nnlite.optim.Adam(ours.parameters(), lr=0.1)

    def step(m, model, optimizer, **options):
        optimizer.zero_grad()
        model(m.tensor(x, **options)).pow(2).sum().backward()
        optimizer.step()

    for _ in range(3):
        step(nnlite, ours, first, device=device)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    second = torch.optim.Adam(theirs.parameters(), lr=0.1)
    second.load_state_dict(to_torch(first.state_dict()))
    for _ in range(3):
        step(nnlite, ours, first, device=device)
        step(torch, theirs, second)
    for a, b in zip(theirs.parameters(), ours.parameters(), strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().cpu().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("protocol", [2, 3])
def test_torch_reads_other_protocols(protocol):
    value = {"t": nnlite.ones(2), "s": "text", "n": 3}
    if protocol == 2:
        assert to_torch(value, pickle_protocol=2)["t"].tolist() == [1, 1]
    else:
        with pytest.warns(UserWarning, match="pickle protocol 3"):
            assert to_torch(value, pickle_protocol=protocol)["t"].tolist() == [1, 1]


def test_torch_maps_our_files(tmp_path):
    nnlite.save({"a": nnlite.arange(1000.0), "b": nnlite.ones(3, dtype=nnlite.float64)}, tmp_path / "x.pt")
    r = torch.load(tmp_path / "x.pt", mmap=True, weights_only=True)
    assert r["a"].sum().item() == 499500
    assert r["b"].tolist() == [1, 1, 1]


# PyTorch writes, nnlite reads


@pytest.mark.parametrize("name", DTYPES)
def test_we_read_their_dtypes(name, device):
    t = torch.tensor([[0, 1, 2], [3, 100, 0]]).to(getattr(torch, name))
    r = from_torch(t, map_location=device)
    same(r, t)
    assert r.device.type == device.partition(":")[0]


def test_we_read_their_layouts(device):
    t = torch.arange(24).reshape(2, 3, 4)
    for view in (
        t[1:, ::2], t.permute(2, 0, 1), t[..., 1], t[:1].expand(5, 3, 4), t.reshape(-1)[3:9], t[:0], torch.tensor(7),
        torch.as_strided(t, (2, 2), (0, 1)), t.transpose(0, 1).contiguous(),
        torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    ):  # fmt: skip
        r = from_torch(view, map_location=device)
        same(r, view)
        assert r.stride() == view.stride()


def test_we_see_their_shared_memory(device):
    base = torch.zeros(6)
    layer = torch.nn.Linear(2, 2)
    tied = torch.nn.ModuleDict({"a": layer, "b": layer})
    r = from_torch([base[:3], base, base[2:].detach(), base.view(2, 3), tied.state_dict()], map_location=device)
    r[1].fill_(1)
    assert r[0].tolist() == [1, 1, 1]
    assert r[2].tolist() == [1, 1, 1, 1]
    assert r[3].tolist() == [[1, 1, 1]] * 2
    r[4]["a.bias"].fill_(5)
    assert r[4]["b.bias"].tolist() == [5, 5]


def test_we_read_their_objects():
    from collections import Counter

    value = {
        "list": [1, 2.5, None, True, "text", 2**70, -3, 300, 70000],
        "tuple": (1, (2, (3,))),
        ("key", 1): 1 + 2j,
        "bytes": b"\x00\xff" * 200,
        "bytearray": bytearray(b"x"),
        "sets": [{1, "a"}, frozenset({2})],
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "counter": Counter("abca"),
        "numpy": [np.float64(2.5), np.int32(3), np.bool_(False)],
        "long": "x" * 1000,
    }
    for protocol in 2, 3, 4, 5:
        assert nnlite.load(io.BytesIO(torch_file(value, pickle_protocol=protocol))) == value
    r = from_torch([torch.Size([1, 2]), torch.float16, torch.bool, torch.device("cuda:1"), torch.device("cpu")])
    assert r == [nnlite.Size([1, 2]), nnlite.float16, nnlite.bool, nnlite.device("cuda:1"), nnlite.device("cpu")]


def test_we_read_their_parameters_and_marks(device):
    p = torch.nn.Parameter(torch.ones(2))
    marked = torch.nn.Parameter(torch.ones(2))
    marked.note = "kept"
    tensor = torch.ones(1)
    tensor.note = [1, 2]
    conj = torch.tensor([1 + 2j, 3 - 1j]).conj()
    values = [p, p, p * 2, marked, tensor, conj, torch.nn.Parameter(torch.ones(1), requires_grad=False)]
    r = from_torch([*values, torch.nn.Buffer(torch.ones(1), persistent=False)], map_location=device)
    for a, b in zip(r, values, strict=False):
        same(a, b)
    assert r[0] is r[1]
    assert r[3].note == "kept"
    assert r[4].note == [1, 2]
    assert isinstance(r[7], nnlite.nn.Buffer)
    assert r[7].persistent is False


def test_we_read_their_negative_view(device):
    t = torch.tensor([1 + 2j]).conj().imag
    assert t.is_neg()
    assert from_torch(t, map_location=device).tolist() == [-2]


def test_we_read_their_state_dicts(device):
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )
    optimizer = torch.optim.AdamW(theirs.parameters())
    theirs(torch.randn(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    r = from_torch({"model": theirs.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, map_location=device)
    assert list(r["model"]) == list(theirs.state_dict())
    assert r["model"]._metadata == theirs.state_dict()._metadata
    for name, value in theirs.state_dict().items():
        same(r["model"][name], value)
    state = optimizer.state_dict()
    assert r["optimizer"]["param_groups"] == state["param_groups"]
    same(r["optimizer"]["state"][0]["exp_avg"], state["state"][0]["exp_avg"])
    ours = nnlite.nn.Linear(8, 3).to(device)
    last = {name.removeprefix("3."): value for name, value in r["model"].items() if name.startswith("3.")}
    ours.load_state_dict(last)
    x = np.ones((2, 8), np.float32)
    np.testing.assert_allclose(
        ours(nnlite.tensor(x, device=device)).detach().cpu().numpy(),
        theirs[3](torch.tensor(x)).detach().numpy(),
        rtol=1e-5,
        atol=1e-6,
    )


def test_we_map_their_files(tmp_path):
    torch.save({"a": torch.arange(1000.0), "b": torch.ones(3, dtype=torch.bfloat16)}, tmp_path / "x.pt")
    r = nnlite.load(tmp_path / "x.pt", mmap=True)
    assert r["a"].sum().item() == 499500
    assert r["b"].float().tolist() == [1, 1, 1]


def test_we_read_files_without_check_sums():
    torch.serialization.set_crc32_options(False)
    try:
        data = torch_file({"a": torch.arange(5)})
    finally:
        torch.serialization.set_crc32_options(True)
    assert nnlite.load(io.BytesIO(data))["a"].tolist() == [0, 1, 2, 3, 4]


def test_a_tensor_from_their_gpu():
    """The file that PyTorch writes for a tensor on cuda:9, made by changing the location in one for the CPU."""
    data = torch_file(torch.arange(3))
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith("data.pkl"):
                content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:9")
            new.writestr(name, content)
    errors = []
    for module in torch, nnlite:
        with pytest.raises(RuntimeError) as error:
            module.load(io.BytesIO(changed.getvalue()))
        errors.append(str(error.value))
    assert all("Attempting to deserialize object on" in e and "map_location" in e for e in errors)
    for where in "cpu", {"cuda:9": "cpu"}, nnlite.device("cpu"), lambda storage, location: storage:
        assert nnlite.load(io.BytesIO(changed.getvalue()), map_location=where).tolist() == [0, 1, 2]


def legacy(obj):
    """The file of the format from before PyTorch 1.6."""
    return torch_file(obj, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("weights_only", [True, False])
def test_we_read_their_old_format(weights_only, device, tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    state = OrderedDict(
        w=torch.nn.Parameter(base.t()), head=base[:2], none=torch.empty(0), more=[1, "é", torch.Size([2])]
    )
    state._metadata = {"": {"version": 1}}
    state.update({name: torch.tensor([0, 1, 3]).to(getattr(torch, name)) for name in DTYPES})
    (tmp_path / "x.pt").write_bytes(legacy(state))
    r = nnlite.load(tmp_path / "x.pt", map_location=device, weights_only=weights_only)
    assert list(r) == list(state)
    assert r._metadata == state._metadata
    assert r["more"] == [1, "é", nnlite.Size([2])]
    for name, value in state.items():
        if name != "more":
            same(r[name], value)
            assert not value.numel() or r[name].stride() == value.stride()
            assert r[name].device.type == device.partition(":")[0]
    with nnlite.no_grad():
        r["w"].zero_()
    assert r["head"].sum().item() == 0
    with pytest.raises(RuntimeError, match="mmap can only be used"):
        nnlite.load(tmp_path / "x.pt", mmap=True)


def test_whole_modules_in_their_old_format():
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())
    data = legacy(theirs)
    with pytest.raises(pickle.UnpicklingError, match=r"torch\.nn\.modules"):
        nnlite.load(io.BytesIO(data))
    ours = nnlite.load(io.BytesIO(data), weights_only=False)
    x = np.array([[1.0, -2.0]], np.float32)
    np.testing.assert_allclose(
        ours(nnlite.tensor(x)).detach().numpy(), theirs(torch.tensor(x)).detach().numpy(), rtol=1e-6
    )


def test_damaged_files_of_their_old_format():
    good = legacy({"a": torch.arange(100.0), "b": torch.ones(3)})
    for end in range(14, len(good), 11):
        with pytest.raises((RuntimeError, EOFError, pickle.UnpicklingError)):
            nnlite.load(io.BytesIO(good[:end]))
    for old, new in (b"K\x64", b"K\x65"), (b"K\x64", b"M\xff\xff"), (b"FloatStorage", b"LongStorages"):
        assert old in good
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            nnlite.load(io.BytesIO(good.replace(old, new, 1)))
    with pytest.raises(pickle.UnpicklingError, match="resolve_conj"):
        nnlite.load(io.BytesIO(legacy(torch.tensor([1j]).conj())))


def test_dtypes_that_we_lack_are_named():
    for dtype in torch.uint16, torch.float8_e4m3fn:
        with pytest.raises(pickle.UnpicklingError, match=f"no dtype {dtype}"):
            from_torch(torch.zeros(2).to(dtype))


def test_kinds_of_tensors_that_we_lack_are_named():
    with pytest.raises(pickle.UnpicklingError, match="_rebuild_sparse_tensor"):
        from_torch(torch.eye(2).to_sparse())
    with pytest.raises(pickle.UnpicklingError, match="_rebuild_meta_tensor"):
        from_torch(torch.ones(2, device="meta"))


def test_numpy_arrays_where_they_are_allowed():
    from numpy._core.multiarray import _reconstruct, scalar

    value = {"a": np.arange(6.0).reshape(2, 3).T, "s": np.float32(3)}
    allowed = [_reconstruct, scalar, np.ndarray, np.dtype, *(type(np.dtype(c)) for c in "fd")]
    for data in torch_file(value), _ours(value):
        for module in torch, nnlite:
            with pytest.raises(pickle.UnpicklingError, match="numpy"):
                module.load(io.BytesIO(data))
            with module.serialization.safe_globals(allowed):
                r = module.load(io.BytesIO(data))
            np.testing.assert_array_equal(r["a"], value["a"])
            assert r["s"] == 3


def _ours(obj):
    file = io.BytesIO()
    nnlite.save(obj, file)
    return file.getvalue()


def test_schedulers_states_both_ways():
    for module, back in (torch, nnlite), (nnlite, torch):
        optimizer = module.optim.SGD([module.nn.Parameter(module.ones(2))], lr=1.0)
        for make in (
            lambda s, o: s.StepLR(o, 3), lambda s, o: s.MultiStepLR(o, [1, 2]), lambda s, o: s.ExponentialLR(o, 0.9),
            lambda s, o: s.CosineAnnealingLR(o, 5), lambda s, o: s.ReduceLROnPlateau(o),
        ):  # fmt: skip
            state = make(module.optim.lr_scheduler, optimizer).state_dict()
            file = io.BytesIO()
            module.save(state, file)
            file.seek(0)
            loaded = back.load(file, weights_only=True)
            assert loaded == state
            other = back.optim.SGD([back.nn.Parameter(back.ones(2))], lr=1.0)
            make(back.optim.lr_scheduler, other).load_state_dict(loaded)


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_torch_reads_our_storages_and_layouts(device):
    t = nnlite.arange(6.0, device=device)
    r = to_torch([t[2:].storage(), t[1:], nnlite.strided])
    assert r[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert r[0].data_ptr() + 4 == r[1].data_ptr()
    assert r[2] is torch.strided
    theirs = torch.arange(6)
    r = from_torch([theirs.untyped_storage(), torch.strided, torch.ones(2).storage()], map_location=device)
    assert r[0].tolist() == theirs.untyped_storage().tolist()
    assert r[1] is nnlite.strided
    assert r[2].tolist() == [1, 1]


def test_unsafe_globals_are_told_alike():
    value = [Named(), torch.ones(2), OrderedDict(a=1), {1, 2}]
    data = torch_file(value)
    found = [m.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data)) for m in (torch, nnlite)]
    assert found[0] == found[1] == [f"{Named.__module__}.Named"]


def test_names_of_the_serialization_module():
    ours = nnlite.serialization
    public = {n for n in torch.serialization.__all__ if n[0].islower() and "storage" not in n}
    absent = {"register_package", "skip_data", "check_module_version_greater_or_equal", "mkdtemp",
              "validate_cuda_device", "validate_hpu_device"}  # fmt: skip
    assert {n for n in public if not hasattr(ours, n)} == absent


class Named:
    pass


def test_both_refuse_the_same_files():
    """A file that one loader refuses with UnpicklingError the other one refuses so, too."""
    good = torch_file({"a": torch.ones(2)})
    bad = [
        torch_file(Named()),
        torch_file(np.ones(2)),
        torch_file(print),
        b"\x89PNG" + bytes(9),
    ]
    for data in bad:
        for module in torch, nnlite:
            with pytest.raises(pickle.UnpicklingError):
                module.load(io.BytesIO(data), weights_only=True)
    for data in good[:-30], good[:300], b"PK\x03\x04":
        for module in torch, nnlite:
            with pytest.raises(RuntimeError):
                module.load(io.BytesIO(data))
    for module in torch, nnlite:
        with pytest.raises(EOFError):
            module.load(io.BytesIO(b""))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m, path: m.load(path / "none.pt"), FileNotFoundError),
        (lambda m, path: m.load(path), IsADirectoryError),
        (lambda m, path: m.load(3), AttributeError),
        (lambda m, path: m.save(1, 3), AttributeError),
        (lambda m, path: m.save(1, path / "none" / "x.pt"), RuntimeError),
        (lambda m, path: m.save(1, path), RuntimeError),
        (lambda m, path: m.load(io.BytesIO(torch_file(1)), mmap=True), ValueError),
        (lambda m, path: m.load(io.BytesIO(torch_file(torch.ones(1))), map_location="nonsense"), RuntimeError),
        (lambda m, path: m.load(io.BytesIO(torch_file(torch.ones(1))), map_location=3), TypeError),
        (lambda m, path: m.load(io.BytesIO(torch_file(torch.ones(1))), map_location=lambda s, l: 3), TypeError),
    ],
)
def test_errors_are_of_the_same_type(call, error, tmp_path):
    for module in torch, nnlite:
        with pytest.raises(error):
            call(module, tmp_path)


# Both ways


@st.composite
def layouts(draw):
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    slices = [
        slice(draw(st.integers(0, n - 1)), draw(st.sampled_from([None, n])), draw(st.integers(1, 2))) for n in shape
    ]
    return shape, order, tuple(slices)


@given(layouts())
def test_any_layout_both_ways(layout):
    shape, order, slices = layout
    n = int(np.prod(shape))
    theirs = torch.arange(n).reshape(shape)[slices].permute(*order)
    ours = nnlite.arange(n).reshape(shape)[slices].permute(*order)
    read, written = from_torch(theirs), to_torch(ours)
    same(read, theirs)
    same(written, ours)
    assert read.stride() == theirs.stride()
    assert written.stride() == theirs.stride()
    assert written.storage_offset() == theirs.storage_offset()


def test_round_trip_through_both():
    state = OrderedDict(a=torch.randn(3, 4).t(), b=torch.ones(2, dtype=torch.bfloat16))
    state._metadata = {"": {"version": 1}}
    r = to_torch(from_torch(copy.copy(state)))
    assert r._metadata == state._metadata
    for name in state:
        assert torch.equal(r[name], state[name])
        assert r[name].stride() == state[name].stride()
