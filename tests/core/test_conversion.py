"""From tensors to numbers, lists, arrays, other dtypes and devices, files and copies."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nnlite


class TestNumbers:
    def test_item(self, device):
        for value, kind in ((3, int), (2.5, float), (True, bool), (1 + 2j, complex)):
            t = nnlite.tensor([[value]], device=device)
            assert t.item() == value and type(t.item()) is kind
        for n in (0, 2):
            with pytest.raises(RuntimeError, match=f"a Tensor with {n} elements cannot be converted to Scalar"):
                nnlite.zeros(n, device=device).item()

    def test_python_numbers(self, device):
        t = nnlite.tensor([2.75], device=device)
        assert (
            float(t) == 2.75
            and int(t) == 2
            and bool(t)
            and complex(t) == 2.75
            and f"{t[0]:.1f}" == "2.8"
            and "%d" % t == "2"  # noqa: UP031
        )
        one = nnlite.tensor(1, device=device)
        assert [10, 11][one] == 11 and list(range(nnlite.tensor(2, device=device))) == [0, 1]
        for convert in (float, int, complex):
            with pytest.raises(ValueError, match="only one element tensors"):
                convert(nnlite.zeros(2, device=device))
        with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
            bool(nnlite.zeros(2, device=device))
        with pytest.raises(RuntimeError, match="Boolean value of Tensor with no values is ambiguous"):
            bool(nnlite.zeros(0, device=device))
        with pytest.raises(TypeError, match="only integer tensors of a single element can be converted to an index"):
            [1, 2][nnlite.tensor(0.5, device=device)]

    def test_tolist(self, device):
        assert nnlite.tensor([[1, 2], [3, 4]], device=device).tolist() == [[1, 2], [3, 4]]
        assert nnlite.tensor(2.5, device=device).tolist() == 2.5 and nnlite.zeros(2, 0, device=device).tolist() == [
            [],
            [],
        ]
        assert nnlite.ones(1, device=device, requires_grad=True).tolist() == [1]

    def test_contains(self, device):
        t = nnlite.tensor([1, 2, 3], device=device)
        assert 2 in t and 7 not in t and nnlite.tensor(3, device=device) in t
        with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
            "a" in t  # noqa: B015

    def test_hash_is_identity(self, device):
        a, b = nnlite.ones(1, device=device), nnlite.ones(1, device=device)
        assert len({a, b, a}) == 2


class TestNumpy:
    def test_shares_memory(self):
        t = nnlite.zeros(3)
        a = t.numpy()
        a[0] = 5
        t[1] = 6
        assert t.tolist() == a.tolist() == [5, 6, 0]
        assert np.asarray(t).tolist() == [5, 6, 0] and np.array(t, dtype=np.int32).dtype == np.int32
        np.array(t)[0] = 9
        assert t[0].item() == 5

    def test_refuses(self, device):
        x = nnlite.ones(2, device=device, requires_grad=True)
        if device == "cpu":
            with pytest.raises(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
                x.numpy()
            with pytest.raises(RuntimeError, match="requires grad"):
                np.asarray(x)
        else:
            with pytest.raises(TypeError, match=r"Use Tensor.cpu\(\) to copy the tensor to host memory first"):
                x.numpy()
            with pytest.raises(TypeError, match="host memory"):
                np.asarray(x)
        assert x.numpy(force=True).tolist() == [1, 1]

    def test_operators_with_arrays(self):
        t, a = nnlite.tensor([1.0, 2.0]), np.array([3.0, 4.0], np.float32)
        for result in (t + a, a + t, t * 1 + a):
            assert isinstance(result, nnlite.Tensor)
        assert (a - t).tolist() == [2, 2] and (a * t).tolist() == [3, 8] and (a / t).tolist() == [3, 2]
        assert (np.float32(2) * t).tolist() == [2, 4] and (np.float64(2) * t).dtype is nnlite.float32
        assert isinstance(np.sin(t), nnlite.Tensor)

    def test_numpy_functions(self):
        t = nnlite.tensor([[1.0, 2.0], [3.0, 4.0]])
        assert np.stack([t, t]).shape == (2, 2, 2) and np.mean(t) == 2.5 and np.sum(t, axis=0).tolist() == [4, 6]

    def test_gpu_arrays(self, device):
        t = nnlite.ones(2, device=device)
        if device.startswith("cuda"):
            assert t.__cuda_array_interface__["shape"] == (2,)
        else:
            assert not hasattr(t, "__cuda_array_interface__")


class TestTo:
    def test_dtypes(self, device):
        x = nnlite.tensor([1.7, -1.7, 0.0], device=device)
        assert x.to(nnlite.int32).tolist() == x.int().tolist() == x.type(nnlite.int32).tolist() == [1, -1, 0]
        assert (
            x.bool().tolist() == [True, True, False]
            and x.double().dtype is nnlite.float64
            and x.half().dtype is nnlite.float16
        )
        assert (
            x.to(dtype=nnlite.float64).dtype is x.to(float).dtype is nnlite.float64 and x.long().dtype is nnlite.int64
        )
        assert (
            x.to(nnlite.zeros(1, dtype=nnlite.int8, device=device)).dtype is nnlite.int8
            and x.type_as(x.byte()).dtype is nnlite.uint8
        )
        assert x.type() == ("torch.FloatTensor" if device == "cpu" else f"torch.{device}.FloatTensor")
        assert x.type("torch.LongTensor").dtype is nnlite.int64

    def test_itself_where_nothing_changes(self, device):
        x = nnlite.ones(2, device=device)
        assert x.to(nnlite.float32) is x.to(device) is x.to(device, nnlite.float32) is x.float() is x
        copied = x.to(nnlite.float32, copy=True)
        assert copied is not x
        copied.add_(1)
        assert x.tolist() == [1, 1]

    def test_devices(self, device):
        x = nnlite.tensor([[1.0, 2.0]], requires_grad=True)
        y = x.to(device)
        assert str(y.device).startswith(device) and y.is_cpu == (device == "cpu")
        (y * y).sum().backward()
        assert x.grad.tolist() == [[2, 4]] and x.grad.is_cpu
        assert y.cpu().is_cpu and y.to("cpu", nnlite.int64).dtype is nnlite.int64
        if device != "cpu":
            assert "ToCopyBackward0" in str(y.grad_fn)
            z = y.t().to("cpu")
            assert z.tolist() == [[1], [2]]

    def test_gradients_come_back_in_their_dtype(self, device):
        x = nnlite.ones(2, device=device, requires_grad=True)
        (x.double() * 3).sum().backward()
        assert x.grad.dtype is nnlite.float32 and x.grad.tolist() == [3, 3]

    @pytest.mark.parametrize(
        "args, kwargs, error",
        [
            (("gpu",), {}, RuntimeError),
            ((3.5,), {}, TypeError),
            ((), {"colour": 1}, TypeError),
            (([1],), {}, TypeError),
        ],
    )
    def test_refused(self, args, kwargs, error, device):
        with pytest.raises(error):
            nnlite.ones(1, device=device).to(*args, **kwargs)

    def test_layout_survives(self, device):
        x = nnlite.arange(6.0, device=device).reshape(2, 3).t()
        assert not x.is_contiguous() and x.contiguous().is_contiguous() and x.contiguous().stride() == (2, 1)
        assert x.clone().stride() == x.stride() and x.contiguous().contiguous().tolist() == x.tolist()
        y = x.contiguous()
        assert y.contiguous() is y


class TestCopies:
    def test_clone(self, device):
        x = nnlite.tensor([1.0, 2.0], device=device, requires_grad=True)
        y = x.clone()
        y.add_(1)
        y.sum().backward()
        assert x.tolist() == [1, 2] and x.grad.tolist() == [1, 1]

    @pytest.mark.parametrize("grad", [False, True])
    def test_deepcopy_and_pickle(self, grad, device):
        x = nnlite.tensor([[1.0, 2.0]], device=device, requires_grad=grad)
        if grad:
            (x * x).sum().backward()
        for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            assert (
                twin.tolist() == x.tolist() and twin.requires_grad == grad and twin.is_leaf and twin.device == x.device
            )
            assert twin.dtype is x.dtype
            with nnlite.no_grad():
                twin.add_(1)
            assert x.tolist() == [[1, 2]]
        if grad:
            assert copy.deepcopy(x).grad.tolist() == [[2, 4]]

    def test_deepcopy_keeps_what_is_shared(self, device):
        x = nnlite.ones(1, device=device)
        a, b = copy.deepcopy([x, x])
        assert a is b and a is not x

    def test_deepcopy_of_computed_tensors(self, device):
        y = nnlite.ones(1, device=device, requires_grad=True) * 2
        with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
            copy.deepcopy(y)

    @pytest.mark.parametrize(
        "dtype", [nnlite.bool, nnlite.uint8, nnlite.int64, nnlite.float16, nnlite.bfloat16, nnlite.complex64]
    )
    def test_pickle_of_every_kind(self, dtype, device):
        x = nnlite.ones(2, 2, dtype=dtype, device=device)[:, :1]
        twin = pickle.loads(pickle.dumps(x))
        assert twin.dtype is dtype and twin.shape == (2, 1) and nnlite.equal(twin, x)

    def test_user_attributes(self, device):
        x = nnlite.ones(1, device=device)
        x.name = "weight"
        assert x.name == "weight" and pickle.loads(pickle.dumps(x)).name == "weight"


class TestProperties:
    def test_sizes(self, device):
        x = nnlite.zeros(2, 3, 4, dtype=nnlite.float64, device=device)
        assert (
            x.shape == x.size() == nnlite.Size([2, 3, 4])
            and x.size(-1) == 4
            and x.ndim == x.dim() == 3
            and x.numel() == x.nelement() == 24
        )
        assert x.itemsize == x.element_size() == 8 and x.nbytes == 192 and x.stride() == (12, 4, 1) and x.stride(1) == 4
        assert (
            x[1, 1:].storage_offset() == 16
            and x.is_floating_point()
            and x.is_signed()
            and not x.is_complex()
            and not x.is_sparse
        )
        with pytest.raises(
            IndexError, match=r"Dimension out of range \(expected to be in range of \[-3, 2\], but got 3\)"
        ):
            x.size(3)

    def test_transposes(self, device):
        x = nnlite.zeros(2, 3, 4, device=device)
        assert x.mT.shape == (2, 4, 3) and nnlite.zeros(2, 3, device=device).T.shape == (3, 2)
        with pytest.raises(RuntimeError, match="mT is only supported on matrices"):
            nnlite.zeros(3, device=device).mT  # noqa: B018

    def test_data_can_be_replaced(self, device):
        x = nnlite.nn.Parameter(nnlite.zeros(2, device=device))
        x.data = nnlite.ones(3, device=device)
        assert x.shape == (3,) and x.requires_grad and x.is_leaf
        with pytest.raises(TypeError, match="data has to be a tensor"):
            x.data = [1]
