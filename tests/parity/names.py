"""Which public names of PyTorch there are: ``python tests/parity/names.py [--write] [module ...]``.

A public name is one in a module's ``__all__``, or without that any that begins with a letter and is PyTorch's own (not
an import from elsewhere). ``--write`` makes docs/names.md. A missing name has a reason, by itself or by its pattern.
"""

from __future__ import annotations

import importlib
import re
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import nnlite
from nnlite._unavailable import Unavailable

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "names.md"

MODULES = [
    "torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.parameter",
    "torch.nn.utils", "torch.nn.utils.rnn", "torch.nn.utils.parametrize", "torch.nn.utils.parametrizations",
    "torch.nn.utils.prune", "torch.nn.parallel", "torch.nn.attention", "torch.nn.Module", "torch.accelerator",
    "torch.amp", "torch.autograd", "torch.autograd.forward_ad", "torch.autograd.functional",
    "torch.autograd.graph", "torch.autograd.profiler", "torch.backends.cpu", "torch.backends.cuda",
    "torch.backends.cudnn", "torch.backends.mkl", "torch.backends.mkldnn", "torch.backends.mps",
    "torch.backends.openmp", "torch.backends.opt_einsum", "torch.compiler", "torch.cpu", "torch.cuda",
    "torch.cuda.amp", "torch.cuda.nvtx", "torch.distributed", "torch.distributions", "torch.fft", "torch.func",
    "torch.futures", "torch.hub", "torch.jit", "torch.linalg", "torch.mps", "torch.multiprocessing",
    "torch.onnx", "torch.optim", "torch.optim.lr_scheduler", "torch.optim.swa_utils", "torch.overrides",
    "torch.profiler", "torch.random", "torch.return_types", "torch.serialization", "torch.signal.windows",
    "torch.special", "torch.storage", "torch.testing", "torch.torch_version", "torch.types", "torch.utils",
    "torch.utils.benchmark", "torch.utils.checkpoint", "torch.utils.data", "torch.utils.dlpack",
    "torch.utils.hooks", "torch.utils.tensorboard", "torch.version", "torch.xpu",
]  # fmt: skip

ELSEWHERE = {
    "typing", "typing_extensions", "collections", "collections.abc", "functools", "contextlib", "dataclasses", "enum",
    "abc", "warnings", "itertools", "copy", "os", "re", "math", "pathlib", "_io", "urllib.error", "urllib.request",
    "urllib.parse", "http.client", "tqdm.std", "logging", "weakref", "_weakref", "builtins", "tempfile", "ctypes",
    "_ctypes", "_bisect", "time", "numpy", "posixpath", "pickle", "struct", "textwrap", "shutil",
}  # fmt: skip

REASONS = [
    (
        r"q_\w+|q(u?int|scheme)\w*|quint\w+|int_repr|dequantize|\w*quant\w*|\w*per_(channel|tensor)_\w*|fbgemm\w*|"
        r"choose_qparams\w*",
        "quantised tensors",
    ),
    (
        r"(float[48]_\w+|u?int[1-7]|uint(16|32|64)|bits?\w*|jagged)",
        "dtypes and layouts that NumPy's arrays do not have or that PyTorch itself calculates little with",
    ),
    (
        r"\w*sparse\w*|smm|sspaddmm|dsmm|hsmm|hspmm|saddmm|spmm|\w*_indices_copy|indices_copy|values_copy|dense_dim",
        "sparse tensors",
    ),
    (
        r"(mkldnn|miopen|cudnn|mps|is_(ipu|maia|mps|mtia|vulkan|xla|xpu)|to_mkldnn|ipu|hpu|xla)\w*",
        "functions of one library or device",
    ),
    (
        r"\w*(Script|JIT|Graph|Type|Interface|Lite|Compilation|Argument|Schema|AliasDb|Block|Code|Capsule|Future|Value|"
        r"IODescriptor|ExecutionPlan|FileCheck|CallStack|Use|Node|Logger|Tracing|Static|Concrete|Serializ\w*|FatalError|"
        r"ErrorReport)\w*|parse_\w+|import_ir_\w+|merge_type\w*|unify_type\w*|wait|fork",
        "parts of TorchScript",
    ),
    (
        r"Sym\w+|sym_\w+|DispatchKey\w*|\w*Dispatch\w*|Tag|OperatorInfo|\w*Guard|DisableTorchFunction\w*|"
        r"PyTorchFile\w+|ThroughputBenchmark|Benchmark\w+|DeepCopyMemoTable|\w*[Tt]hread_?[Ss]afe\w*|\w*autocast_\w+|"
        r"init_num_threads|prepare_\w+|profiler_\w+|AVG|SUM|AggregationType|\w*Kineto\w*|\w*[Pp]rofiler(State|Config)\w*",
        "internals of PyTorch's C++ library",
    ),
    (
        r"set_\w*stream\w*|.*(graph|mem_?pool|allocator|blas_handle|solver_handle|jiterator|nccl|tunable|gds)\w*|"
        r"GreenContext\w*|MemPool|clock_rate|power_draw|temperature|utilization|memory_usage|device_memory_used|"
        r"host_memory\w*|reset_\w*host\w*|list_gpu_processes|cudart|cudaStatus|CudaError|check_error|"
        r"DeferredCudaCallError|\w*sync_debug_mode|get_\w*stream\w*",
        "parts of CUDA's runtime",
    ),
    (r"\w*Storage\w*", "storages by type: tensor.untyped_storage() and tensor.storage() give them"),
    (
        r"(eig|lstsq|matrix_rank|solve|symeig|lobpcg|reinforce|resize|resize_as|segment_reduce|"
        r"batch_norm_\w+|native_norm)",
        "removed from PyTorch, or without a use in programs",
    ),
    (
        r"\w*[Dd]ata[Pp]ipe\w*|\w*datapipe\w*|DataChunk|runtime_validation\w*|argument_validation|non_deterministic",
        "data pipes, which PyTorch has taken out of use",
    ),
    (
        r"\w*(scaled|grouped)_mm|ScalingType|SwizzleType|BroadcastingList\d|GRID_SAMPLE\w+|assert_int_or_pair|"
        r"boolean_dispatch|DType|native_channel_shuffle|\w*_notes",
        "internals of torch.nn.functional",
    ),
]
"""Pattern of names -> why they are missing."""
NO_REASON = "without a use in programs so far"


