"""Tensors of data, of patterns, of random numbers."""

from __future__ import annotations

import numpy as np
import pytest

import nnlite
from nnlite import Size


class TestTensor:
    @pytest.mark.parametrize(
        "data, dtype, want",
        [
            (3, "int64", 3),
            (2.5, "float32", 2.5),
            (True, "bool", True),
            (1j, "complex64", 1j),
            ([1, 2], "int64", [1, 2]),
            ([1, 2.5], "float32", [1, 2.5]),
            ([True, 2], "int64", [1, 2]),
            ([], "float32", []),
            ([[]], "float32", [[]]),
            (((1, 2), (3, 4)), "int64", [[1, 2], [3, 4]]),
            (range(3), "int64", [0, 1, 2]),
            (np.float64(2.5), "float64", 2.5),
            (np.float32(2.5), "float32", 2.5),
            ([np.float32(1), 2], "float32", [1, 2]),
            (np.array([1, 2], np.int32), "int32", [1, 2]),
            (np.array([True]), "bool", [True]),
            ([np.array([1.0]), np.array([2.0])], "float64", [[1], [2]]),
            ([float("nan")], "float32", None),
            ([1, 2**62], "int64", [1, 2**62]),
        ],
    )
    def test_type_follows_the_data(self, data, dtype, want, device):
        t = nnlite.tensor(data, device=device)
        assert t.dtype is getattr(nnlite, dtype)
        assert want is None or t.tolist() == want

    def test_tensors_in_lists(self, device):
        parts = [nnlite.tensor(1.5, device=device), nnlite.tensor(2, device=device)]
        t = nnlite.tensor(parts, device=device)
        assert t.dtype is nnlite.float32 and t.tolist() == [1.5, 2]

    def test_data_is_copied(self, device):
        array = np.array([1.0, 2.0])
        t = nnlite.tensor(array, device=device)
        array[0] = 9
        assert t.tolist() == [1, 2]

    def test_of_a_tensor_copies_and_warns(self, device):
        x = nnlite.ones(2, device=device, requires_grad=True)
        with pytest.warns(UserWarning, match=r"sourceTensor.detach\(\).clone\(\)"):
            y = nnlite.tensor(x)
        assert not y.requires_grad and y.data_ptr() != x.data_ptr() if device == "cpu" else True

    @pytest.mark.parametrize(
        "data, error, text",
        [
            ("text", TypeError, "invalid data type 'str'"),
            ([1, "a"], TypeError, "invalid data type 'str'"),
            (None, RuntimeError, "Could not infer dtype of NoneType"),
            ([None], RuntimeError, "Could not infer dtype of NoneType"),
            ({"a": 1}, RuntimeError, "Could not infer dtype of dict"),
            (object(), RuntimeError, "Could not infer dtype of object"),
            ([[1, 2], [3]], ValueError, r"expected sequence of length 2 at dim 1 \(got 1\)"),
            ([[1, 2], 3], TypeError, "not a sequence"),
            ([1, [2]], TypeError, "cannot be interpreted"),
            (2**63, ValueError, "Overflow when unpacking long"),
            (2**70, ValueError, "Overflow"),
            (np.array(["a"]), TypeError, "can't convert np.ndarray"),
            (np.array([None]), TypeError, "can't convert np.ndarray"),
            (np.array([1], ">i4"), ValueError, "byte order"),
        ],
    )
    def test_what_is_no_number(self, data, error, text):
        with pytest.raises(error, match=text):
            nnlite.tensor(data)


