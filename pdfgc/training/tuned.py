"""What tuning changed in a model: kept beside an avatar, put back into fresh weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pdfgc.errors import InputError
from pdfgc.generator.fewshot import PersonalNorm
from pdfgc.model import TalkingHead

_OWN = ".own"


@dataclass(frozen=True)
class TunedState:
    """The tensors that differ from the weights an avatar was made with.

    Attributes:
        model_id: of those weights.
        tensors: by their name in the model, half precision.
    """

    model_id: str
    tensors: dict[str, Tensor]

    @classmethod
    def of(cls, tuned: TalkingHead, before: TalkingHead, model_id: str) -> TunedState:
        """Compare a tuned model with what it was."""
        old = before.state_dict()
        changed = {
            # Numbers in their order: files know no other layout.
            name: (value.detach().half() if value.is_floating_point() else value)
            .cpu()
            .clone(memory_format=torch.contiguous_format)
            for name, value in tuned.state_dict().items()
            # The critic only served tuning.
            if not name.startswith("critic.")
            and (name not in old or not torch.equal(value.cpu(), old[name].cpu()))
        }
        return cls(model_id, changed)

    def applied(self, model: TalkingHead) -> TalkingHead:
        """A copy of a model with the tuned tensors in their places.

        Raises:
            InputError: they do not fit the model.
        """
        tuned = copy.deepcopy(model)
        own = {n.removesuffix(_OWN): v for n, v in self.tensors.items() if n.endswith(_OWN)}
        norms = {n: part for n, part in tuned.named_modules() if isinstance(part, PersonalNorm)}
        if not set(own) <= set(norms):
            raise InputError("The tuned avatar is of another preset; give its own weights.")
        for name, value in own.items():
            norms[name].own = nn.Parameter(value.float(), requires_grad=False)
        state = tuned.state_dict()
        for name, value in self.tensors.items():
            if name not in state or state[name].shape != value.shape:
                raise InputError(
                    f"The tuned avatar does not fit these weights (at {name}); give the weights "
                    f"that it was tuned with."
                )
            state[name].copy_(value)
        return tuned.eval().requires_grad_(False)
