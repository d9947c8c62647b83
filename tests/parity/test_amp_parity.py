"""autocast and GradScaler beside PyTorch's.

The dtypes of results under autocast are compared over PyTorch's operator database: on the CPU as they are, and on
``strict``, which has CUDA's table, with PyTorch's CUDA tensors without a device ("fake" tensors, which know their
dtypes and shapes only).

    python tests/parity/test_amp_parity.py [NAME ...]       the differences over all operators of the database
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

try:
    from parity.op_db import database, function_of, samples_of, seeded
    from parity.op_values import Converter
except ImportError:
    from op_db import database, function_of, samples_of, seeded
    from op_values import Converter

import nnlite  # noqa: E402
from nnlite.amp._lists import CPU, DEVICE  # noqa: E402

HALVES = ("bfloat16", "float16")

_LOWRANK = "PyTorch's parts are of several precisions; here all are of float32"

KNOWN = {
    "cov": "PyTorch's product is in the lower precision; here the whole is computed in the dtype given",
    "corrcoef": "as cov",
    "linear_cross_entropy": "PyTorch's dtype depends on whether the classes are cut into chunks; here float32",
    "matrix_power": "PyTorch's products with the inverse are in the lower precision; here in float32, as the inverse",
    "pca_lowrank": _LOWRANK,
    "pinv": "PyTorch's last product is in the lower precision; here all is in float32",
    "svd_lowrank": _LOWRANK,
    "tensordot": "PyTorch multiplies without a matrix product where all sizes that are not summed over are 1",
}
"""Functions whose dtypes differ for some arguments, and why."""

NO_LOW = ("not implemented for", "complex32", "precision dtypes not supported", "Unsupported dtype")
"""Parts of errors: nnlite's operation does not take the dtype that PyTorch's takes, without autocast either. (PyTorch's
fake tensors take dtypes that its CUDA kernels refuse.)"""


from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode  # noqa: E402 - where there is PyTorch


def dtypes_in(value: Any, kind: type) -> list[str]:
    """The dtypes of the tensors in a result."""
    if isinstance(value, kind):
        return [str(value.dtype)]
    if isinstance(value, list | tuple):
        return [name for each in value for name in dtypes_in(each, kind)]
    return []


def of_dtype(value: Any, dtype: Any) -> Any:
    """Arguments with the float32 tensors in another dtype."""
    if isinstance(value, torch.Tensor):
        return value.detach().to(dtype) if value.dtype == torch.float32 else value.detach()
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(of_dtype(each, dtype) for each in value)
    if isinstance(value, dict):
        return {key: of_dtype(each, dtype) for key, each in value.items()}
    return value


def faked(value: Any, mode: Any) -> Any:
    """Arguments with the tensors on a CUDA device that is not there."""
    if isinstance(value, torch.Tensor):
        return FakeTensor(
            mode, torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device="meta"), "cuda"
        )
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(faked(each, mode) for each in value)
    if isinstance(value, dict):
        return {key: faked(each, mode) for key, each in value.items()}
    if isinstance(value, torch.device):
        return torch.device("cuda")
    return value


def theirs(op: Any, given: Any, device: str, lower: Any) -> list[str] | None:
    """The dtypes of PyTorch's results; None where it refuses the arguments."""
    seeded()
    try:
        if device == "cpu":
            with torch.autocast("cpu", lower):
                return dtypes_in(op.op(given[0], *given[1], **given[2]), torch.Tensor)
        mode = FakeTensorMode()
        with mode:
            input, args, kwargs = faked(given, mode)
            torch.set_autocast_enabled("cuda", True)
            torch.set_autocast_dtype("cuda", lower)
            try:
                return dtypes_in(op.op(input, *args, **kwargs), torch.Tensor)
            finally:
                torch.set_autocast_enabled("cuda", False)
                torch.set_autocast_dtype("cuda", torch.float16)
    except Exception:
        return None


def differences(op: Any, device: str, lower_name: str, limit: int = 4) -> list[str]:
    """What differs for samples of float32 and of the lower precision."""
    found = []
    function = function_of(op)
    lower = getattr(torch, lower_name)
    for sample in samples_of(op, torch.float32, False, limit):
        for dtype in (torch.float32, lower):
            given = of_dtype((sample.input, tuple(sample.args), dict(sample.kwargs)), dtype)
            expected = theirs(op, given, device, lower)
            if expected is None:
                continue
            seeded()
            try:
                input, args, kwargs = Converter(device)(given)
                with nnlite.autocast(device, getattr(nnlite, lower_name)):
                    mine = dtypes_in(function(input, *args, **kwargs), nnlite.Tensor)
            except Exception as error:
                mine = [f"{type(error).__name__}: {error}"[:150]]
            if mine != expected and not any(text in mine[0] for text in NO_LOW if mine):
                found.append(f"{op.formatted_name} of {dtype}: {mine}, PyTorch {expected}")
    return found


def operators(names: Any = ()) -> list[Any]:
    """The operators of the database of float32 that nnlite has, or those of these names."""
    return [
        op
        for op in database()
        if torch.float32 in op.dtypes and function_of(op) is not None and (not names or op.name in names)
    ]


def short(op: Any) -> str:
    """The name as it stands in the table."""
    name: str = op.name.removeprefix("nn.functional.")
    return name


def listed() -> list[Any]:
    """The operators of the table, by any of their names, and some that are in neither list."""
    wanted = {*CPU, *DEVICE, "add", "mul", "mean", "relu", "tanh", "batch_norm", "var", "max", "std_mean", "dropout"}
    return [
        op for op in operators()
        if short(op) in wanted or any(alias.name in wanted for alias in op.aliases)
    ]  # fmt: skip