class TestShared:
    def test_from_numpy_shares(self):
        array = np.zeros(3)
        t = nnlite.from_numpy(array)
        t.add_(1)
        array[0] = 5
        assert t.tolist() == [5, 1, 1] and array.tolist() == [5, 1, 1]

    def test_as_tensor_shares_where_it_can(self):
        array = np.zeros(3, np.float32)
        assert np.shares_memory(nnlite.as_tensor(array).numpy(), array)
        assert not np.shares_memory(nnlite.as_tensor(array, dtype=nnlite.float64).numpy(), array)
        t = nnlite.ones(2)
        assert nnlite.as_tensor(t) is t
        assert nnlite.as_tensor(t, dtype=nnlite.int64).dtype is nnlite.int64
        assert nnlite.as_tensor([1, 2]).dtype is nnlite.int64

    def test_as_tensor_moves(self, device):
        assert str(nnlite.as_tensor(np.zeros(2), device=device).device).startswith(device)

    @pytest.mark.parametrize(
        "array, error",
        [
            ([1], TypeError),
            (np.array(["a"]), TypeError),
            (np.arange(3)[::-1], ValueError),
            (np.array([1], ">i4"), ValueError),
        ],
    )
    def test_from_numpy_refuses(self, array, error):
        with pytest.raises(error):
            nnlite.from_numpy(array)

    def test_arrays_that_cannot_be_written_to(self):
        array = np.zeros(3)
        array.flags.writeable = False
        with pytest.warns(UserWarning, match="not writable"):
            t = nnlite.from_numpy(array)
        with pytest.raises(ValueError, match="read-only"):
            t.add_(1)

    def test_dlpack(self):
        t = nnlite.arange(4.0)
        array = np.from_dlpack(t)
        array[0] = 9
        assert t[0].item() == 9
        back = nnlite.from_dlpack(np.arange(3.0))
        assert back.dtype is nnlite.float64 and back.tolist() == [0, 1, 2]
        twin = nnlite.from_dlpack(t)
        twin.add_(1)
        assert t[1].item() == 2
        with pytest.raises(BufferError, match="require gradient"):
            nnlite.ones(2, requires_grad=True).__dlpack__()


class TestPatterns:
    @pytest.mark.parametrize("name, value", [("zeros", 0), ("ones", 1)])
    def test_filled(self, name, value, device):
        make = getattr(nnlite, name)
        for t in (
            make(2, 3, device=device),
            make((2, 3), device=device),
            make(Size([2, 3]), device=device),
            make(size=(2, 3), device=device),
        ):
            assert t.shape == (2, 3) and t.dtype is nnlite.float32 and bool((t == value).all())
        assert make(2, dtype=nnlite.int8, device=device).dtype is nnlite.int8
        assert make((), device=device).shape == () and make(0, 2, device=device).numel() == 0
        assert make(2, device=device, requires_grad=True).requires_grad
        like = getattr(nnlite, name + "_like")(nnlite.empty(2, dtype=nnlite.float64, device=device))
        assert like.dtype is nnlite.float64 and str(like.device).startswith(device)
        assert getattr(like, "new_" + name)(3, 1).shape == (3, 1)

    def test_full(self, device):
        assert nnlite.full((2,), 3, device=device).dtype is nnlite.int64
        assert nnlite.full((2,), 3.0, device=device).dtype is nnlite.float32
        assert nnlite.full((2,), True, device=device).dtype is nnlite.bool
        assert nnlite.full((), nnlite.tensor(2.5), device=device).item() == 2.5
        assert nnlite.full_like(nnlite.zeros(2, device=device), 3).tolist() == [3, 3]

    @pytest.mark.parametrize(
        "args, want",
        [
            ((5,), [0, 1, 2, 3, 4]),
            ((1, 4), [1, 2, 3]),
            ((1, 6, 2), [1, 3, 5]),
            ((5, 1, -2), [5, 3]),
            ((0,), []),
            ((1.5,), [0, 1]),
            ((0, 1, 0.25), [0, 0.25, 0.5, 0.75]),
            ((3, 3), []),
        ],
    )
    def test_arange(self, args, want, device):
        t = nnlite.arange(*args, device=device)
        assert t.tolist() == want
        assert t.dtype is (nnlite.float32 if any(isinstance(a, float) for a in args) else nnlite.int64)

    def test_arange_by_keyword(self, device):
        assert nnlite.arange(end=3, device=device).tolist() == [0, 1, 2]
        assert nnlite.arange(3, dtype=nnlite.float16, device=device).dtype is nnlite.float16

    def test_linspace_and_eye(self, device):
        assert nnlite.linspace(0, 1, 5, device=device).tolist() == [0, 0.25, 0.5, 0.75, 1]
        assert nnlite.linspace(3, 9, 1, device=device).tolist() == [3]
        assert nnlite.linspace(0, 1, 0, device=device).tolist() == []
        assert nnlite.eye(2, 3, device=device).tolist() == [[1, 0, 0], [0, 1, 0]]

    @pytest.mark.parametrize(
        "call, error, text",
        [
            (lambda: nnlite.zeros(-1), RuntimeError, "negative dimension -1"),
            (lambda: nnlite.rand(2, -3), RuntimeError, "negative dimension -3"),
            (lambda: nnlite.full((-1,), 0), RuntimeError, "negative dimension"),
            (lambda: nnlite.zeros(2.5), TypeError, "tuple of ints"),
            (lambda: nnlite.zeros("a"), TypeError, "tuple of ints"),
            (lambda: nnlite.zeros(2, colour=1), TypeError, "unexpected keyword argument 'colour'"),
            (lambda: nnlite.arange(1, 5, 0), RuntimeError, "step must be nonzero"),
            (lambda: nnlite.arange(1, 5, -1), RuntimeError, "inconsistent with step sign"),
            (lambda: nnlite.linspace(0, 1, -1), RuntimeError, "non-negative"),
            (lambda: nnlite.eye(-1), RuntimeError, "greater or equal to 0"),
            (lambda: nnlite.zeros_like([1]), TypeError, "zeros_like.*must be Tensor, not list"),
            (lambda: nnlite.zeros(2, device="cpu:3x"), RuntimeError, "Invalid device string"),
            (lambda: nnlite.zeros(2, device="gpu"), RuntimeError, "Expected one of .*cpu.*cuda"),
        ],
    )
    def test_refused(self, call, error, text):
        with pytest.raises(error, match=text):
            call()


