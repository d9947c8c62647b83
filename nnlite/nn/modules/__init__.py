"""Layers and containers, under PyTorch's file names. What a file lists in ``__all__`` is in `nnlite.nn`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._lazy import names_of

if TYPE_CHECKING:  # what loads at first use; the index is made of these lines
    from . import activation as activation
    from . import adaptive as adaptive
    from . import attention as attention
    from . import batchnorm as batchnorm
    from . import channelshuffle as channelshuffle
    from . import container as container
    from . import conv as conv
    from . import distance as distance
    from . import dropout as dropout
    from . import flatten as flatten
    from . import fold as fold
    from . import instancenorm as instancenorm
    from . import lazy as lazy
    from . import linear as linear
    from . import loss as loss
    from . import module as module
    from . import normalization as normalization
    from . import padding as padding
    from . import pixelshuffle as pixelshuffle
    from . import pooling as pooling
    from . import rnn as rnn
    from . import sparse as sparse
    from . import transformer as transformer
    from . import upsampling as upsampling
    from . import utils as utils
    from ._more_pooling import *  # noqa: F403
    from .activation import *  # noqa: F403
    from .adaptive import *  # noqa: F403
    from .attention import *  # noqa: F403
    from .batchnorm import *  # noqa: F403
    from .channelshuffle import *  # noqa: F403
    from .container import *  # noqa: F403
    from .conv import *  # noqa: F403
    from .distance import *  # noqa: F403
    from .dropout import *  # noqa: F403
    from .flatten import *  # noqa: F403
    from .fold import *  # noqa: F403
    from .instancenorm import *  # noqa: F403
    from .linear import *  # noqa: F403
    from .loss import *  # noqa: F403
    from .module import *  # noqa: F403
    from .normalization import *  # noqa: F403
    from .padding import *  # noqa: F403
    from .pixelshuffle import *  # noqa: F403
    from .pooling import *  # noqa: F403
    from .rnn import *  # noqa: F403
    from .sparse import *  # noqa: F403
    from .transformer import *  # noqa: F403
    from .upsampling import *  # noqa: F403

__getattr__, __dir__ = names_of(__name__)
