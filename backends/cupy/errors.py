"""What keeps CUDA from working, in words: what is missing, which versions do not fit, what a GPU reported."""

from __future__ import annotations

import importlib
import importlib.util
import re
from importlib import metadata

from ..base import DeviceUnavailableError
from ..errors import AcceleratorError

INSTALL = 'install it with: pip install "nnlite-framework[cuda]"'

_NO_DRIVER, _NO_GPU = 35, 100
"""cudaErrorInsufficientDriver and cudaErrorNoDevice."""

_STATUSES = {
    2: "no GPU memory is free, not even for a CUDA context (nvidia-smi shows which processes hold it)",
    46: "the GPU is in use by a process that has it to itself (nvidia-smi shows which, and the compute mode)",
    101: "there is no such GPU; check the environment variable CUDA_VISIBLE_DEVICES",
    802: "the GPUs are still being set up; check the service nvidia-fabricmanager",
    803: "driver and libraries of NVIDIA are of different versions; restart the machine after an update",
    804: "this GPU does not run CUDA of this version with its driver; install a newer driver",
    999: "the driver failed for an unknown reason; check nvidia-smi, and dmesg for Xid errors",
}  # fmt: skip
"""Errors of the question how many GPUs there are, by number."""

_FATAL = frozenset((214, 220, 226, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719))
"""Errors after which a process cannot use CUDA any more: illegal addresses and instructions, failed asserts, time-outs
and failures of the hardware."""

_BUILDS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")


_LIBRARY = re.compile(r"lib(?:cudart|nvrtc|cublas|cublasLt|cufft|curand|cusolver|cusparse|nvJitLink)\S*?\.so[.\d]*")
_ABSENT = re.compile("cannot open shared object|not found|failed to (?:load|find)|failure finding|no such file", re.I)


def builds() -> list[str]:
    """The packages of CuPy that are installed. All of them put their files into one folder."""
    found = []
    for name in _BUILDS:
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return found


def several_builds() -> str:
    """What to do about several packages of CuPy, as the end of a sentence; nothing where there is one."""
    found = builds()
    if len(found) < 2:
        return ""
    return (
        f". Several builds of CuPy are installed ({', '.join(found)}), whose files overwrite each other: remove all "
        f"with pip uninstall {' '.join(found)}, then {INSTALL}"
    )


def missing_package() -> str | None:
    """Why CuPy cannot be imported, and what to install; None where it can. Does not import it when it is absent."""
    if importlib.util.find_spec("cupy") is None:
        return f"cuda is not available: CuPy is not installed; {INSTALL}"
    try:
        importlib.import_module("cupy")
    except Exception as error:
        advice = several_builds() or f"; {INSTALL}"
        return f"cuda is not available: CuPy is installed but cannot be imported ({error}){advice}"
    return None


def explain(status: int, text: str, driver: int, runtime: int) -> str:
    """What is missing, from a CUDA error and the versions (13020 is 13.2) of driver and runtime."""
    major = runtime // 1000
    if status == _NO_DRIVER and not driver:
        reason = (
            "CuPy is installed, but this machine has no NVIDIA driver; install the driver "
            f"(for CUDA {major} or newer) and check it with nvidia-smi"
        )
    elif status == _NO_DRIVER:
        reason = (
            f"the NVIDIA driver is for CUDA {driver // 1000}.{driver % 1000 // 10}, CuPy needs one for CUDA {major}; "
            "install a newer driver"
        )
        if driver // 1000 == 12 < major:
            installed = " ".join(builds() or ["cupy-cuda13x"])
            reason += f', or CuPy for CUDA 12: pip uninstall {installed}, then pip install "cupy-cuda12x[ctk]"'
    elif status == _NO_GPU:
        reason = (
            "CuPy and the NVIDIA driver are installed, but no GPU is visible; check nvidia-smi "
            "and the environment variable CUDA_VISIBLE_DEVICES"
        )
    else:
        reason = f"{_STATUSES[status]} ({text})" if status in _STATUSES else text
    return f"cuda is not available: {reason}{several_builds()}"


def fatal(error: Exception) -> bool:
    """Whether a process cannot use CUDA any more after this error."""
    return getattr(error, "status", 0) in _FATAL and type(error).__name__ in ("CUDARuntimeError", "CUDADriverError")


def translated(error: Exception, runtime: int) -> Exception | None:
    """The error to raise in place of one of CUDA's or of its libraries'; None for that one itself.

    Args:
        runtime: CuPy's version of CUDA (13020 is 13.2).
    """
    text, kind = str(error), type(error).__name__
    if fatal(error):
        name, _, meaning = text.partition(": ")
        return AcceleratorError(
            f"CUDA error: {meaning or name} ({name}). CUDA works on its own and reports errors late, so an operation "
            "before this one may be the cause. This process cannot use CUDA any more: save what lies on the CPU and "
            "start it again. To find the operation, run it with the environment variable CUDA_LAUNCH_BLOCKING=1, or "
            "under compute-sanitizer",
            getattr(error, "status", 0),
        )
    if isinstance(error, DeviceUnavailableError):
        return None
    library = _LIBRARY.search(text)
    if library and _ABSENT.search(text) and isinstance(error, ImportError | OSError | RuntimeError):
        major = runtime // 1000
        return DeviceUnavailableError(
            f"cuda: {library[0]} cannot be loaded, which CuPy for CUDA {major} needs: "
            f'install CUDA\'s libraries of that version with pip install "cupy-cuda{major}x[ctk]", or CuPy for the '
            f"CUDA that is installed{several_builds()} ({text.strip().splitlines()[0]})"
        )
    if kind == "CompileException" and "gpu-architecture" in text:
        return DeviceUnavailableError(
            f"cuda: this GPU is newer than the compiler of CUDA {runtime // 1000}.{runtime % 1000 // 10} that CuPy "
            f"works with; install a newer build: {INSTALL.partition(': ')[2]} ({text.strip().splitlines()[0]})"
        )
    if kind == "CUBLASError" and text in ("CUBLAS_STATUS_NOT_INITIALIZED", "CUBLAS_STATUS_ALLOC_FAILED"):
        return AcceleratorError(f"CUDA error: {text}, mostly because no memory is left for cuBLAS; free some with "
                                "cuda.empty_cache(), or make batches smaller", getattr(error, "status", 0))  # fmt: skip
    return None


def closed(reason: Exception) -> str:
    """Why CUDA cannot be used after an error that it did not survive."""
    return f"cuda is not available: this process lost it by an earlier error; start it again ({reason})"
