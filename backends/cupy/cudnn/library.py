"""Finding cuDNN, and what a thread has of it on a device."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from ...capture import current

PACKAGE = "nvidia-cudnn-frontend"
FRONTENDS = ("1.23",)
"""Versions of the frontend that go with the versions of cuDNN below: 1.24 to 1.26 break the gradient of attention
there, later ones build graphs in another way."""

CUDNN = 9
"""The major version of cuDNN whose graphs are built here."""

INSTALL = 'install it with: pip install "nnlite-framework[cudnn]"'

_REPEATS = 3


class Library:
    """cuDNN, loaded.

    Args:
        frontend: the module ``cudnn``.
        cupy: gives the device, the stream and events.
    """

    def __init__(self, frontend: Any, cupy: Any) -> None:
        self.frontend = frontend
        self.version: int = frontend.backend_version()
        self._cupy = cupy
        self._handles = _Handles()

    @property
    def array_type(self) -> type:
        """The class of the arrays on which plans run."""
        return self._cupy.ndarray

    def device(self) -> int:
        """The device on which this thread works."""
        return self._cupy.cuda.runtime.getDevice()

    def handle(self) -> int:
        """This thread's handle on its device, set to the stream that takes the work."""
        device, stream = self.device(), self._cupy.cuda.get_current_stream().ptr
        kept = self._handles.of
        handle, told = kept.get(device, (None, None))
        if handle is None:
            handle = self.frontend.create_handle()
        if told != stream:  # telling it takes longer than asking
            self.frontend.set_stream(handle, stream)
            kept[device] = handle, stream
        return handle

    def graph_options(self) -> dict[str, Any]:
        """What tells a new graph the device it is for."""
        return {"handle": self.handle()}

    def can_measure(self) -> bool:
        """Whether the host may wait for the device here."""
        return current.capture is None and not self._cupy.cuda.get_current_stream().is_capturing()

    def measure(self, run: Callable[[], None]) -> float:
        """Milliseconds that the device takes: the least of some runs, after one that does not count."""
        cuda = self._cupy.cuda
        start, end = cuda.Event(), cuda.Event()
        times = []
        for _ in range(_REPEATS + 1):
            start.record()
            run()
            end.record()
            end.synchronize()
            times.append(cuda.get_elapsed_time(start, end))
        return min(times[1:])


class _Handles(threading.local):
    """Device -> (handle, the stream it was told)."""

    def __init__(self) -> None:
        self.of: dict[int, tuple[int, int]] = {}


class _State:
    """What the search found; ``array_type`` is None before it and where it found nothing."""

    library: Library | None = None
    array_type: type | None = None
    reason: str | None = None
    searched = False


_state = _State()
_lock = threading.Lock()


def of(array: Any) -> Library | None:
    """cuDNN for an array: None where the array is not CuPy's, or cuDNN is missing."""
    if type(array) is _state.array_type:
        return _state.library
    if _state.searched or type(array).__module__.partition(".")[0] != "cupy":
        return None
    return found()


def found() -> Library | None:
    """cuDNN, or None; ``reason()`` then says why."""
    if not _state.searched:
        with _lock:
            if not _state.searched:
                use(*_search())
    return _state.library


def reason() -> str | None:
    """Why cuDNN is not used; None where it is."""
    found()
    return _state.reason


def use(library: Any, reason: str | None = None) -> tuple[Any, str | None]:
    """Set what the search found, and get what it was."""
    before = _state.library, _state.reason
    _state.library, _state.reason = library, reason
    _state.array_type = None if library is None else library.array_type
    _state.searched = True
    return before


def forget() -> None:
    """Search again when cuDNN is next asked for."""
    use(None)
    _state.searched = False


def _search() -> tuple[Library | None, str | None]:
    wrong = _missing()
    if wrong is not None:
        return None, wrong
    try:
        return _load(), None
    except Exception as error:  # whatever a library that does not fit raises
        text = (str(error).splitlines() or [""])[0][:200]
        return None, _told(f"cuDNN is installed but cannot be used ({type(error).__name__}: {text})")


def _missing() -> str | None:
    """What is not installed, or in a version that does not fit."""
    if importlib.util.find_spec("cudnn") is None:
        return f"the Python frontend of cuDNN is not installed; {INSTALL}"
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return f"the module cudnn does not belong to {PACKAGE}; {INSTALL}"
    if version.rpartition(".")[0] not in FRONTENDS:
        wanted = " or ".join(f"{v}.*" for v in FRONTENDS)
        return _told(f"{PACKAGE} {version} is installed, but {wanted} is needed; {INSTALL}")
    if importlib.util.find_spec("cupy") is None:
        return 'CuPy is not installed; install it with: pip install "nnlite-framework[cuda]"'
    return None


def _load() -> Library:
    load_first()
    frontend, cupy = importlib.import_module("cudnn"), importlib.import_module("cupy")
    library = Library(frontend, cupy)
    if library.version // 10000 != CUDNN:
        raise RuntimeError(f"cuDNN {CUDNN}.* is needed, not version {library.version}; {INSTALL}")
    return library


def load_first() -> None:
    """Load the libraries of CUDA that cuDNN needs from where they were installed. cuDNN finds them by name only when
    they are loaded, and ends the process where cuBLAS is missing.

    Raises:
        Exception: one of them is missing.
    """
    if not _has("cuda") or not _has("cuda.pathfinder"):
        return
    load = importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib
    for name in ("cudart", "nvrtc", "cublasLt"):
        load(name)


def _has(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None


def _told(message: str) -> str:
    """The message, of which a warning tells too: what is installed was meant to be used."""
    warnings.warn(f"cuDNN is not used: {message}", RuntimeWarning, stacklevel=2)
    return message
