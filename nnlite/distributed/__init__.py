"""Programs of several processes, of which nnlite runs the case of one.

``is_available()`` is False, so that programs that ask take their single-process way. Those that start a process group
of one process get one: its collective operations have nobody to talk to, and leave or copy the tensors. More processes
raise NotImplementedError.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .._unavailable import Unavailable
from ._single import ProcessGroup, ReduceOp, Work, require_one

__all__ = [
    "Backend",
    "GroupMember",
    "ProcessGroup",
    "ReduceOp",
    "Work",
    "all_gather",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_global_rank",
    "get_group_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "group",
    "init_process_group",
    "irecv",
    "is_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "isend",
    "monitored_barrier",
    "new_group",
    "recv",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
]

_NOT_THERE = (
    "nnlite runs one process; start the program as a single process, and use DataLoader's num_workers for loading"
)
_group: ProcessGroup | None = None


class Backend(str):
    """The names of PyTorch's ways of communication."""

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"


class GroupMember:
    """The group of all processes, and what stands for no member."""

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = -100


group = GroupMember


def is_available() -> bool:
    """False: there is no communication between processes.

    Example:
        >>> import nnlite
        >>> nnlite.distributed.is_available(), nnlite.distributed.is_initialized()
        (False, False)
    """
    return False


def is_nccl_available() -> bool:
    """False."""
    return False


def is_gloo_available() -> bool:
    """False."""
    return False


def is_mpi_available() -> bool:
    """False."""
    return False


def is_ucc_available() -> bool:
    """False."""
    return False


def is_xccl_available() -> bool:
    """False."""
    return False


def is_backend_available(backend: str) -> bool:
    """False."""
    return False


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """0, or what ``LOCAL_RANK`` in the environment says."""
    return int(os.environ.get("LOCAL_RANK") or fallback_rank or 0)


def is_torchelastic_launched() -> bool:
    """Whether torchrun started the program."""
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def is_initialized() -> bool:
    """Whether :func:`init_process_group` was called."""
    return _group is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: Any = None,
    world_size: int = -1,
    rank: int = -1,
    store: Any = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Start a process group of one process.

    Args:
        backend: kept for :func:`get_backend`.
        world_size: 1, or left out: then the environment variable ``WORLD_SIZE`` counts, if it is set.

    Raises:
        NotImplementedError: there are more processes. ValueError: there is a group already, or ``rank`` is not 0.

    Example:
        >>> import nnlite
        >>> nnlite.distributed.init_process_group("gloo", rank=0, world_size=1)
        >>> nnlite.distributed.get_rank(), nnlite.distributed.get_world_size()
        (0, 1)
        >>> nnlite.distributed.destroy_process_group()
    """
    global _group
    if _group is not None:
        raise ValueError("trying to initialize the default process group twice!")
    processes = int(os.environ.get("WORLD_SIZE") or 1) if world_size in (-1, None) else world_size
    if processes != 1:
        raise NotImplementedError(f"init_process_group: {processes} processes; {_NOT_THERE}")
    if rank not in (-1, 0):
        raise ValueError(f"init_process_group: rank {rank} is not in a world of size 1")
    _group = GroupMember.WORLD = ProcessGroup(backend or "gloo")


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """End a process group."""
    global _group
    if group is None or group is _group:
        _group = GroupMember.WORLD = None


def _world(group: Any = None) -> ProcessGroup:
    """The group, or that of all processes.

    Raises:
        ValueError: there is none.
    """
    if _group is None:
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return _group if group is None else group


def get_rank(group: Any = None) -> int:
    """0."""
    return _world(group).rank()


def get_world_size(group: Any = None) -> int:
    """1."""
    return _world(group).size()


def get_backend(group: Any = None) -> Backend:
    """The name that :func:`init_process_group` was given."""
    return Backend(_world(group).backend)


def new_group(
    ranks: Sequence[int] | None = None, timeout: Any = None, backend: str | None = None, **kwargs: Any
) -> Any:
    """A group of the one process.

    Raises:
        ValueError: ``ranks`` names others.
    """
    _world()
    if ranks is not None and list(ranks) != [0]:
        raise ValueError(f"new_group: ranks {list(ranks)} are not in a world of size 1")
    return ProcessGroup(backend or _world().backend)


def get_global_rank(group: Any, group_rank: int) -> int:
    """0."""
    return require_one("get_global_rank", group_rank)


def get_group_rank(group: Any, global_rank: int) -> int:
    """0."""
    return require_one("get_group_rank", global_rank)


def get_process_group_ranks(group: Any = None) -> list[int]:
    """``[0]``."""
    _world(group)
    return [0]


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Nothing: nobody else is waited for."""
    _world(group)
    return Work() if async_op else None


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """Nothing: nobody else is waited for."""
    _world(group)


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Nothing: over one process the sum, the product and the rest of a tensor are the tensor."""
    _world(group)
    return Work(tensor) if async_op else None


def reduce(tensor: Any, dst: int = 0, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """Nothing, as :func:`all_reduce`."""
    require_one("reduce", dst)
    return all_reduce(tensor, op, group, async_op)


def broadcast(tensor: Any, src: int = 0, group: Any = None, async_op: bool = False) -> Work | None:
    """Nothing: the only process has the tensor."""
    require_one("broadcast", src)
    return all_reduce(tensor, group=group, async_op=async_op)


def broadcast_object_list(object_list: list[Any], src: int = 0, group: Any = None, device: Any = None) -> None:
    """Nothing: the only process has the objects."""
    require_one("broadcast_object_list", src)
    _world(group)


def _copy(name: str, targets: Any, sources: Any, group: Any, async_op: bool) -> Work | None:
    _world(group)
    if len(targets) != len(sources):
        raise ValueError(f"{name}: expected {len(sources)} tensor for a world of size 1, got {len(targets)}")
    for target, source in zip(targets, sources, strict=True):
        target.detach().copy_(source.detach())
    return Work(targets) if async_op else None


def all_gather(tensor_list: list[Any], tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """Copy ``tensor`` to the one tensor in the list."""
    return _copy("all_gather", tensor_list, [tensor], group, async_op)


def all_gather_into_tensor(output: Any, input: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """Copy ``input`` to ``output``."""
    return _copy("all_gather_into_tensor", [output], [input.reshape(output.shape)], group, async_op)


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """Put ``obj`` into the list of one place."""
    _world(group)
    object_list[0] = obj


def gather(
    tensor: Any, gather_list: Any = None, dst: int = 0, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy ``tensor`` to the one tensor in the list."""
    require_one("gather", dst)
    return _copy("gather", gather_list or [], [tensor], group, async_op)


