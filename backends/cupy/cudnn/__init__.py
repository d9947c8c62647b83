"""cuDNN through its Python frontend, where it is installed: convolution and attention above kernels of our own.

``library`` finds it and keeps a handle for each thread and device, ``plans`` builds graphs and keeps them;
``convolution`` and ``attention`` are the wrappers. None of them imports CuPy or cuDNN. What they refuse goes to the
kernel beneath, so the other families are registered first.
"""

import importlib

from ..overrides import FAMILIES

_ABOVE = "cudnn"

for _name in (*(family for family in FAMILIES if family != _ABOVE), "cudnn.convolution", "cudnn.attention"):
    importlib.import_module(f"{__package__.rpartition('.')[0]}.{_name}")
