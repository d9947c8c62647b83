"""The functions behind the layers. They are defined, with their derivatives, in ``nnlite/ops``."""

from __future__ import annotations

from ..ops.linalg import linear as linear
