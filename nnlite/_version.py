"""The version, in one place: ``setup.cfg`` and ``nnlite.__version__`` read it here."""

__version__ = "0.1.0"