class TestConstructor:
    def test_sizes_and_data(self):
        assert nnlite.Tensor(2, 3).shape == (2, 3) and nnlite.Tensor().shape == (0,)
        t = nnlite.Tensor([1, 2])
        assert t.dtype is nnlite.float32 and t.tolist() == [1, 2]
        assert nnlite.Tensor(nnlite.tensor([1.0])).tolist() == [1]

    def test_subclasses(self):
        class Named(nnlite.Tensor):
            pass

        t = Named([1.0, 2.0])
        assert type(t) is Named and isinstance(t, nnlite.Tensor) and (t * 2).tolist() == [2, 4]


class TestDefaultDevice:
    def test_context(self, device):
        with nnlite.device(device):
            made = [
                nnlite.zeros(1),
                nnlite.tensor([1]),
                nnlite.rand(1),
                nnlite.arange(2),
                nnlite.full((1,), 1),
                nnlite.randperm(2),
                nnlite.eye(1),
            ]
        assert all(str(t.device).startswith(device) for t in made)
        assert nnlite.zeros(1).is_cpu

    def test_set_default_device(self, device):
        nnlite.set_default_device(device)
        try:
            assert str(nnlite.zeros(1).device).startswith(device) and str(nnlite.get_default_device()).startswith(
                device
            )
        finally:
            nnlite.set_default_device(None)
        assert nnlite.get_default_device() == nnlite.device("cpu")

    def test_device_objects(self):
        one = nnlite.device("cuda:1")
        assert (one.type, one.index) == ("cuda", 1) and one == nnlite.device("cuda", 1) == nnlite.device(
            1
        ) == nnlite.device(type="cuda", index=1)
        assert (
            repr(one) == "device(type='cuda', index=1)"
            and str(one) == "cuda:1"
            and hash(one) == hash(nnlite.device("cuda:1"))
        )
        assert nnlite.device("cpu") != nnlite.device("cuda") and nnlite.device(one) == one
        for wrong in ("", "cuda:", "cuda:-1", "cuda:01", "CPU", "cuda:a"):
            with pytest.raises(RuntimeError):
                nnlite.device(wrong)
        with pytest.raises(RuntimeError, match="must not include an index"):
            nnlite.device("cuda:1", 1)
        with pytest.raises(TypeError, match="must be str"):
            nnlite.device(2.5)
