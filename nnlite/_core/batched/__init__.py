"""Batched arrays: what ``vmap`` runs on.

``vmap`` is one more kind of array. A :class:`~.array.BatchedArray` shows the shape of one example and holds all of
them, with the batch as axis 0 of ``raw``. Its kernel table runs the bodies of the operations over an array namespace
whose functions know about the batch (``rules.py``); what that cannot do runs once for each example and is stacked
(``table.py``). So operations, derivatives and the graph know nothing of it, and ordinary tensors pay nothing for it.

``levels.py`` says which ``vmap`` a batch belongs to; nested ones are arrays in arrays, the inner ``vmap`` outermost.
"""

from __future__ import annotations
