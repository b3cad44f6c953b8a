"""The few-shot paper's discriminator: sees picture and landmark image, judges for a person."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc.config import GeneratorConfig
from pdfgc.encoders.residual import DownPath, Same, to_four
from pdfgc.generator.discriminator import Judgement


class LandmarkCritic(nn.Module):
    """V, w_0 and b of the few-shot paper (sections 3.1 and 3.4): all of D but the persons' rows.

    As the embedder, with one more residual block at 4x4; sum pooling, then leaky ReLU. It stays
    with a model's weights, since tuning to a new person starts from it.

    Args:
        config: side, channels and width of the embedding.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        inner = tuple(c for c in config.source_channels[::-1] if c)
        channels = (*to_four(inner, config.image_size)[:-1], config.appearance_width)
        self.path = DownPath(6, channels, config.image_size)
        self.last = Same(channels[-1])
        self.common = nn.Parameter(torch.randn(config.appearance_width) * 0.02)
        self.bias = nn.Parameter(torch.zeros(1))

    def judge(self, pictures: Tensor, person: Tensor) -> Judgement:
        """V^T (row + w_0) + b.

        Args:
            pictures: (B, 6, S, S) picture and landmark image in [-1, 1].
            person: (B, D) or (1, D) rows W_i of the persons.
        """
        features = self.path(pictures)
        features.append(self.last(features[-1]))
        vector = F.leaky_relu(features[-1].sum(dim=(2, 3)), 0.2)
        # Over the root of the width, as everywhere in this house: scores stay of order one.
        score = (vector * (person + self.common)).sum(dim=1).float() / vector.shape[1] ** 0.5
        return Judgement(score + self.bias, tuple(features))


class LandmarkDiscriminator(nn.Module):
    """The projection discriminator: `LandmarkCritic` with one row of W per training person.

    Args:
        config: as the critic's.
        persons: rows of W.
    """

    def __init__(self, config: GeneratorConfig, persons: int) -> None:
        super().__init__()
        self.critic = LandmarkCritic(config)
        self.persons = nn.Embedding(persons, config.appearance_width)
        nn.init.uniform_(self.persons.weight, 0, 0.1)

    def forward(self, image: Tensor, person: Tensor) -> Judgement:
        """Judge (B, 6, S, S) pictures with landmark images for (B,) int64 rows of W."""
        return self.critic.judge(image, self.persons(person))


class PersonCritic(nn.Module):
    """The discriminator of one new person: w' = w_0 + e is free (few-shot paper, section 3.3).

    Args:
        critic: of the meta-trained model; it is tuned too.
        vector: (1, D) embedding of the person.
    """

    def __init__(self, critic: LandmarkCritic, vector: Tensor) -> None:
        super().__init__()
        self.critic = critic
        # w_0 is in the critic already: their sum is w'.
        self.own = nn.Parameter(vector.detach().clone())

    def forward(self, image: Tensor, person: Tensor) -> Judgement:
        """Judge (B, 6, S, S) pictures with landmark images; there is only one person."""
        del person
        return self.critic.judge(image, self.own)