@pytest.mark.parametrize(("device", "lower"), [("cpu", "bfloat16"), ("cpu", "float16"), ("strict", "float16")])
@pytest.mark.parametrize("op", listed(), ids=lambda op: op.formatted_name)
def test_dtypes_of_results(op, device, lower):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = differences(op, device, lower, limit=2)
    if short(op).removeprefix("linalg.") not in KNOWN:
        assert found == []


def test_known_differences_are_there():
    """None of them is listed for nothing."""
    names = {name for op in operators() for name in [short(op).removeprefix("linalg.")] if name in KNOWN}
    assert names == set(KNOWN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in KNOWN:
            found = [
                line
                for op in operators()
                if short(op).removeprefix("linalg.") == name
                for line in differences(op, "cpu", "bfloat16", limit=40)
            ]
            assert found, name


def modules(T: Any) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """Layers of nnlite or PyTorch and inputs, by name."""
    half = T.ones(4, 3, 8, 8).to(T.bfloat16)
    steps, rows = T.ones(5, 2, 3), T.ones(2, 3)
    nn = T.nn
    made = {
        "Linear": (nn.Linear(8, 2), (half,)),
        "Conv2d": (nn.Conv2d(3, 2, 3), (half.float(),)),
        "ConvTranspose2d": (nn.ConvTranspose2d(3, 2, 3), (half,)),
        "BatchNorm2d": (nn.BatchNorm2d(3), (half,)),
        "LayerNorm": (nn.LayerNorm(8), (half,)),
        "GroupNorm": (nn.GroupNorm(3, 3), (half,)),
        "InstanceNorm2d": (nn.InstanceNorm2d(3, affine=True), (half,)),
        "PReLU": (nn.PReLU(), (half.float(),)),
        "Embedding": (nn.Embedding(5, 3), (T.tensor([1, 2]),)),
        "MultiheadAttention": (nn.MultiheadAttention(8, 2), (T.ones(3, 2, 8),) * 3),
        "Transformer": (nn.TransformerEncoderLayer(8, 2, 16), (T.ones(3, 2, 8),)),
        "Bilinear": (nn.Bilinear(8, 8, 3), (half.float(), half.float())),
    }
    for name in ("LSTM", "GRU", "RNN"):
        for dtype in ("float32", "bfloat16"):
            kind = getattr(T, dtype)
            made[f"{name} of {dtype}"] = getattr(nn, name)(3, 4), (steps.to(kind),)
            if name != "RNN":
                made[f"{name}Cell of {dtype}"] = getattr(nn, name + "Cell")(3, 4), (rows.to(kind),)
    return made


def outcome(T: Any) -> dict[str, tuple[list[str], list[str]]]:
    """For each layer the dtypes of its results and of its parameters' gradients, under autocast on the CPU."""
    found = {}
    for name, (module, inputs) in modules(T).items():
        with T.autocast("cpu"):
            result = module(*inputs)
        first = result if isinstance(result, T.Tensor) else result[0]
        first.float().sum().backward()
        gradients = [str(p.grad.dtype) for p in module.parameters() if p.grad is not None]
        found[name] = dtypes_in(result, T.Tensor), gradients
    return found


def test_layers():
    assert outcome(nnlite) == outcome(torch)


def trajectory(T: Any, **settings: Any) -> list[tuple[float, int, float]]:
    """Scale, count and parameter after steps whose gradients are now and then not finite, for two optimizers."""
    a, b = (T.nn.Parameter(T.ones(2)) for _ in range(2))
    optimizers = [T.optim.SGD([a], lr=0.01, momentum=0.9), T.optim.Adam([b], lr=0.01)]
    scaler = T.amp.GradScaler("cpu", **settings)
    rows = []
    for i in range(40):
        for optimizer in optimizers:
            optimizer.zero_grad()
        factor = float("inf") if i % 11 == 3 else float("nan") if i % 13 == 7 else 1.0 + i / 10
        scaler.scale((a * factor).sum() + (b * b).sum()).backward()
        if i % 3 == 0:
            scaler.unscale_(optimizers[1])
            T.nn.utils.clip_grad_norm_([b], 0.5)
        for optimizer in optimizers:
            scaler.step(optimizer)
        scaler.update(100.0 if i == 30 else None)
        rows.append((scaler.get_scale(), scaler.state_dict()["_growth_tracker"], a[0].item(), b[1].item()))
    return rows


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"init_scale": 1024.0, "growth_interval": 3},
        {"init_scale": 3e38, "growth_interval": 1},
        {"init_scale": 2.0, "growth_factor": 1.5, "backoff_factor": 0.1, "growth_interval": 2},
    ],
)
def test_scaler(settings):
    mine, expected = trajectory(nnlite, **settings), trajectory(torch, **settings)
    assert [row[:2] for row in mine] == [row[:2] for row in expected]
    for ours, its in zip(mine, expected, strict=True):
        assert ours[2:] == pytest.approx(its[2:], rel=1e-5)


def test_states_of_the_scaler_are_exchanged():
    theirs_, mine = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=7), nnlite.amp.GradScaler("cpu")
    mine.load_state_dict(theirs_.state_dict())
    assert mine.state_dict() == theirs_.state_dict()
    other = torch.amp.GradScaler("cpu")
    other.load_state_dict(mine.state_dict())
    assert other.state_dict() == mine.state_dict()


def main() -> None:
    warnings.simplefilter("ignore")
    for op in operators(sys.argv[1:]):
        for device in ("cpu", "strict"):
            for lower in HALVES if device == "cpu" else ("float16",):
                for line in differences(op, device, lower)[:1]:
                    print(device, lower, line, flush=True)


if __name__ == "__main__":
    main()
