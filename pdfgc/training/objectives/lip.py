"""Stage 2, lips: speech and lip codes in one space."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import TrainConfig
from pdfgc.media import SILENCE
from pdfgc.model import TalkingHead
from pdfgc.motion import FACE_STEP, opening_of_lip
from pdfgc.training import ranks
from pdfgc.training.batches import (
    Batch,
    SpeechBatch,
)
from pdfgc.training.losses import (
    contrast,
)
from pdfgc.training.objectives.base import Objective, Outcome
from pdfgc.training.readings import mouth_of
from pdfgc.training.sampler import Sampler

# Part of the opening in which it is measured: about its spread.
_STEP = 0.1


class LipObjective(Objective):
    """Stage 2, lips: two-way InfoNCE between the codes of pictures and of speech.

    Negatives come mostly from the same clip, at least 6 frames apart; pairs of silent moments are
    no negatives. Silence and the sound of other clips are told from what is said.

    The first value of a code is how far the lips part: pictures are regressed to the tracker, and
    to what virtual mouths (`pdfgc.training.opening`) have changed; speech says the mean of what it
    leaves open. A shared linear read-out of the mouth's width keeps the rest of the space in order:
    codes that are near look alike.

    What the encoder says of the corners of the mouth, for expression, is regressed to the same
    pictures: as it is, which is anatomy as well, and as it changes within a clip and by what was
    moved.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        self.log_scale = nn.Parameter(torch.tensor(2.3))
        self.read_width = nn.Linear(model.config.encoders.lip_width, 1)

    def draw(self, step: int, size: int) -> SpeechBatch:
        """`size` clips with 10 moments each."""
        return self.sampler.speech(step, size, 10)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Bring synchronous lip and speech codes together."""
        if not isinstance(batch, SpeechBatch):
            raise TypeError(f"stage lip takes moments of speech, given {type(batch).__name__}")
        pictures = (batch.view.image, batch.other.image, batch.parted.image)
        encoder = self.model.encoders.lip
        hidden = encoder.hidden(torch.cat(pictures))
        codes = encoder.code(hidden)
        seen = codes[: len(batch.view.image)]
        lip = ranks.gathered(seen)
        said, wrong = self._heard(batch)
        speech = ranks.gathered(said)
        clip, frame, loud, width = (
            ranks.gathered(part)
            for part in (batch.clip, batch.frame, batch.loud, mouth_of(batch.view.points)[:, 1:])
        )
        same = clip[:, None] == clip
        near = same & ((frame[:, None] - frame).abs() < 6)
        silent = ~loud[:, None] & ~loud
        loss, _ = contrast(lip, speech, self.log_scale, near | silent)
        _, within = contrast(lip.detach(), speech.detach(), self.log_scale, ~same | near)
        rivals = ((same & ~near).sum(1) + 1).float()
        count = same.float().sum(1, keepdim=True)
        moved = self._centred(width, same, count) * 5
        wide = sum(
            (self._centred(self.read_width(codes).float(), same, count) - moved).abs().mean()
            for codes in (lip, speech)
        )
        scalars = {"retrieval": within, "chance": (1 / rivals).mean()}
        missed = self._wrong(lip, speech, ranks.gathered(wrong), loud)
        losses = {"contrast": loss, "wrong": missed, "width": torch.as_tensor(wide)}
        losses |= self._opening(batch, codes, said)
        losses |= self._widening(batch, encoder.widening(hidden).float()[:, 0])
        return Outcome(losses, scalars, columns=(batch.other.image, batch.parted.image))

    @staticmethod
    def _opening(batch: SpeechBatch, codes: Tensor, said: Tensor) -> dict[str, Tensor]:
        """How far lips part: as pictures show it, as virtual mouths change it, as speech has it."""
        views = (batch.view, batch.other, batch.parted)
        read, known = opening_of_lip(codes), torch.cat([view.mouth for view in views])
        first = len(batch.view.mouth)
        one, two = (
            torch.split(value[first:], [len(batch.other.mouth), len(batch.parted.mouth)])
            for value in (read, known)
        )
        virtual = len(batch.parted.mouth)
        change = (one[1] - one[0][:virtual]) - (two[1] - two[0][:virtual])
        guess = (opening_of_lip(said) - batch.view.mouth) / _STEP
        return {
            "opening": (read - known).abs().mean() / _STEP,
            "opening_change": change.abs().sum() / max(1, virtual) / _STEP,
            "speech_opening": F.huber_loss(guess, torch.zeros_like(guess), delta=2.0),
        }

    @classmethod
    def _widening(cls, batch: SpeechBatch, read: Tensor) -> dict[str, Tensor]:
        """How wide mouths are: by themselves, and what changes."""
        views = (batch.view, batch.other, batch.parted)
        wrong = (read - torch.cat([view.widening for view in views])) / FACE_STEP
        moments, frames, moved = torch.split(wrong, [len(view.row) for view in views])
        clip = ranks.gathered(batch.clip)
        same = clip[:, None] == clip
        within = cls._centred(
            ranks.gathered(moments[:, None]), same, same.float().sum(1, keepdim=True)
        )
        virtual = (moved - frames[: len(moved)]).abs().sum() / max(1, len(moved))
        return {"widening": wrong.abs().mean(), "widening_change": within.abs().mean() + virtual}

    def _heard(self, batch: SpeechBatch) -> tuple[Tensor, Tensor]:
        """Speech codes of the moments and of the wrong sounds.

        In a pass each: in one, several processes would hold the samples in another order than a
        single one, and dropout would differ.
        """
        said, wrong = (self.model.encoders.speech(w) for w in (batch.windows, batch.wrong))
        return said, wrong

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
