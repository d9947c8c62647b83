"""Saving and loading the state of modules."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import pytest

import nnlite
from nnlite import nn


class Leaf(nn.Module):
    _version = 3

    def __init__(self, device="cpu", fill=1.0):
        super().__init__()
        self.w = nn.Parameter(nnlite.ones(2, device=device) * fill)
        self.register_buffer("b", nnlite.ones(3, device=device) * fill)
        self.register_buffer("scratch", nnlite.ones(1, device=device), persistent=False)


class Tree(nn.Module):
    def __init__(self, device="cpu", fill=1.0):
        super().__init__()
        self.top = nn.Parameter(nnlite.ones(1, device=device) * fill)
        self.left = Leaf(device, fill)
        self.right = Leaf(device, fill)


class WithExtra(Leaf):
    """Also the seat of an override that runs before and after the loading of its own entries."""

    def __init__(self, device="cpu", fill=1.0, note="old"):
        super().__init__(device, fill)
        self.note = note
        self.seen_after_load = None

    def get_extra_state(self):
        return {"note": self.note}

    def set_extra_state(self, state):
        self.note = state["note"]
        self.seen_after_load = values(self.w)


def values(t):
    return t.detach().cpu().numpy().tolist()


def snapshot(module):
    return {name: values(t) for name, t in module.state_dict().items() if isinstance(t, nnlite.Tensor)}


# state_dict


def test_names_order_and_metadata(device):
    state = Tree(device).state_dict()
    assert type(state) is OrderedDict
    assert list(state) == ["top", "left.w", "left.b", "right.w", "right.b"]
    assert state._metadata == {"": {"version": 1}, "left": {"version": 3}, "right": {"version": 3}}
    assert all(type(t) is nnlite.Tensor and not t.requires_grad for t in state.values())


def test_entries_share_memory(device):
    net = Tree(device)
    state = net.state_dict()
    with nnlite.no_grad():
        net.top += 4
    assert values(state["top"]) == [5]
    assert net.state_dict(keep_vars=True)["left.w"] is net.left.w


def test_destination_and_prefix():
    net, mine = Leaf(), {"other": 1}
    assert net.state_dict(destination=mine, prefix="p.") is mine and list(mine) == ["other", "p.w", "p.b"]
    state = net.state_dict(prefix="p.")
    assert state._metadata == {"p": {"version": 3}}
    with pytest.warns(FutureWarning, match=r"Positional args are being deprecated"):
        state = net.state_dict(OrderedDict(), "q.", True)
    assert state["q.w"] is net.w


def test_tied_parameters_come_under_both_names(device):
    net = Tree(device)
    net.right.w = net.left.w
    state = net.state_dict()
    assert "left.w" in state and "right.w" in state
    other = Tree(device, fill=2.0)
    other.right.w = other.left.w
    other.load_state_dict(state)
    assert other.left.w is other.right.w and values(other.left.w) == [1, 1]


def test_state_dict_hooks():
    net = Tree()
    seen = []
    net.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append((module, prefix, keep_vars)))
    net.left.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append((module, prefix, keep_vars)))

    def add(module, state, prefix, local_metadata):
        local_metadata["note"] = "mine"
        state[prefix + "added"] = nnlite.zeros(1)

    handle = net.left.register_state_dict_post_hook(add)
    state = net.state_dict(keep_vars=True)
    assert seen == [(net, "", True), (net.left, "left.", True)]
    assert "left.added" in state and state._metadata["left"]["note"] == "mine"
    with pytest.raises(RuntimeError, match=r"Cannot register the same function as the state dict post hook"):
        net.left._register_state_dict_hook(add)
    handle.remove()
    assert "left.added" not in net.state_dict()
    handle = net.register_state_dict_post_hook(lambda module, state, prefix, local_metadata: {})
    with pytest.raises(RuntimeError, match=r"state_dict post-hook must return None"):
        net.state_dict()
    handle.remove()
    net._register_state_dict_hook(lambda module, state, prefix, local_metadata: {"replaced": 1})
    assert net.state_dict() == {"replaced": 1}


# load_state_dict


def test_load(device):
    net, parameters = Tree(device, fill=0.0), None
    parameters = list(net.parameters())
    result = net.load_state_dict(Tree(device, fill=2.0).state_dict())
    assert repr(result) == str(result) == "<All keys matched successfully>" and result == ([], [])
    assert snapshot(net) == snapshot(Tree(fill=2.0))
    assert all(a is b and a.requires_grad for a, b in zip(net.parameters(), parameters, strict=True))


def test_load_converts_device_and_dtype(device):
    source = {name: t.double() for name, t in Leaf("cpu", 2.0).state_dict().items()}
    net = Leaf(device)
    net.load_state_dict(source)
    assert net.w.dtype == nnlite.float32 and net.w.device.type == nnlite.device(device).type
    assert values(net.w) == [2, 2]


def test_load_writes_into_the_memory_of_the_parameter(device):
    net = Leaf(device)
    alias = net.w.detach()
    net.load_state_dict(Leaf(device, 5.0).state_dict())
    assert values(alias) == [5, 5]


def test_load_does_not_keep_or_change_the_argument(device):
    state = Leaf(device, 2.0).state_dict()
    state["b"] = state["b"].clone()
    before = copy.copy(state)
    net = Leaf(device)
    net.load_state_dict(state)
    with nnlite.no_grad():
        net.b.zero_()
    assert list(state) == list(before) and values(state["b"]) == [2, 2, 2] and state._metadata == before._metadata


def test_a_module_loads_its_own_state(device):
    net = Tree(device, fill=2.0)
    net.load_state_dict(net.state_dict())
    assert snapshot(net) == snapshot(Tree(fill=2.0))


def test_all_errors_at_once_and_nothing_changed(device):
    net = Tree(device)
    before = snapshot(net)
    state = Tree(device, fill=2.0).state_dict()
    del state["top"]
    state["left.w"] = nnlite.full((3,), float("nan"), device=device)
    state["right.b"] = [1, 2, 3]
    state["right.x"] = state["y.z"] = nnlite.ones(1)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    assert str(error.value) == (
        "Error(s) in loading state_dict for Tree:\n"
        '\tMissing key(s) in state_dict: "top". \n'
        '\tUnexpected key(s) in state_dict: "y.z", "right.x". \n'
        "\tsize mismatch for left.w: copying a param with shape torch.Size([3]) from checkpoint, the shape in current "
        "model is torch.Size([2]).\n"
        '\tWhile copying the parameter named "right.b", expected torch.Tensor or Tensor-like object from checkpoint '
        "but received <class 'list'>"
    )
    assert snapshot(net) == before


def test_not_strict(device):
    net = Tree(device)
    result = net.load_state_dict({"left.w": nnlite.zeros(2), "what": nnlite.ones(1)}, strict=False)
    assert result.missing_keys == ["top", "left.b", "right.w", "right.b"] and result.unexpected_keys == ["what"]
    assert repr(result) == f"_IncompatibleKeys(missing_keys={result[0]}, unexpected_keys={result[1]})"
    assert values(net.left.w) == [0, 0] and values(net.right.w) == [1, 1]
    with pytest.raises(RuntimeError, match=r"size mismatch for left.b"):
        net.load_state_dict({"left.w": nnlite.ones(2), "left.b": nnlite.ones(4)}, strict=False)
    assert values(net.left.w) == [0, 0]


def test_not_a_mapping():
    with pytest.raises(TypeError, match=r"Expected state_dict to be dict-like, got <class 'list'>."):
        Leaf().load_state_dict([])


def test_a_scalar_takes_a_vector_of_one_element(device):
    net = nn.Module()
    net.register_buffer("n", nnlite.tensor(3.0, device=device))
    net.load_state_dict({"n": nnlite.tensor([7.0])})
    assert net.n.shape == () and values(net.n) == 7
    with pytest.raises(RuntimeError, match=r"size mismatch for n: .*Size\(\[2\]\).*Size\(\[\]\)"):
        net.load_state_dict({"n": nnlite.tensor([7.0, 8.0])})


def test_assign(device):
    net, state = Leaf("cpu"), Leaf(device, 2.0).double().state_dict()
    net.w.requires_grad_(False)
    net.load_state_dict(state, assign=True)
    assert type(net.w) is nn.Parameter and not net.w.requires_grad and net.w.dtype == nnlite.float64
    assert net.w.device.type == nnlite.device(device).type and net.b is state["b"]
    assert "b" in net._buffers and list(net._parameters) == ["w"]
    theirs = nn.Parameter(nnlite.zeros(2))
    net.load_state_dict({"w": theirs, "b": nnlite.zeros(3)}, assign=True)
    assert net.w is theirs and not theirs.requires_grad


def test_assign_that_fails_changes_nothing(device):
    net = Tree(device)
    objects, before = dict(net.left._parameters), snapshot(net)
    state = Tree(device, fill=2.0).state_dict(keep_vars=True)
    state["left.b"] = nn.Parameter(state["left.b"])
    state["left.w"].requires_grad_(False)
    state["right.b"] = nnlite.ones(9)
    with pytest.raises(RuntimeError, match=r"size mismatch for right.b"):
        net.load_state_dict(state, assign=True)
    assert snapshot(net) == before and dict(net.left._parameters) == objects and "b" in net.left._buffers
    assert net.left._non_persistent_buffers_set == {"scratch"} and not state["left.w"].requires_grad


# What subclasses and hooks take part in


def test_extra_state(device):
    net = WithExtra(device, note="old")
    state = WithExtra(device, fill=2.0, note="new").state_dict()
    assert list(state) == ["w", "b", "_extra_state"] and state["_extra_state"] == {"note": "new"}
    net.load_state_dict(state)
    assert net.note == "new" and net.seen_after_load == [2, 2], "extra state comes after the parameters"
    del state["_extra_state"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"_extra_state"'):
        net.load_state_dict(state)
    state["_extra_state"] = 1
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"_extra_state"'):
        Leaf().load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"override get_extra_state"):
        Leaf().get_extra_state()
    with pytest.raises(RuntimeError, match=r"override get_extra_state"):
        Leaf().set_extra_state(1)


def test_extra_state_is_put_back_when_the_load_fails(device):
    net = nn.Module()
    net.first, net.second = WithExtra(device), Leaf(device)
    other = nn.Module()
    other.first, other.second = WithExtra(device, fill=2.0, note="new"), Leaf(device, fill=2.0)
    state = other.state_dict()
    state["second.w"] = nnlite.ones(7)
    with pytest.raises(RuntimeError, match=r"size mismatch"):
        net.load_state_dict(state)
    assert net.first.note == "old" and values(net.first.w) == [1, 1] and values(net.second.b) == [1, 1, 1]


def test_a_subclass_may_upgrade_older_entries(device):
    class Renamed(Leaf):
        def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
            if local_metadata.get("version", 1) < 3:
                state_dict[prefix + "w"] = state_dict.pop(prefix + "weight")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)
            self.seen = values(self.w)

    net = nn.Module()
    net.child = Renamed(device)
    state = OrderedDict({"child.weight": nnlite.zeros(2), "child.b": nnlite.zeros(3)})
    state._metadata = {"child": {"version": 2}}
    net.load_state_dict(state)
    assert values(net.child.w) == [0, 0] and net.child.seen == [0, 0]
    state["child.more"] = nnlite.zeros(1)
    state["child.weight"] = nnlite.zeros(2) + 5
    with pytest.raises(RuntimeError, match=r"Unexpected key"):
        net.load_state_dict(state)
    assert net.child.seen == [5, 5] and values(net.child.w) == [0, 0], "what was written is taken back"


def test_load_pre_hooks(device):
    net, seen = nn.Module(), []
    net.child = Leaf(device)

    def rename(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
        seen.append((module, prefix, strict, local_metadata))
        state_dict[prefix + "w"] = state_dict.pop(prefix + "weight")

    handle = net.child.register_load_state_dict_pre_hook(rename)
    old = net.child._register_load_state_dict_pre_hook(lambda state_dict, prefix, *rest: seen.append(prefix))
    state = {"child.weight": nnlite.zeros(2), "child.b": nnlite.zeros(3)}
    net.load_state_dict(state)
    assert seen == [(net.child, "child.", True, {}), "child."] and values(net.child.w) == [0, 0]
    assert list(state) == ["child.weight", "child.b"]
    handle.remove()
    old.remove()
    with pytest.raises(RuntimeError, match=r"Missing key"):
        net.load_state_dict(state)


def test_load_post_hooks(device):
    net, seen = Tree(device), []

    def look(module, incompatible):
        seen.append((module, values(module.w)))
        incompatible.missing_keys.clear()
        incompatible.unexpected_keys.clear()

    handle = net.right.register_load_state_dict_post_hook(look)
    result = net.load_state_dict({"right.w": nnlite.zeros(2), "odd": nnlite.zeros(1)})
    assert seen == [(net.right, [0, 0])], "the hook sees the new values"
    assert result == ([], []) and values(net.right.w) == [0, 0]
    before = snapshot(net)
    with pytest.raises(RuntimeError, match=r"size mismatch"):
        net.load_state_dict({"right.w": nnlite.ones(2), "top": nnlite.ones(3)})
    assert seen[-1] == (net.right, [1, 1]) and snapshot(net) == before
    handle.remove()
    net.register_load_state_dict_post_hook(lambda module, incompatible: 3)
    with pytest.raises(AssertionError, match=r"not expected to return new values"):
        net.load_state_dict(Tree(device, fill=9.0).state_dict())
    assert snapshot(net) == before


def test_the_last_write_to_a_tied_parameter_counts(device):
    class Overrides(Leaf):
        def _load_from_state_dict(self, *args):
            super()._load_from_state_dict(*args)

    for first, second in ((Leaf, Overrides), (Overrides, Leaf), (Leaf, Leaf)):
        net = nn.Module()
        net.first, net.second = first(device), second(device)
        net.second.w = net.first.w
        state = net.state_dict()
        state["first.w"], state["second.w"] = nnlite.zeros(2), nnlite.zeros(2) + 7
        net.load_state_dict(state)
        assert values(net.first.w) == [7, 7]


def test_an_exception_in_a_hook_takes_everything_back(device):
    net = Tree(device)
    before = snapshot(net)

    def fail(*args):
        raise KeyboardInterrupt

    net.left.register_load_state_dict_post_hook(lambda module, keys: None)
    net.right.register_load_state_dict_pre_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        net.load_state_dict(Tree(device, fill=2.0).state_dict())
    assert snapshot(net) == before


def test_a_load_inside_a_load(device):
    class Loads(Leaf):
        def _load_from_state_dict(self, state_dict, prefix, *rest):
            self.inner.load_state_dict({"w": state_dict[prefix + "w"] * 2, "b": nnlite.zeros(3)})
            super()._load_from_state_dict(state_dict, prefix, *rest)

    net = nn.Module()
    net.a, net.b = Loads(device), Leaf(device)
    net.a.__dict__["inner"] = Leaf(device)
    state = nn.Module()
    state.a, state.b = Leaf(device, 3.0), Leaf(device, 3.0)
    good, bad = state.state_dict(), state.state_dict()
    bad["b.w"] = nnlite.ones(5)
    with pytest.raises(RuntimeError, match=r"size mismatch for b.w"):
        net.load_state_dict(bad)
    assert values(net.a.inner.w) == [1, 1] and values(net.a.w) == [1, 1]
    net.load_state_dict(good)
    assert values(net.a.inner.w) == [6, 6] and values(net.a.w) == [3, 3] == values(net.b.w)


def test_load_from_state_dict_by_itself_writes_at_once(device):
    net, missing, unexpected, errors = Leaf(device), [], [], []
    net._load_from_state_dict({"p.w": nnlite.zeros(2), "p.q": 1}, "p.", {}, True, missing, unexpected, errors)
    assert values(net.w) == [0, 0] and (missing, unexpected, errors) == (["p.b"], ["p.q"], [])


def picklable_pre_hook(module, state_dict, *rest):
    module.loaded = True


def test_load_hooks_are_copied_and_pickled():
    net = Leaf()
    net.register_load_state_dict_pre_hook(picklable_pre_hook)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        twin.load_state_dict(net.state_dict())
        assert twin.loaded and not hasattr(net, "loaded"), "the hook is called with the copy"


def test_the_hook_of_a_module_that_is_gone():
    net = Leaf()
    net.register_load_state_dict_pre_hook(picklable_pre_hook)
    hook = next(iter(net._load_state_dict_pre_hooks.values()))
    del net
    with pytest.raises(RuntimeError, match=r"hook of a dead Module"):
        hook({})
