"""The versions, in one place: ``setup.cfg`` reads ``__version__``, ``nnlite.torch_version`` both."""

__version__ = "0.1.0"
"""The version of this package."""

PYTORCH = "2.13.0"
"""The version of PyTorch whose public API this package follows."""
