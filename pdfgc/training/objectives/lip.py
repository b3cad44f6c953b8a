"""Stage 2, lips: speech and lip codes in one space."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pdfgc.config import TrainConfig
from pdfgc.media import SILENCE
from pdfgc.model import TalkingHead
from pdfgc.training import ranks
from pdfgc.training.batches import (
    Batch,
    SpeechBatch,
)
from pdfgc.training.losses import (
    contrast,
)
from pdfgc.training.objectives.base import Objective, Outcome
from pdfgc.training.objectives.features import MotionFeatures
from pdfgc.training.sampler import Sampler


class LipObjective(Objective):
    """Stage 2, lips: two-way InfoNCE between lip and speech codes on the frozen trunk.

    Negatives come mostly from the same clip, at least 6 frames apart; pairs of silent moments are
    no negatives. Silence and the sound of other clips are told from what is said. A shared linear
    read-out of the mouth's opening and width keeps the space in order: codes that are near look
    alike.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        self.log_scale = nn.Parameter(torch.tensor(2.3))
        self.read_mouth = nn.Linear(model.config.encoders.lip_width, 2)

    def prepare(self) -> None:
        """Run the frozen trunk over all frames."""
        self.features = MotionFeatures(self.model, self.sampler)

    def draw(self, step: int, size: int) -> SpeechBatch:
        """`size` clips with 10 moments each."""
        return self.sampler.speech(step, size, 10)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Bring synchronous lip and speech codes together."""
        if not isinstance(batch, SpeechBatch):
            raise TypeError(f"stage lip takes moments of speech, given {type(batch).__name__}")
        lip = ranks.gathered(self.model.encoders.lip(self.features[batch.rows]))
        speech, wrong = self._heard(batch)
        clip, frame, loud, shape = (
            ranks.gathered(part) for part in (batch.clip, batch.frame, batch.loud, batch.mouth)
        )
        same = clip[:, None] == clip
        near = same & ((frame[:, None] - frame).abs() < 6)
        silent = ~loud[:, None] & ~loud
        loss, _ = contrast(lip, speech, self.log_scale, near | silent)
        _, within = contrast(lip.detach(), speech.detach(), self.log_scale, ~same | near)
        rivals = ((same & ~near).sum(1) + 1).float()
        count = same.float().sum(1, keepdim=True)
        mean = same.float() @ shape / count
        moved = (shape - mean) * 5
        mouth = sum(
            (self._centred(self.read_mouth(codes).float(), same, count) - moved).abs().mean()
            for codes in (lip, speech)
        )
        scalars = {"retrieval": within, "chance": (1 / rivals).mean()}
        missed = self._wrong(lip, speech, wrong, loud)
        losses = {"contrast": loss, "wrong": missed, "mouth": torch.as_tensor(mouth)}
        return Outcome(losses, scalars)

    def _heard(self, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
        """Speech codes of the moments and of the wrong sounds.

        In a pass each: in one, several processes would hold the samples in another order than a
        single one, and dropout would differ.
        """
        said, wrong = (self.model.encoders.speech(w) for w in (batch.windows, batch.wrong))
        return ranks.gathered(said), ranks.gathered(wrong)

    def _wrong(self, lip: Tensor, speech: Tensor, wrong: Tensor, loud: Tensor) -> Tensor:
        """Cross-entropy of what was said against `wrong`, where something was said."""
        scale = self.log_scale.exp().clamp(max=100)
        right = (lip * speech).sum(1, keepdim=True).float() * scale
        other = lip.float() @ wrong.float().T * scale
        missed = torch.cat([right, other], dim=1).logsumexp(1) - right[:, 0]
        return (missed * loud).sum() / loud.sum().clamp(min=1)

    @staticmethod
    def _centred(values: Tensor, same: Tensor, count: Tensor) -> Tensor:
        return values - same.float() @ values / count

    def finish(self, model: TalkingHead) -> None:
        """The lips at rest are what silence says."""
        config = model.config.audio
        silence = torch.full((1, config.n_mels, config.window_mels), SILENCE)
        silence = silence.to(model.rest_lip.device)
        with torch.no_grad():
            model.rest_lip.copy_(model.encoders.speech(silence)[0])