def gather_object(obj: Any, object_gather_list: Any = None, dst: int = 0, group: Any = None) -> None:
    """Put ``obj`` into the list of one place."""
    require_one("gather_object", dst)
    all_gather_object(object_gather_list, obj, group)


def scatter(tensor: Any, scatter_list: Any = None, src: int = 0, group: Any = None, async_op: bool = False) -> Any:
    """Copy the one tensor in the list to ``tensor``."""
    require_one("scatter", src)
    return _copy("scatter", [tensor], scatter_list or [], group, async_op)


def scatter_object_list(
    scatter_object_output_list: list[Any], scatter_object_input_list: Any = None, src: int = 0, group: Any = None
) -> None:
    """Copy the one object of a list to the other."""
    require_one("scatter_object_list", src)
    all_gather_object(scatter_object_output_list, scatter_object_input_list[0], group)


def reduce_scatter(
    output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Any:
    """Copy the one tensor in the list to ``output``."""
    return _copy("reduce_scatter", [output], input_list, group, async_op)


def reduce_scatter_tensor(
    output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False
) -> Work | None:
    """Copy ``input`` to ``output``."""
    return all_gather_into_tensor(output, input, group, async_op)


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False) -> Any:
    """Copy the tensors of a list to those of the other."""
    return _copy("all_to_all", output_tensor_list, input_tensor_list, group, async_op)


def all_to_all_single(output: Any, input: Any, *sizes: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """Copy ``input`` to ``output``."""
    return all_gather_into_tensor(output, input, group, async_op)


send = Unavailable("torch.distributed.send", _NOT_THERE)
recv = Unavailable("torch.distributed.recv", _NOT_THERE)
isend = Unavailable("torch.distributed.isend", _NOT_THERE)
irecv = Unavailable("torch.distributed.irecv", _NOT_THERE)

_OTHERS = {
    "DeviceMesh", "DistBackendError", "DistError", "DistNetworkError", "DistStoreError", "FileStore",
    "GradBucket", "HashStore", "P2POp", "PrefixStore", "QueueEmptyError", "Reducer", "Store", "TCPStore",
    "autograd", "batch_isend_irecv", "init_device_mesh", "new_subgroups", "new_subgroups_by_enumeration",
    "recv_object_list", "register_rendezvous_handler", "rendezvous", "rpc", "send_object_list", "shrink_group",
    "split_group",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _OTHERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()[name] = Unavailable(f"torch.distributed.{name}", _NOT_THERE)
    return made
