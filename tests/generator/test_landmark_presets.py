from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pdfgc.config import PRESETS
from pdfgc.encoders.attention import SelfAttention
from pdfgc.encoders.embedder import Embedder
from pdfgc.encoders.landmarks import LandmarkSpace
from pdfgc.encoders.target import TargetLook
from pdfgc.generator.critic import LandmarkDiscriminator, PersonCritic
from pdfgc.generator.drawing import LandmarkDriver, draw_landmarks
from pdfgc.generator.fewshot import FewShotGenerator, PersonalNorm
from pdfgc.generator.layers import warp
from pdfgc.generator.marionette import AlignedUp, MarionetteGenerator, whole_flow
from pdfgc.model import LandmarkEncoders, TalkingHead, build_model
from pdfgc.motion import EYE_WIDTH, POSE_WIDTH, code_width
from pdfgc.tracking import MESH_478, canonical_face
from pdfgc.tracking.contours import CONTOURS, IRIS_POINTS

LANDMARK_PRESETS = ("fewshot-tiny", "marionette-tiny")


def codes(model: TalkingHead, *shape: int) -> torch.Tensor:
    joined = 0.1 * torch.randn(*shape, code_width(model.config.encoders.lip_width))
    joined[..., : model.rest_lip.numel()] = model.rest_lip
    return joined


def driver_of(preset: str) -> LandmarkDriver:
    landmarks = PRESETS[preset].landmarks
    assert landmarks is not None
    return LandmarkDriver(LandmarkSpace(landmarks, PRESETS[preset].encoders.lip_width))


def size_of(*parts: torch.nn.Module) -> int:
    return sum(p.numel() for part in parts for p in part.parameters())


def test_parameters_are_the_papers() -> None:
    """15 M, 38 M and 20 M (few-shot paper, section 3.4), each within 5 %."""
    config = PRESETS["fewshot"].generator
    critic = LandmarkDiscriminator(config, 1).critic
    for count, paper in (
        (size_of(Embedder(config)), 15e6),
        (size_of(FewShotGenerator(config, driver_of("fewshot"))), 38e6),
        (size_of(critic.path, critic.last), 20e6),
    ):
        assert abs(count - paper) < 0.05 * paper


def test_self_attention_stands_at_32_on_the_way_down_and_at_64_on_the_way_up() -> None:
    narrow = {"channels": (16, 12, 8, 8, 4), "source_channels": (16, 8, 8, 4, 0)}
    config = replace(PRESETS["fewshot"].generator, **narrow, appearance_width=16)
    generator = FewShotGenerator(config, driver_of("fewshot"))
    critic, embedder = LandmarkDiscriminator(config, 2), Embedder(config)
    sides: list[int] = []
    for network in (generator, critic, embedder):
        for part in network.modules():
            if isinstance(part, SelfAttention):
                part.register_forward_hook(lambda _m, given, _o: sides.append(given[0].shape[-1]))
    picture = torch.zeros(1, 3, 256, 256)
    look = embedder(picture[None], picture[None])
    assert sides == [32]
    assert generator.paint(look, picture).image.shape == picture.shape
    assert sides == [32, 32, 64]
    judged = critic(torch.cat([picture, picture], dim=1), torch.zeros(1, dtype=torch.long))
    assert sides == [32, 32, 64, 32]
    # The discriminator has one block more at 4x4; its features are those of every block.
    assert [f.shape[-1] for f in judged.features] == [128, 64, 32, 16, 8, 4, 4]


