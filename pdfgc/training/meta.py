"""Stages of the landmark presets: the landmark transformer, then meta-learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.config import TrainConfig
from pdfgc.encoders.landmarks import Shapes, shapes_of
from pdfgc.encoders.placing import looking_ahead
from pdfgc.encoders.target import TargetLook
from pdfgc.errors import InputError
from pdfgc.generator.critic import LandmarkDiscriminator
from pdfgc.generator.fewshot import FewShotGenerator
from pdfgc.generator.identity import Flow
from pdfgc.generator.marionette import MarionetteGenerator
from pdfgc.model import LandmarkEncoders, TalkingHead
from pdfgc.motion import Codes
from pdfgc.tracking.topology import MESH_478
from pdfgc.training.adversary import Adversary
from pdfgc.training.augment import Jitter, change_look
from pdfgc.training.batches import Batch
from pdfgc.training.content import content, teachers_for
from pdfgc.training.episodes import EpisodeBatch, ExpressionBatch, draw_episodes
from pdfgc.training.losses import attention_map, landmark_flow, reconstruction
from pdfgc.training.objectives import Objective, Outcome, Pictures
from pdfgc.training.ranks import gathered
from pdfgc.training.sampler import Sampler

if TYPE_CHECKING:
    from pdfgc.training.clips import ClipBank

_CHUNK = 2048
# About so many frames, evenly from all clips, are enough for bases of two dozen directions.
_FRAMES = 12_000
# Share of the way that a row of W goes to each embedding of its person.
_FOLLOWING = 0.1


class LandmarksObjective(Objective):
    """Landmark transformer: bases from the data, then alpha from one image and its landmarks.

    l(c, t) = mean + identity(c) + expression(c, t); within a clip expression is what differs from
    the clip's mean face, and the network learns to tell it from a single frame (MarioNETte,
    sections 4.1 and 4.2).
    """

    @property
    def encoders(self) -> LandmarkEncoders:
        """The model's encoders."""
        return _encoders(self.model)

    def prepare(self) -> None:
        """Fit the bases and work out every frame's expression."""
        bank, space = self.sampler.bank, self.encoders.landmarks
        every = max(1, len(bank.landmarks) // _FRAMES)
        frames = [c.start + np.arange(0, c.length, every) for c in bank.clips]
        self.starts = np.cumsum([0, *map(len, frames)])
        self.rows = np.concatenate(frames)
        clip = np.repeat(np.arange(len(frames)), [len(each) for each in frames])
        person = np.array([self.sampler.numbers[c.person] for c in bank.clips])[clip]
        shapes = _shapes(bank, self.rows)
        space.fit(shapes, person, clip)
        means = np.stack([shapes.points[clip == n].mean(0) for n in range(len(bank.clips))])
        self.alphas = space.expressions(shapes, means[clip])
        mean = space.mean.cpu().numpy()
        self.shapes = shapes.points - mean
        mouth = bank.mouth[self.rows]
        quiet = mouth <= np.quantile(mouth, 0.3)
        still = np.zeros((len(shapes.points), 6))
        codes = space.codes(shapes, still, still[:, :2], np.ones((len(still), 2)))
        rest = codes.lip[torch.from_numpy(quiet)].mean(0)
        self.rest = Codes(rest / rest.norm(), codes.eye, codes.pose, codes.expression.mean(0))
        size = space.face_basis.flatten(1).norm(dim=1), space.lip_basis.flatten(1).norm(dim=1)
        config = space.config
        gain = torch.cat(
            [size[0][: config.face_expressions], size[1][: config.lip_expressions]]
        ).to(self.sizes.device)
        self.sizes = gain / gain.square().mean().sqrt()

    sizes: Tensor = torch.ones(1)

    def draw(self, step: int, size: int) -> Batch:
        """Frames with changed looks, persons by their share."""
        rng = np.random.default_rng([self.sampler.seed, step, self.sampler.rank, 8])
        bank = self.sampler.bank
        picked = rng.choice(len(bank.clips), size, p=self.sampler.weights)
        at = rng.integers(self.starts[picked], self.starts[picked + 1])
        view = self.sampler.view(self.rows[at], Jitter.draw(rng, np.zeros(size, bool)))
        image = change_look(view.image, rng, 0.5)
        return ExpressionBatch(
            type(view)(**{**vars(view), "image": image}),
            torch.from_numpy(self.shapes[at]),
            torch.from_numpy(self.alphas[at]),
        )

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Squared error of the coefficients, each by how far it moves landmarks."""
        del adversarial
        if not isinstance(batch, ExpressionBatch):
            raise TypeError(f"stage landmarks takes single frames, given {type(batch).__name__}")
        side = self.model.config.encoders.image_size
        image = batch.view.image
        if image.shape[-1] != side:
            image = torch.nn.functional.interpolate(image, size=side, mode="area")
        guess = self.encoders.transformer(image, batch.shape).float()
        sizes = self.sizes.to(guess.device)
        error = ((guess - batch.alphas) * sizes).square().mean()
        nothing = (batch.alphas * sizes).square().mean().clamp(min=1e-6)
        return Outcome({"alpha": error}, {"unexplained": (error / nothing).detach()})

    def finish(self, model: TalkingHead) -> None:
        """The bases as they are, not averaged, and the codes at rest."""
        encoders = _encoders(model)
        encoders.landmarks.load_state_dict(self.encoders.landmarks.state_dict())
        model.rest_lip.copy_(self.rest.lip)
        model.rest_expression.copy_(self.rest.expression)


class MetaObjective(Objective):
    """Meta-learning of the landmark presets (few-shot paper, section 3.2).

    From K frames of a clip with their landmark images, draw another one by its landmark image:
    content, adversarial, feature matching and match losses; the discriminator sees landmark images
    too.
    """

    def __init__(self, model: TalkingHead, sampler: Sampler, config: TrainConfig) -> None:
        super().__init__(model, sampler, config)
        if not isinstance(model.generator, FewShotGenerator | MarionetteGenerator):
            raise TypeError("stage meta trains landmark generators")
        self._generator = (model.generator,)
        shape = model.config.generator
        self.adversary = Adversary(
            # The same interface with landmark images beside the pictures.
            LandmarkDiscriminator(shape, len(sampler.numbers))  # type: ignore[arg-type]
        )
        self._teachers = teachers_for(config)
        eyes = (MESH_478.right_eye, MESH_478.left_eye)
        self._spots = [torch.tensor(i) for i in (MESH_478.outer_lips, *(e.contour for e in eyes))]
        self._ahead = torch.from_numpy(looking_ahead())

    @property
    def encoders(self) -> LandmarkEncoders:
        """The model's encoders."""
        return _encoders(self.model)

    def prepare(self) -> None:
        """Refuse to begin without the landmarks' bases."""
        if not bool(self.encoders.landmarks.fitted):
            raise InputError(
                "The landmark bases are not fitted; run pdfgc train landmarks on the same --out."
            )

    def draw(self, step: int, size: int) -> Batch:
        """Episodes of K frames, the target outside the K."""
        driver = self._generator[0].landmarks
        return draw_episodes(self.sampler, driver, step, size, self.config.shots)

    def forward(self, batch: Batch, *, adversarial: bool) -> Outcome:
        """Draw the target from the K frames' look and its landmark image."""
        if not isinstance(batch, EpisodeBatch):
            raise TypeError(f"stage meta takes episodes, given {type(batch).__name__}")
        target, drawing, shots = batch.driving.image, batch.driving_drawing, batch.shots
        look = self.encoders.appearance(
            torch.unflatten(batch.source.image, 0, (-1, shots)),
            torch.unflatten(batch.source_drawing, 0, (-1, shots)),
        )
        made = self._generator[0].paint(look, drawing)
        spots = attention_map(batch.driving.points, self._spots, target.shape[-1])
        losses = {
            "content": content(self._teachers, made.image, target),
            "reconstruction": reconstruction(made.image, target, 1 + 4 * spots),
        }
        if made.synthesis is not made.image:
            # What is copied teaches the rest nothing: that is taught as well, at less weight.
            made_alone = reconstruction(made.synthesis, target, 1 + 4 * spots)
            losses["reconstruction"] = losses["reconstruction"] + 0.4 * made_alone
        if isinstance(look, TargetLook):
            points = torch.unflatten(batch.source.points, 0, (-1, shots))[..., :2]
            losses["flow"] = both_flows(
                made.flows, look, points, batch.driving.points[..., :2], self._ahead
            )
        real = torch.cat([target, drawing], dim=1)
        fake = torch.cat([made.image, drawing], dim=1)
        if adversarial and self.adversary is not None:
            losses |= self.adversary.for_generator(real, fake, batch.person)
            losses["match"] = self.matching(look.vector, batch.person)
        else:
            self.acquaint(look.vector, batch.person)
        source = batch.source.image[::shots]
        return Outcome(
            losses=losses,
            scalars={
                "l1": (made.image - target).abs().mean().detach(),
                "held_still_l1": (source - target).abs().mean(),
            },
            pictures=Pictures(fake, real, batch.person),
            columns=(source, drawing, target, made.image.detach()),
        )

    def matching(self, vector: Tensor, person: Tensor) -> Tensor:
        """L1 between embedding and the person's row of W (equation 3)."""
        assert self.adversary is not None
        return self.adversary.match(vector, person)

    @torch.no_grad()
    def acquaint(self, vector: Tensor, person: Tensor) -> None:
        """Let rows of W follow the embeddings until the adversary takes part.

        Otherwise the match term, once it begins, would draw what was learned to random rows.
        """
        assert self.adversary is not None
        rows = self.adversary.discriminator.persons.weight
        seen = zip(gathered(vector.float()), gathered(person).tolist(), strict=True)
        for embedding, number in seen:
            rows[number].lerp_(embedding, _FOLLOWING)

    def finish(self, model: TalkingHead) -> None:
        """Keep the discriminator without its persons: tuning starts from it."""
        if self.adversary is None or model.critic is None:
            return
        discriminator = self.adversary.discriminator
        assert isinstance(discriminator, LandmarkDiscriminator)
        model.critic.load_state_dict(discriminator.critic.state_dict())


class UnmatchedObjective(MetaObjective):
    """Meta-learning of the feed-forward variant (FF): no match term (few-shot paper, section 4)."""

    def matching(self, vector: Tensor, person: Tensor) -> Tensor:
        """Nothing ties the embedding to the rows of W."""
        del person
        return vector.new_zeros(())

    def acquaint(self, vector: Tensor, person: Tensor) -> None:
        """Rows of W are their own."""


def both_flows(
    flows: Sequence[Flow], look: TargetLook, source: Tensor, driving: Tensor, ahead: Tensor
) -> Tensor:
    """Landmark-guided flow of MarioNETte's two steps.

    The whole way leaves open where the pose-free face lies, so the first step is held to the mean
    face looking ahead.

    Args:
        flows: over both steps, one per level.
        look: holds the first step, from the pose-free face to each source.
        source: (B, K, L, 2) landmarks of the sources in crop coordinates.
        driving: (B, L, 2) landmarks of the driving frame.
        ahead: (L, 2) landmarks of the pose-free face.

    Returns:
        Sum of both mean absolute errors in crop coordinates.
    """
    weight = torch.ones_like(source[..., 0])
    empty = torch.zeros_like(look.flow[:, :, :1])
    first = Flow(look.flow, empty, empty)
    still = ahead.to(driving).expand(len(driving), -1, -1)
    return landmark_flow(flows, source, driving, weight) + landmark_flow(
        [first], source, still, weight
    )


def _shapes(bank: ClipBank, rows: NDArray[np.int64]) -> Shapes:
    """Faces of frames of a bank, in head axes."""
    parts = [
        shapes_of(np.asarray(bank.landmarks[part], np.float32), bank.openness[part])
        for part in np.split(rows, range(_CHUNK, len(rows), _CHUNK))
    ]
    known: NDArray[np.bool_] = np.concatenate([part.lids_known for part in parts])
    return Shapes(np.concatenate([part.points for part in parts]), known)


def _encoders(model: TalkingHead) -> LandmarkEncoders:
    if not isinstance(model.encoders, LandmarkEncoders):
        raise InputError(
            f"Preset {model.config.preset} is driven by codes and has no landmark stages; choose "
            f"fewshot or marionette."
        )
    return model.encoders
