"""Peak memory of one training step, beside PyTorch's: ``python benchmarks/memory.py``.

Each case runs in a process of its own for each library. The peak is the most memory that the process held (the system's
count) less what it held before the step, with the input and the parameters made. A small step goes before, since what
it loads (kernels, the compiler's library) is loaded once in a process.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import resource
import subprocess
import sys
from typing import Any

LIBRARIES = ("nnlite", "torch")


def held() -> int:
    """Bytes that the process holds now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def forget_peak() -> None:
    """Let the peak begin from what the process holds now."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak() -> int:
    """The most bytes that the process held since then."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def convolutions(torch: Any, images: int = 16) -> Any:
    """Two 64-channel 3x3 convolutions on 16x64x56x56."""
    model = torch.nn.Sequential(
        torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3, padding=1)
    )
    x = torch.ones(images, 64, 56, 56)

    def step() -> None:
        model(x).sum().backward()

    return step


def attention(torch: Any, positions: int = 4096) -> Any:
    """Attention over 4096 positions with 4 heads of 32, forward and backward."""
    q, k, v = (torch.ones(1, 4, positions, 32).requires_grad_() for _ in range(3))

    def step() -> None:
        torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).sum().backward()

    return step


def lstm(torch: Any, steps: int = 100) -> Any:
    """An LSTM of 256 over 100 steps of a batch of 64."""
    model, x = torch.nn.LSTM(128, 256), torch.ones(steps, 64, 128)

    def step() -> None:
        model(x)[0].sum().backward()

    return step


CASES = {"convolutions": convolutions, "attention": attention, "lstm": lstm}
SMALL = {"convolutions": 1, "attention": 128, "lstm": 2}
"""The size of the small step."""


def measure(library: str, case: str) -> int:
    """Bytes at the peak of a step, in this process."""
    torch = importlib.import_module(library)
    torch.set_num_threads(1)
    CASES[case](torch, SMALL[case])()
    step = CASES[case](torch)
    gc.collect()
    forget_peak()
    before = held()
    step()
    return peak() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(*options.one))
        return
    print(f"{'MB at the peak of a step':28}" + "".join(f"{name:>9}" for name in LIBRARIES) + f"{'ratio':>8}")
    for case, make in CASES.items():
        found = [
            int(
                subprocess.run(
                    [sys.executable, __file__, "--one", library, case], capture_output=True, check=True
                ).stdout
            )
            for library in LIBRARIES
        ]
        print(f"{case:28}" + "".join(f"{n / 1e6:9.0f}" for n in found) + f"{found[0] / found[1]:8.2f}   {make.__doc__}")


if __name__ == "__main__":
    main()