@pytest.mark.parametrize("preset", LANDMARK_PRESETS)
def test_pictures_follow_the_codes_and_every_part_learns(preset: str) -> None:
    model = build_model(PRESETS[preset])
    images, own, driving = torch.rand(2, 3, 3, 64, 64), codes(model, 2, 3), codes(model, 2)
    made = model.generator(model.look(images, own), own, driving)
    assert made.image.shape == (2, 3, 64, 64)
    assert float(made.image.detach().abs().max()) <= 1
    # The gain of self-attention starts at zero: what lies behind it learns from the second step.
    for name, parameter in model.named_parameters():
        if name.endswith("gain") and parameter.dim():
            torch.nn.init.constant_(parameter, 0.1)
    made = model.generator(model.look(images, own), own, driving)
    made.image.square().mean().backward()
    parts = [model.encoders.appearance, model.generator]
    # MarioNETte's vector serves the discriminator alone.
    unused = {"vector.weight", "vector.bias"} if preset.startswith("marionette") else set()
    for part in parts:
        silent = {n for n, p in part.named_parameters() if p.grad is None}
        assert silent <= unused


@pytest.mark.parametrize("preset", LANDMARK_PRESETS)
def test_the_order_of_sources_does_not_matter_and_the_same_twice_is_once(preset: str) -> None:
    model = build_model(PRESETS[preset]).eval()
    images, own, driving = torch.rand(1, 3, 3, 64, 64), codes(model, 1, 3), codes(model, 1)
    with torch.no_grad():
        straight = model.generator(model.look(images, own), own, driving).image
        turned = model.look(images.flip(1), own.flip(1))
        torch.testing.assert_close(
            straight, model.generator(turned, own.flip(1), driving).image, atol=1e-4, rtol=1e-3
        )
        single = model.generator(model.look(images[:, :1], own[:, :1]), own[:, :1], driving).image
        twice = (images[:, :1].repeat(1, 2, 1, 1, 1), own[:, :1].repeat(1, 2, 1))
        torch.testing.assert_close(
            single, model.generator(model.look(*twice), twice[1], driving).image,
            atol=1e-4, rtol=1e-3,
        )  # fmt: skip
        assert float((single - straight).abs().max()) > 1e-4


def test_marionette_is_driven_by_codes_too() -> None:
    tiny = PRESETS["tiny"]
    shape = replace(tiny.generator, identity=("attention", "alignment"))
    model = build_model(replace(tiny, generator=shape))
    assert isinstance(model.generator, MarionetteGenerator)
    images, width = torch.rand(2, 3, 3, 64, 64), code_width(tiny.encoders.lip_width)
    own, driving = torch.randn(2, 3, width), torch.randn(2, width)
    made = model.generator(model.look(images, own), own, driving)
    assert made.image.shape == (2, 3, 64, 64)
    assert all(flow.field.shape[:3] == (2, 3, 2) for flow in made.flows)
    other = model.generator(model.look(images, own), own, -driving)
    assert float((made.image - other.image).detach().abs().mean()) > 1e-4
    made.image.mean().backward()
    assert model.generator.driver.embed[0].weight.grad is not None


def test_adain_is_a_projection_and_then_free() -> None:
    norm = PersonalNorm(4, 6).eval()
    maps, vector = torch.randn(1, 4, 5, 5), torch.randn(1, 6)
    scale, shift = (10 * norm.gain * norm.project(vector)).chunk(2, dim=1)
    spread = maps.var(dim=(2, 3), unbiased=False, keepdim=True)
    normal = (maps - maps.mean(dim=(2, 3), keepdim=True)) / (spread + 1e-5).sqrt()
    expected = normal * (1 + scale[..., None, None]) + shift[..., None, None]
    torch.testing.assert_close(norm(maps, vector), expected, atol=1e-5, rtol=1e-4)
    norm.release(vector)
    # From now on the embedding says nothing.
    torch.testing.assert_close(norm(maps, torch.randn(1, 6)), expected, atol=1e-5, rtol=1e-4)
    assert isinstance(norm.own, torch.nn.Parameter)


