"""Several processes that train one model: what they share, so that their number changes nothing.

Each process holds a part of every batch. What couples the samples of a batch goes through here:
the denominators of weighted means, codes that are compared with one another, the statistics of
batch norms and, at last, the gradients. On one process all of it does nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn

_BUCKET = 2**24
"""Gradients that travel together, in numbers: few messages, and no second copy of the model."""


def world() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def offset(size: int) -> int:
    """Number of this process's first sample within the whole batch, if each holds `size`."""
    return rank() * size


def shared_mean(value: Tensor) -> Tensor:
    """Mean of a detached value over the processes, for denominators; same shape."""
    if world() == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / world()


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, in their order: (n, ...) to (world * n, ...).

    The gradient flows back to every process's own rows. Each process computes the same loss on
    what is gathered; averaging the gradients over the processes then gives that of one.
    """
    if world() == 1:
        return rows
    out: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return out


class _Gather(torch.autograd.Function):
    """all_gather whose backward sums the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(world())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        distributed.all_reduce(total)
        return total.chunk(world())[rank()]


class _Sum(torch.autograd.Function):
    """all_reduce whose backward sums the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the samples of all processes, on any device.

    torch's own `SyncBatchNorm` runs on GPUs only. In evaluation mode it is a plain batch norm.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(n, C, H, W) to the same shape."""
        if not self.training or world() == 1:
            return super().forward(input)
        maps = input.float()
        count = maps[:, 0].numel() * world()
        # In two passes: the difference of mean square and squared mean would lose small variances.
        mean: Tensor = _Sum.apply(maps.sum((0, 2, 3)) / count)  # type: ignore[no-untyped-call]
        centred = maps - mean[:, None, None]
        variance: Tensor = _Sum.apply(  # type: ignore[no-untyped-call]
            centred.square().sum((0, 2, 3)) / count
        )
        if self.running_mean is not None and self.running_var is not None:
            with torch.no_grad():
                share = self.momentum if self.momentum is not None else 0.1
                self.running_mean.lerp_(mean, share)
                self.running_var.lerp_(variance * count / max(1, count - 1), share)
                if self.num_batches_tracked is not None:
                    self.num_batches_tracked.add_(1)
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None and self.bias is not None:
            scale, shift = scale * self.weight, self.bias
        else:
            shift = torch.zeros_like(mean)
        out = centred * scale[:, None, None] + shift[:, None, None]
        return out.to(input.dtype)


def share_batch_norms(module: nn.Module) -> None:
    """Put `SharedBatchNorm` in the place of every batch norm of a module; weights are kept."""
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            shared = SharedBatchNorm(
                child.num_features,
                eps=child.eps,
                momentum=child.momentum,
                affine=child.affine,
                track_running_stats=child.track_running_stats,
            )
            shared.load_state_dict(child.state_dict())
            setattr(module, name, shared.train(child.training))
        else:
            share_batch_norms(child)


def share_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average the gradients over the processes, in place."""
    if world() == 1:
        return
    bucket: list[Tensor] = []
    for gradient in (p.grad for p in parameters if p.grad is not None):
        bucket.append(gradient)
        if sum(g.numel() for g in bucket) >= _BUCKET:
            _average(bucket)
            bucket = []
    if bucket:
        _average(bucket)


def _average(gradients: list[Tensor]) -> None:
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= world()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()


@contextmanager
def first_process_first() -> Iterator[None]:
    """Run a block on process 0, then on the others: what it writes to disk, they find there."""
    if world() > 1 and rank() > 0:
        distributed.barrier()
    yield
    if world() > 1 and rank() == 0:
        distributed.barrier()
