"""nnlite.utils.tensorboard: what the event files hold, read back with tensorboardX's own protocol buffers."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlite
from nnlite.utils.tensorboard import SummaryWriter

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")

from tensorboardX.proto.event_pb2 import Event


def events(folder: Path) -> list[Any]:
    """The events of all files in a folder, without those below it."""
    found = []
    for path in sorted(folder.glob("events.out*")):
        data = path.read_bytes()
        while data:  # each record: its length in 8 bytes, a checksum of 4, the event, a checksum of 4
            (length,) = struct.unpack("<Q", data[:8])
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def values(folder: Path) -> dict[str, tuple[int, Any]]:
    """Tag -> step and value."""
    return {value.tag: (event.step, value) for event in events(folder) for value in event.summary.value}


@pytest.fixture
def writer(tmp_path):
    with SummaryWriter(tmp_path) as made:
        yield made


def test_scalars(device, writer, tmp_path):
    for step in range(3):
        writer.add_scalar("loss", nnlite.tensor(1.5 + step, device=device, requires_grad=True), step, walltime=7.0)
    writer.add_scalar("half", nnlite.tensor([0.25], dtype=nnlite.bfloat16, device=device), nnlite.tensor(4))
    writer.add_scalar("plain", 3)
    writer.close()
    written = [(e.step, e.wall_time, v.simple_value) for e in events(tmp_path) for v in e.summary.value
               if v.tag == "loss"]  # fmt: skip
    assert written == [(0, 7.0, 1.5), (1, 7.0, 2.5), (2, 7.0, 3.5)]
    found = values(tmp_path)
    assert found["half"][0] == 4 and found["half"][1].simple_value == 0.25
    assert found["plain"][1].simple_value == 3.0


def test_several_curves_are_in_folders_of_their_own(device, writer, tmp_path):
    writer.add_scalars("rates", {"a": nnlite.tensor(1.0, device=device), "b": 2.0}, 5)
    writer.close()
    for name, value in (("a", 1.0), ("b", 2.0)):
        step, found = values(tmp_path / "rates" / name)["rates"]
        assert (step, found.simple_value) == (5, value)


def test_a_scalar_has_one_element(device, writer):
    with pytest.raises(ValueError, match=r"one element, not the shape \[2\]"):
        writer.add_scalar("x", nnlite.ones(2, device=device))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int64"])
def test_histogram(device, dtype, writer, tmp_path):
    x = nnlite.tensor([1, 2, 2, 6], dtype=getattr(nnlite, dtype), device=device)
    writer.add_histogram("h", x, 2, bins=[0, 4, 8])
    writer.close()
    step, value = values(tmp_path)["h"]
    assert (step, value.histo.num, value.histo.sum, value.histo.min, value.histo.max) == (2, 4, 11, 1, 6)
    assert max(value.histo.bucket) == 3


def test_histogram_of_nothing_and_of_nan_are_refused(device, writer):
    with pytest.raises(ValueError, match="no element"):
        writer.add_histogram("h", nnlite.zeros(0, device=device))
    with pytest.raises(ValueError, match="nan or infinite"):
        writer.add_histogram("h", nnlite.tensor([1.0, float("nan")], device=device))


def test_counted_histogram(device, writer, tmp_path):
    limits, counts = nnlite.tensor([1.0, 2.0], device=device), nnlite.tensor([3.0, 4.0], device=device)
    writer.add_histogram_raw("r", 0.5, 2.0, 7, 9.0, 20.0, limits, counts)
    with pytest.raises(ValueError, match=r"len\(bucket_limits\)"):
        writer.add_histogram_raw("r", 0.5, 2.0, 7, 9.0, 20.0, limits, counts[:1])
    writer.close()
    histogram = values(tmp_path)["r"][1].histo
    assert list(histogram.bucket_limit) == [1.0, 2.0] and list(histogram.bucket) == [3.0, 4.0]


def test_pictures(device, writer, tmp_path):
    writer.add_image("one", nnlite.rand(3, 4, 6, device=device))
    writer.add_image("gray", nnlite.zeros(4, 6, dtype=nnlite.uint8, device=device), dataformats="HW")
    writer.add_images("many", nnlite.rand(2, 1, 4, 6, device=device))
    writer.add_image_with_boxes("boxes", nnlite.rand(3, 8, 8, device=device), nnlite.tensor([[1.0, 1, 5, 5]]))
    writer.close()
    found = values(tmp_path)
    sizes = {tag: (value.image.height, value.image.width) for tag, (_, value) in found.items()}
    assert sizes == {"one": (4, 6), "gray": (4, 6), "many": (4, 12), "boxes": (8, 8)}
    assert found["one"][1].image.encoded_image_string.startswith(b"\x89PNG")


def test_figure(writer, tmp_path):
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(2, 1), dpi=50)
    figure.gca().plot([0, 1])
    writer.add_figure("f", figure)
    writer.close()
    image = values(tmp_path)["f"][1].image
    assert (image.height, image.width) == (50, 100)


def test_text(writer, tmp_path):
    writer.add_text("note", "**bold**", 3)
    writer.close()
    ((tag, (step, value)),) = values(tmp_path).items()
    assert tag.startswith("note") and step == 3 and value.tensor.string_val[0] == b"**bold**"


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
def test_tensor(device, dtype, writer, tmp_path):
    x = nnlite.tensor([[0, 1, 2], [3, 4, 5]], device=device).to(getattr(nnlite, dtype))
    writer.add_tensor("t", x.T, 1)
    writer.close()
    made = values(tmp_path)["t"][1].tensor
    read = np.frombuffer(made.tensor_content, dtype).reshape([d.size for d in made.tensor_shape.dim])
    np.testing.assert_array_equal(read, x.T.cpu().numpy())


def test_tensor_of_complex_numbers_is_refused(device, writer):
    with pytest.raises(ValueError, match="complex64 are not supported"):
        writer.add_tensor("t", nnlite.ones(2, dtype=nnlite.complex64, device=device))


def test_settings_of_a_run(device, writer, tmp_path):
    settings = {"lr": nnlite.tensor(0.5, device=device), "depth": 3, "name": "x", "flag": True}
    writer.add_hparams(settings, {"accuracy": nnlite.tensor(0.75, device=device)}, run_name="run1")
    writer.close()
    found = values(tmp_path / "run1")
    assert found["accuracy"][1].simple_value == 0.75
    assert any(tag.startswith("_hparams_") for tag in found)


@pytest.mark.parametrize(
    ("settings", "metrics", "error"),
    [([], {}, TypeError), ({}, [], TypeError), ({"a": [1]}, {}, ValueError), ({"a": None}, {}, ValueError)],
)
def test_wrong_settings(writer, settings, metrics, error):
    with pytest.raises(error):
        writer.add_hparams(settings, metrics)


def test_embedding(device, writer, tmp_path):
    points = nnlite.tensor([[1.0, 2.0], [3.0, 4.0]], device=device)
    writer.add_embedding(points, metadata=["a", "b"], label_img=nnlite.rand(2, 3, 8, 8, device=device), global_step=1)
    writer.close()
    (table,) = tmp_path.rglob("tensors.tsv")
    assert [[float(v) for v in line.split("\t")] for line in table.read_text().splitlines()] == [[1, 2], [3, 4]]
    assert (table.parent / "metadata.tsv").read_text().split() == ["a", "b"]
    assert (table.parent / "sprite.png").exists()


def test_precision_and_recall(device, writer, tmp_path):
    labels, likely = nnlite.tensor([0, 1, 1], device=device), nnlite.tensor([0.1, 0.9, 0.8], device=device)
    writer.add_pr_curve("p", labels, likely, num_thresholds=3)
    writer.close()
    assert [d.size for d in values(tmp_path)["p"][1].tensor.tensor_shape.dim] == [6, 3]


def test_surface_and_layout(device, writer, tmp_path):
    writer.add_mesh("m", nnlite.rand(1, 5, 3, device=device))
    writer.add_custom_scalars({"all": {"rates": ["Multiline", ["a", "b"]]}})
    writer.close()
    assert {tag.partition("_")[0] for tag in values(tmp_path)} == {"m", "custom"}


def test_graph_says_what_to_use(writer):
    with pytest.raises(NotImplementedError, match="draw_graph"):
        writer.add_graph(nnlite.nn.Linear(1, 1))


def test_folder_and_flush(tmp_path):
    writer = SummaryWriter(str(tmp_path / "run"), filename_suffix=".mine")
    writer.add_scalar("x", 1.0)
    writer.flush()
    assert writer.get_logdir() == writer.log_dir == str(tmp_path / "run")
    deadline = time.monotonic() + 30
    while "x" not in values(tmp_path / "run") and time.monotonic() < deadline:
        writer.flush()
    assert values(tmp_path / "run")["x"][1].simple_value == 1.0
    assert [path.suffix for path in (tmp_path / "run").iterdir()] == [".mine"]
    writer.close()
    writer.add_scalar("y", 2.0)  # opens another file, as PyTorch's does
    writer.close()
    assert set(values(tmp_path / "run")) == {"x", "y"}


def test_without_tensorboardx():
    code = (
        "import sys; sys.modules['tensorboardX'] = None\n"
        "from nnlite.utils.tensorboard import SummaryWriter\n"
        "try:\n    SummaryWriter('nowhere')\nexcept ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=Path(__file__).parent.parent)  # fmt: skip
    assert "pip install tensorboardX" in done.stdout, done.stderr