def test_projection_discriminator_is_its_formula() -> None:
    config = PRESETS["fewshot-tiny"].generator
    discriminator = LandmarkDiscriminator(config, 5).eval()
    pictures, person = torch.randn(3, 6, 64, 64), torch.tensor([0, 4, 2])
    judged = discriminator(pictures, person)
    critic = discriminator.critic
    vector = F.leaky_relu(judged.features[-1].sum(dim=(2, 3)), 0.2)
    expected = torch.stack([
        vector[n] @ (discriminator.persons.weight[person[n]] + critic.common) / 32**0.5
        for n in range(3)
    ]) + critic.bias  # fmt: skip
    torch.testing.assert_close(judged.score, expected)
    # A new person begins at w' = w_0 + e.
    embedding = torch.rand(1, 32)
    new = PersonCritic(critic, embedding)(pictures, person)
    expected = vector @ (critic.common + embedding[0]) / 32**0.5 + critic.bias
    torch.testing.assert_close(new.score, expected)


def test_alignment_equals_a_plain_warp_pixel_by_pixel() -> None:
    block = AlignedUp(4, 6, 8).eval()
    torch.nn.init.normal_(block.flow.weight, std=0.3)
    maps, sources = torch.randn(1, 4, 6, 6), torch.randn(1, 3, 6, 6, 6)
    seen: list[torch.Tensor] = []
    block.before.register_forward_hook(lambda _m, given, _o: seen.append(given[0]))
    with torch.no_grad():
        _, flow = block(maps, sources, None)
    mean = sources.mean(dim=1)[0]
    expected = torch.empty(6, 6, 6)
    for y in range(6):
        for x in range(6):
            at_x = (((2 * x + 1) / 6 - 1 + float(flow[0, 0, y, x]) + 1) * 6 - 1) / 2
            at_y = (((2 * y + 1) / 6 - 1 + float(flow[0, 1, y, x]) + 1) * 6 - 1) / 2
            at_x, at_y = min(max(at_x, 0), 5), min(max(at_y, 0), 5)
            left, top = min(int(at_x), 4), min(int(at_y), 4)
            u, v = at_x - left, at_y - top
            expected[:, y, x] = (
                mean[:, top, left] * (1 - u) * (1 - v) + mean[:, top, left + 1] * u * (1 - v)
                + mean[:, top + 1, left] * (1 - u) * v + mean[:, top + 1, left + 1] * u * v
            )  # fmt: skip
    torch.testing.assert_close(seen[0][0, 4:], expected, atol=1e-4, rtol=1e-3)


def test_two_flows_are_one() -> None:
    """Looking a map up twice is looking it up once along both flows."""
    side = 32
    axis = (torch.arange(side) * 2 + 1) / side - 1
    place = torch.stack(torch.meshgrid(axis, axis, indexing="xy"))[None]
    driving = 0.1 * torch.sin(2 * place)
    source = 0.1 * torch.cos(2 * place.flip(1))
    flow = whole_flow(driving, source[:, None])
    # A picture of places: what is seen at p is p + flow(p).
    free = warp(place, source)
    seen = warp(free, driving)
    inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    torch.testing.assert_close(seen[inner], (place + flow.field[:, 0])[inner], atol=5e-3, rtol=0)


def test_target_maps_are_warped_by_their_own_flow() -> None:
    model = build_model(PRESETS["marionette-tiny"]).eval()
    images, own = torch.rand(1, 2, 3, 64, 64), codes(model, 1, 2)
    with torch.no_grad():
        encoder = model.encoders.appearance
        encoder.placing = None  # type: ignore[assignment]
        still = model.look(images, own)
        assert isinstance(still, TargetLook)
        # The learned flow starts at zero: maps lie as they are.
        assert float(still.flow.abs().max()) == 0
        encoder.flow.bias.copy_(torch.tensor([0.25, 0.0]))  # type: ignore[union-attr]
        moved = model.look(images, own)
    for before, after in zip(still.maps, moved.maps, strict=True):
        side = before.shape[-1]
        steps = side * float(np.tanh(0.25)) / 2
        whole = int(steps)
        share = steps - whole
        wide = F.pad(before[0], (0, whole + 2, 0, 0), mode="replicate")
        expected = wide[..., whole : whole + side] * (1 - share)
        expected = expected + wide[..., whole + 1 : whole + 1 + side] * share
        torch.testing.assert_close(after[0], expected, atol=1e-4, rtol=1e-3)


