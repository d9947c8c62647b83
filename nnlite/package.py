"""Names of PyTorch's archives of code, which are not offered."""

from __future__ import annotations

from ._unavailable import module_getattr

__getattr__ = module_getattr(
    __name__,
    ("EmptyMatchError", "Importer", "OrderedImporter", "PackageExporter", "PackageImporter", "PackagingError",
     "sys_importer"),
    "save a state_dict with nnlite.save",
)  # fmt: skip
