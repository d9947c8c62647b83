"""PyTorch programs as they are: ``import torch`` gives nnlite.

From the command line, for a program that knows nothing of nnlite::

    python -m nnlite.torch train.py --epochs 3
    python -m nnlite.torch -m package.train --epochs 3
    python -m nnlite.torch --report-only train.py

In a notebook or at the top of a program, before the first ``import torch``::

    import nnlite.torch
    nnlite.torch.install()

Every name of ``torch`` is then the very object of nnlite: ``torch.nn.functional is nnlite.nn.functional``. A PyTorch
that is installed is neither loaded nor changed. Processes that :mod:`multiprocessing` starts, by whichever method, see
the same; programs started through :mod:`subprocess` do not. ``import torchvision`` gives :mod:`nnlite.vision`.
"""

from __future__ import annotations

from ._finder import install, is_installed, uninstall

__all__ = ["install", "is_installed", "uninstall"]
