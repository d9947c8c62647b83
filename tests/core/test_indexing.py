"""x[index] and x[index] = y: what is a view, what comes out, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnlite


def grid(device, *shape, **options):
    shape = shape or (2, 3, 4)
    return nnlite.arange(float(np.prod(shape)), device=device, **options).reshape(shape)


def values(t):
    return t.detach().cpu().numpy()


BASIC = [
    0,
    -1,
    slice(None),
    slice(1, None),
    slice(None, None, 2),
    slice(-2, None),
    slice(5, None),
    (0, 1),
    (0, 0, 0),
    (Ellipsis, 0),
    (0, Ellipsis),
    (0, Ellipsis, 1),
    None,
    (None, 0),
    (Ellipsis, None),
    (slice(None), None, 1),
    (slice(None), slice(1, 3)),
    Ellipsis,
    (),
    (1, None, Ellipsis, None),
]

ADVANCED = [
    [0, 1],
    [1],
    [],
    [[0, 1]],
    ([0, 1], [1, 2]),
    ([0, 1], 1),
    (slice(None), [0, 2]),
    (slice(None), [[0], [2]]),
    (Ellipsis, [0, 1]),
    ([0, 1], Ellipsis),
    ([0, 1], slice(None), [1, 2]),
    ([[0], [1]], [1, 2]),
    ([True, False],),
    (slice(None), [True, False, True]),
    (0, [1, 2]),
    (None, [0, 1]),
    ([0, 1], None),
    [-1, 0],
]


def as_arrays(index):
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(np.array(p, dtype=np.int64 if p in ([], [[]]) else None) if isinstance(p, list) else p for p in parts)


def as_tensors(index, device):
    return tuple(nnlite.tensor(p, device=device) if isinstance(p, np.ndarray) else p for p in as_arrays(index))


@pytest.mark.parametrize("index", BASIC, ids=str)
def test_views(index, device):
    x = grid(device)
    part = x[index]
    np.testing.assert_array_equal(values(part), values(x)[index])
    assert part._is_view()
    if part.numel():
        part.add_(100)
        assert values(x).sum() == 276 + 100 * part.numel()
        assert x._version == part._version == 1


@pytest.mark.parametrize("index", ADVANCED, ids=str)
def test_copies(index, device):
    x = grid(device)
    want = values(x)[as_arrays(index)]
    for part in (x[as_tensors(index, device)], x[as_arrays(index)]):
        np.testing.assert_array_equal(values(part), want)
        part.add_(100)
    np.testing.assert_array_equal(values(x), values(grid(device)))


@pytest.mark.parametrize("index", BASIC + ADVANCED, ids=str)
def test_assignment(index, device):
    index = as_arrays(index)
    for value in (5.0, nnlite.tensor(5.0, device=device), nnlite.full((1,), 5.0, device=device), True):
        x, want = grid(device), values(grid("cpu")).copy()
        x[as_tensors(index, device) if any(isinstance(p, np.ndarray) for p in index) else index] = value
        want[index] = float(value) if isinstance(value, bool) else 5
        np.testing.assert_array_equal(values(x), want)
        assert x._version == 1


def test_every_position_of_a_tensor_can_be_written(device):
    """An index of integers alone is a view of no dimensions, not a number."""
    x = nnlite.zeros(2, 2, device=device)
    x[0, 0] = 42
    x[1][1] = 7
    x[0, 1] += 3
    x[1, 0].fill_(1)
    assert x.tolist() == [[42, 3], [1, 7]]
    w = nnlite.nn.Parameter(nnlite.zeros(2, 2, device=device))
    w.data[0, 0] = 42
    assert w.tolist() == [[42, 0], [0, 0]]
    y = nnlite.ones(2, 2, device=device, requires_grad=True)
    z = y * 1
    z[0, 0] = y[1, 1] * 3
    z.sum().backward()
    assert y.grad.tolist() == [[0, 1], [1, 4]]


def test_integers_beside_arrays_are_taken_first(device):
    """NumPy would put the dimension of the array first here."""
    x = grid(device)
    part = x[0, :, nnlite.tensor([1, 2], device=device)]
    np.testing.assert_array_equal(values(part), values(x)[0][:, [1, 2]])
    x[0, :, nnlite.tensor([1, 2], device=device)] = 0.0
    assert values(x)[0, :, 1:3].sum() == 0 and values(x).sum() == 276 - (1 + 2 + 5 + 6 + 9 + 10)


def test_bools_add_a_dimension(device):
    x = grid(device, 2, 3)
    assert x[True].shape == (1, 2, 3) and x[False].shape == (0, 2, 3) and x[True, 0].shape == (1, 3)
    assert nnlite.tensor(3.0, device=device)[True].shape == (1,)
    x[False] = 9.0
    assert values(x).sum() == 15
    x[True] = 9.0
    assert values(x).sum() == 54


def test_masks(device):
    x = grid(device, 2, 3)
    assert x[x > 2].tolist() == [3, 4, 5]
    assert x[nnlite.tensor([True, False], device=device)].tolist() == [[0, 1, 2]]
    x[x > 2] = nnlite.tensor([30.0, 40.0, 50.0], device=device)
    x[x < 1] = -1
    assert x.tolist() == [[-1, 1, 2], [30, 40, 50]]
    x[nnlite.zeros(2, 3, dtype=nnlite.bool, device=device)] = 7
    assert x.sum().item() == 122


def test_repeated_positions(device):
    x = grid(device, 3).requires_grad_()
    index = nnlite.tensor([0, 0, 2, 0], device=device)
    x[index].backward(nnlite.tensor([1.0, 2.0, 4.0, 8.0], device=device))
    assert x.grad.tolist() == [11, 0, 4]
    y = nnlite.zeros(3, device=device)
    y.index_put_((index,), nnlite.ones(4, device=device), accumulate=True)
    assert y.tolist() == [3, 0, 1]


def test_indices_may_be_tensors_or_numpy_numbers(device):
    x = grid(device, 4)
    one = nnlite.tensor(1, device=device)
    assert x[one].item() == x[np.int64(1)].item() == x[np.array(1)].item() == 1
    assert x[one:].tolist() == x[one : nnlite.tensor(4)].tolist() == [1, 2, 3]
    assert x[nnlite.tensor([1, 0], dtype=nnlite.int32, device=device)].tolist() == [1, 0]
    assert x[nnlite.tensor([1, 0, 0, 1], dtype=nnlite.uint8, device=device)].tolist() == [0, 3]
    assert x[[nnlite.tensor([2], device=device)]].tolist() == [2]
    assert grid(device)[[slice(0, 1), 2]].shape == (1, 4), "a list with a slice in it is a tuple"


def test_index_tensors_on_the_cpu_follow(device):
    x = grid(device, 4)
    assert x[nnlite.tensor([3, 1])].tolist() == [3, 1]
    assert x[nnlite.tensor([True, False, False, True])].tolist() == [0, 3]


def test_iteration_and_length(device):
    x = grid(device, 3, 2)
    assert [row.tolist() for row in x] == [[0, 1], [2, 3], [4, 5]] and len(x) == 3
    first, *_ = x
    first.add_(10)
    assert x[0].tolist() == [10, 11]


OUT = [
    (2, IndexError, "index 2 is out of bounds for dimension 0 with size 2"),
    (-3, IndexError, "index -3 is out of bounds for dimension 0"),
    ((0, 3), IndexError, "index 3 is out of bounds for dimension 1 with size 3"),
    ((0, 0, 0, 0), IndexError, "too many indices for tensor of dimension 3"),
    (slice(None, None, -1), ValueError, "step must be greater than zero"),
    (1.0, IndexError, "only integers"),
    ("a", TypeError, "invalid data type 'str'"),
    ([2], IndexError, "index 2 is out of bounds"),
    ([0, -3], IndexError, "index -3 is out of bounds"),
    ((slice(None), [3]), IndexError, "index 3 is out of bounds"),
    ([0.5], IndexError, "only integers"),
    ([True, False, True], IndexError, "shape of the mask"),
    ((0, [True, False]), IndexError, "shape of the mask"),
    (([0, 1], [0, 1, 2]), IndexError, "broadcast|shape mismatch"),
]


@pytest.mark.parametrize("index, error, text", OUT, ids=lambda v: str(v)[:30])
@pytest.mark.parametrize("write", [False, True])
def test_refused(index, error, text, write, device):
    x = grid(device)
    with pytest.raises(error, match=text):
        if write:
            x[index] = 1.0
        else:
            x[index]
        x.cpu()  # a device that works on its own raises at the next synchronisation
    if device == "cpu":
        np.testing.assert_array_equal(values(x), values(grid("cpu")))
        assert x._version == 0


@pytest.mark.parametrize("dtype", [nnlite.float32, nnlite.int16, nnlite.int8])
def test_refused_dtypes_of_indices(dtype, device):
    with pytest.raises(IndexError, match="must be long, int, byte or bool"):
        grid(device)[nnlite.tensor([0], dtype=dtype, device=device)]


@pytest.mark.parametrize(
    "index, value, error, text",
    [
        (0, nnlite.ones(5), RuntimeError, r"The size of tensor a \(4\) must match the size of tensor b \(5\)|shape"),
        (0, None, TypeError, "can't assign a NoneType"),
        (0, "a", TypeError, "can't assign a str"),
        (
            [0],
            nnlite.ones(5),
            RuntimeError,
            r"shape mismatch: value tensor of shape \[5\] cannot be broadcast to indexing result of shape \[1, 3, 4\]",
        ),
        (
            [0],
            nnlite.ones(4, dtype=nnlite.int64),
            RuntimeError,
            "Index put requires the source and destination dtypes match, got Float for the destination and Long",
        ),
        (nnlite.tensor([True, False]), nnlite.ones(2, 3, 4), RuntimeError, "shape mismatch"),
        (Ellipsis, 1j, RuntimeError, "without overflow"),
    ],
)
def test_refused_values(index, value, error, text, device):
    x = grid(device)
    with pytest.raises(error, match=text):
        x[index] = value.to(device) if isinstance(value, nnlite.Tensor) else value
    np.testing.assert_array_equal(values(x), values(grid("cpu")))


def test_zero_dimensions(device):
    x = nnlite.tensor(3.0, device=device)
    assert x[()].item() == x[...].item() == 3 and x[None].shape == (1,)
    x[()] = 4.0
    assert x.item() == 4
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        x[0]
    with pytest.raises(TypeError, match="0-d"):
        len(x)
    with pytest.raises(TypeError, match="0-d"):
        iter(x)


class TestFunctions:
    def test_gather_and_scatter(self, device):
        x = grid(device, 2, 3)
        index = nnlite.tensor([[0, 1, 0]], device=device)
        assert x.gather(0, index).tolist() == [[0, 4, 2]]
        y = nnlite.zeros(2, 3, device=device)
        assert y.scatter_(0, index, nnlite.ones(1, 3, device=device)).tolist() == [[1, 0, 1], [0, 1, 0]]
        assert y.scatter_(1, nnlite.tensor([[2], [0]], device=device), 5).tolist() == [[1, 0, 5], [5, 1, 0]]
        assert y.scatter_add_(0, index, nnlite.ones(1, 3, device=device)).tolist() == [[2, 0, 6], [5, 2, 0]]

    def test_nonzero(self, device):
        x = nnlite.tensor([[0, 1], [2, 0]], device=device)
        assert x.nonzero().tolist() == [[0, 1], [1, 0]]
        assert [t.tolist() for t in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
        assert nnlite.tensor(5, device=device).nonzero().shape == (1, 0) and nnlite.tensor(
            0, device=device
        ).nonzero().shape == (0, 0)

    def test_narrow_select_and_index_select(self, device):
        x = grid(device, 2, 3)
        assert x.narrow(1, -2, 2).tolist() == x.narrow(1, 1, 2).tolist() == [[1, 2], [4, 5]] and x.select(
            1, -1
        ).tolist() == [2, 5]
        assert x.index_select(1, nnlite.tensor([2, 0], device=device)).tolist() == [[2, 0], [5, 3]]

    @pytest.mark.parametrize(
        "call, error, text",
        [
            (lambda x, i: x.gather(0, i(2, 0, 0)), RuntimeError, "out of bounds"),
            (lambda x, i: x.gather(0, i(-1, 0, 0)), RuntimeError, "out of bounds"),
            (lambda x, i: x.gather(0, i(0, 0, 0)[0]), RuntimeError, "same number of dimensions"),
            (lambda x, i: x.gather(0, i(0, 0, 0).float()), RuntimeError, "int32/int64"),
            (lambda x, i: x.gather(1, i(0, 0, 0).expand(3, 3)), RuntimeError, "Size does not match at dimension 0"),
            (lambda x, i: x.gather(2, i(0, 0, 0)), IndexError, "Dimension out of range"),
            (lambda x, i: x.index_select(0, i(0, 2, 0)[0]), IndexError, "out of bounds"),
            (lambda x, i: x.index_select(0, i(0, -1, 0)[0]), IndexError, "out of bounds"),
            (lambda x, i: x.index_select(0, i(0, 0, 0)), IndexError, "vector"),
            (lambda x, i: x.narrow(0, 0, 3), RuntimeError, "exceeds dimension size"),
            (lambda x, i: x.narrow(0, 5, 1), IndexError, "start out of range"),
            (lambda x, i: x.select(0, 2), IndexError, "out of range"),
            (lambda x, i: x.scatter_(0, i(3, 0, 0), 1.0), RuntimeError, "out of bounds"),
            (lambda x, i: x.scatter_(0, i(0, 0, 0), i(1, 1, 1)), RuntimeError, "dtype"),
            (lambda x, i: x.masked_select(i(0, 1, 1)), RuntimeError, "BoolTensor"),
            (lambda x, i: nnlite.where(i(0, 1, 1), x, x), RuntimeError, "boolean tensor"),
        ],
    )
    def test_refused(self, call, error, text, device):
        x = grid(device, 2, 3)
        with pytest.raises(error, match=text):
            call(x, lambda *where: nnlite.tensor([where], device=device))
            x.cpu()
        if device == "cpu":
            np.testing.assert_array_equal(values(x), values(grid("cpu", 2, 3)))


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@st.composite
def indexed(draw):
    """A shape and a valid index of every kind that NumPy and PyTorch read alike."""
    shape = draw(shapes)
    index = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(["int", "slice", "slice", "none"]))
        if kind == "int":
            index.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            index.append(
                slice(
                    draw(st.none() | st.integers(-5, 5)),
                    draw(st.none() | st.integers(-5, 5)),
                    draw(st.none() | st.integers(1, 3)),
                )
            )
        else:
            index.append(None)
    return tuple(shape), tuple(index)


@given(indexed())
def test_random_basic_indices(case):
    shape, index = case
    for device in ("cpu", "strict"):
        x = grid(device, *shape).requires_grad_()
        part = (x * 1)[index]
        array = values(x)
        np.testing.assert_array_equal(values(part), array[index])
        part.sum().backward()
        want = np.zeros_like(array)
        want[index] = 1
        np.testing.assert_array_equal(values(x.grad), want)
