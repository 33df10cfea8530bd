"""Several programs that train one model: each takes its part of every batch, and their gradients are added up.

All begin with the weights of rank 0 and take the same steps, so that they hold the same weights at any time (data
parallelism; Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", VLDB 2020). A part
counts by its size, so the steps are those of one program on whole batches, up to the order of sums. Two things know of
parts: batch normalisation sees the statistics of its own, and dropout draws for its own.

The group is our own, over loopback: nothing of torch's default process group is touched.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.errors import EvaluationError

__all__ = ["RankError", "Ranks", "join"]

PATIENCE = 600.0
"""Seconds that a rank waits for the others."""


class RankError(EvaluationError):
    """Another rank did not do its part: it has died, failed, or hangs."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """One of the programs that train one model together, from its own point of view.

    Attributes:
        rank: 0 is the one that reports and keeps what was learned.
        size: how many there are.
        group: a process group of torch.distributed.
    """

    rank: int
    size: int
    group: Any

    def part(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, float]:
        """Our examples of a batch, and their share of it. Of fewer examples than ranks some get none."""
        mine = torch.tensor_split(torch.arange(len(targets)), self.size)[self.rank]
        piece = slice(int(mine[0]), int(mine[-1]) + 1) if len(mine) else slice(0)
        return inputs[piece], targets[piece], len(mine) / len(targets)

    def begin(self, body: nn.Module) -> None:
        """Take over the weights and statistics of rank 0."""
        with torch.no_grad():
            for tensor in (*body.parameters(), *body.buffers()):
                if tensor.dtype is not torch.bool:
                    self.sum(tensor if self.rank == 0 else tensor.zero_())

    def add_up(self, body: nn.Module, loss: Tensor, share: float) -> Tensor:
        """Make the gradients of our part those of the whole batch, and return its loss.

        Args:
            loss: mean over our part, detached; what it and the gradients are does not matter where our share is 0.
            share: of the batch that was ours.
        """
        parameters = [p for p in body.parameters() if p.requires_grad]
        used = torch.tensor([float(p.grad is not None) for p in parameters])
        # Where a path was left out here, another rank may have taken it; where all left it out there is no gradient.
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        own = torch.cat([loss.reshape(1), *(g.reshape(-1) for g in gradients)])
        flat = self.sum(torch.cat([used, share * own if share else torch.zeros_like(own)]))
        users, loss, values = flat.tensor_split([len(parameters), 1 + len(parameters)])
        begin = 0
        for parameter, count in zip(parameters, users.tolist(), strict=True):
            value = values[begin : begin + parameter.numel()].view_as(parameter)
            parameter.grad = torch.empty_like(parameter).copy_(value) if count else None
            begin += parameter.numel()
        return loss[0]

    def average_statistics(self, body: nn.Module) -> None:
        """Let all have the same statistics of normalisations: the mean over the ranks."""
        with torch.no_grad():
            for module in body.modules():
                for name in ("running_mean", "running_var"):
                    if isinstance(found := getattr(module, name, None), Tensor):
                        self.sum(found).div_(self.size)

    def any(self, flag: bool) -> bool:
        """Whether one of them says so; all hear the same answer."""
        return bool(self.sum(torch.tensor(float(flag))))

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up the tensors of all ranks, in place.

        Raises:
            RankError: one of them does not answer.
        """
        try:
            self.group.allreduce([tensor]).wait()
        except RuntimeError as error:
            raise RankError(f"rank {self.rank} of {self.size} lost another: {error}") from error
        return tensor


def join(meeting: Path, rank: int, size: int) -> Ranks:
    """Meet the other ranks of this machine.

    Args:
        meeting: a file that does not exist yet, the same for all of them.

    Raises:
        RankError: one of them does not come.
    """
    import torch.distributed as dist

    patience = datetime.timedelta(seconds=PATIENCE)
    try:
        store = dist.FileStore(str(meeting), size)  # type: ignore[attr-defined]
        store.set_timeout(datetime.timedelta(seconds=60))
        options = dist.ProcessGroupGloo._Options()  # type: ignore[attr-defined]
        options._devices = [dist.ProcessGroupGloo.create_device(hostname="127.0.0.1")]
        options._timeout = patience
        ranks = Ranks(rank, size, dist.ProcessGroupGloo(store, rank, size, options))
    except RuntimeError as error:
        raise RankError(f"rank {rank} of {size} met no others: {error}") from error
    ranks.any(False)  # once it is answered nobody reads the file any more
    return ranks
