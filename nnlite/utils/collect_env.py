"""What a report about a problem should say: ``python -m nnlite.utils.collect_env``."""

from __future__ import annotations

from .. import __config__, cuda
from ..torch_version import __version__

__all__ = ["get_pretty_env_info", "main"]


def get_pretty_env_info() -> str:
    """Versions, devices and threads, as text.

    Example:
        >>> from nnlite.utils.collect_env import get_pretty_env_info
        >>> "CUDA available:" in get_pretty_env_info()
        True
    """
    gpus = [f"  {i}: {cuda.get_device_name(i)}" for i in range(cuda.device_count())]
    return "\n".join([
        __config__.show().rstrip(),
        f"PyTorch's API: {__version__}",
        f"CUDA available: {cuda.is_available()}",
        *gpus,
        __config__.parallel_info().rstrip(),
    ])  # fmt: skip


def main() -> None:
    """Print it."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()