def the(path: str, root: Any) -> Any:
    """The module or class at ``path``; None where there is none."""
    found = root
    for i, part in enumerate(path.split(".")[1:], 2):
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(".".join([root.__name__, *path.split(".")[1:i]]))
            except ImportError:
                return None
    return found


def public_names(space: Any) -> list[str]:
    """The names that count."""
    if isinstance(getattr(space, "m", None), types.ModuleType):  # settings, which are properties of a module's class
        names = {*dir(type(space)), *dir(space.m)} - set(dir(types.ModuleType)) - {"m"}
        own_names = (n for n in names if not n.startswith("_") and own(getattr(space, n, None)))
        return sorted(n for n in own_names if not isinstance(getattr(space, n, None), type))
    listed = getattr(space, "__all__", None)
    if listed is not None and space is not torch:
        return sorted(listed)
    return sorted(name for name in dir(space) if not name.startswith("_") and own(getattr(space, name, None)))


def own(value: Any) -> bool:
    """Whether a value is PyTorch's."""
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith("torch.")
    return getattr(value, "__module__", None) not in ELSEWHERE or not hasattr(value, "__qualname__")


def reason(name: str) -> str:
    return next((text for pattern, text in REASONS if re.fullmatch(pattern, name)), NO_REASON)


def states(path: str) -> Iterator[tuple[str, str]]:
    """Each public name of a module with ``there``, ``refused`` (it says what to use instead) or ``missing``."""
    ours = the(path, nnlite)
    for name in public_names(the(path, torch)):
        try:
            value = getattr(ours, name)
        except AttributeError:
            yield name, "missing"
        else:
            yield name, "refused" if isinstance(value, Unavailable) else "there"


def table(paths: list[str]) -> tuple[str, dict[str, list[str]]]:
    """A row for each module, and its missing names."""
    lines = ["| module | names | there | refused | missing |", "|---|---|---|---|---|"]
    total, missing = [0, 0, 0, 0], {}
    for path in paths:
        by_state: dict[str, list[str]] = {"there": [], "refused": [], "missing": []}
        for name, state in states(path):
            by_state[state].append(name)
        row = [sum(map(len, by_state.values())), *(len(v) for v in by_state.values())]
        total = [a + b for a, b in zip(total, row, strict=True)]
        lines.append(f"| `{path}` | " + " | ".join(map(str, row)) + " |")
        if by_state["missing"]:
            missing[path] = by_state["missing"]
    lines.append("| all | " + " | ".join(map(str, total)) + " |")
    return "\n".join(lines), missing


def document(paths: list[str]) -> str:
    text, missing = table(paths)
    parts = [
        "# Public names of PyTorch",
        "",
        "Written by `python tests/parity/names.py --write`; do not edit. "
        f"nnlite {nnlite.version.nnlite}, PyTorch {torch.__version__.split('+')[0]}.",
        "",
        "*Refused* names can be imported and stand in annotations and `isinstance`; a call raises NotImplementedError, "
        "which says what to use instead.",
        "",
        text,
        "",
        "## Missing names",
    ]
    for path, names in missing.items():
        parts += ["", f"### `{path}`", ""]
        by_reason: dict[str, list[str]] = {}
        for name in names:
            by_reason.setdefault(reason(name), []).append(name)
        for why in [*(text for _, text in REASONS), NO_REASON]:
            if why in by_reason:
                parts.append(f"- {why}: " + ", ".join(f"`{name}`" for name in by_reason[why]))
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    paths = [a for a in arguments if not a.startswith("-")] or MODULES
    if "--write" in arguments:
        DOCUMENT.write_text(document(MODULES), "utf-8")
        return
    text, missing = table(paths)
    for path, names in missing.items():
        print(f"{path}: {' '.join(names)}\n")
    print(text)


if __name__ == "__main__":
    main(sys.argv[1:])