def test_marionette_can_show_the_source_itself() -> None:
    """Untrained, told to look all up: the source, moved to where the driver's face stands."""
    model = build_model(PRESETS["marionette-tiny"]).eval()
    assert isinstance(model.generator, MarionetteGenerator)
    assert isinstance(model.encoders, LandmarkEncoders)
    torch.nn.init.zeros_(model.generator.picture.weight)
    torch.nn.init.constant_(model.generator.picture.bias, 30.0)  # type: ignore[arg-type]
    own = codes(model, 1, 1)
    lip = model.config.encoders.lip_width
    own[..., lip + EYE_WIDTH : lip + EYE_WIDTH + POSE_WIDTH] = 0
    driving = own[:, 0].clone()
    driving[:, lip + EYE_WIDTH + 3] += 0.125  # an eighth of the picture to the right: 8 px
    images = F.interpolate(torch.rand(1, 3, 8, 8), size=64, mode="bilinear")[:, None]
    with torch.no_grad():
        look = model.look(images, own)
        same = model.generator(look, own, own[:, 0]).image
        moved = model.generator(look, own, driving)
    inner = (..., slice(12, -12), slice(20, -12))
    assert float((same - images[:, 0])[inner].abs().mean()) < 0.03
    expected = images[:, 0].roll(8, dims=-1)
    assert float((moved.image - expected)[inner].abs().mean()) < 0.05
    assert float((moved.image - images[:, 0])[inner].abs().mean()) > 0.1
    assert float(moved.copied.min()) > 0.99


def test_embeddings_are_heard_from_the_start() -> None:
    """A gain of 0.1 made one mean face of everybody, and did not grow in training."""
    model = build_model(PRESETS["fewshot-tiny"]).eval()
    images, own = torch.rand(2, 1, 3, 64, 64), codes(model, 1, 1).expand(2, -1, -1)
    images[1] = 1 - images[1] * 0.5
    with torch.no_grad():
        made = model.generator(model.look(images, own), own, own[:, 0]).image
    assert float((made[0] - made[1]).abs().mean()) > 0.02


def test_landmark_images_show_each_part_in_its_colour() -> None:
    points = canonical_face(MESH_478).points[CONTOURS.mesh]
    whole = np.concatenate([points, np.full((2 * IRIS_POINTS, 3), 9.0)])
    whole = whole * 0.45
    picture = draw_landmarks(whole, 128)
    assert picture.shape == (128, 128, 3)
    for line in CONTOURS.lines[:-2]:
        at = ((whole[line.points, :2] + 1) * 64 - 0.5).round().astype(int)
        colour = np.array(line.colour, float)
        # A line is two pixels wide: the best of the pixels around each point is looked at.
        near = [(u, v) for u in (-1, 0, 1) for v in (-1, 0, 1)]
        found = np.stack([picture[at[:, 1] + v, at[:, 0] + u] for u, v in near]).astype(float)
        length = np.linalg.norm(found, axis=-1) * np.linalg.norm(colour) + 1e-6
        like = ((found @ colour) / length).max(axis=0)
        assert np.median(like) > 0.93, line.name
    assert (picture == 0).all(axis=-1).mean() > 0.7


def test_drawings_are_kept() -> None:
    model = build_model(PRESETS["fewshot-tiny"])
    assert isinstance(model.encoders, LandmarkEncoders)
    driver = LandmarkDriver(model.encoders.landmarks)
    row = codes(model, 1)
    first = driver(row.repeat(3, 1), 64)
    assert len(driver._kept) == 1
    torch.testing.assert_close(first[0], first[2])
    driver(row, 32)
    assert len(driver._kept) == 2
