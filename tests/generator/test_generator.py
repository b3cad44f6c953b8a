"""The generator: shapes, flows, many sources, and the larger network that holds the smaller."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch.nn import functional as F

from pdfgc.config import PRESETS, GeneratorConfig
from pdfgc.generator import Discriminator, Flow
from pdfgc.generator.generator import tinted
from pdfgc.generator.layers import AdaIN, identity_grid, laid_as, warp
from pdfgc.generator.mouth import plausible_inside
from pdfgc.model import TalkingHead, build_model
from pdfgc.motion import OPENING_MIDDLE, OPENING_SPAN


def inputs(model: TalkingHead, batch: int, shots: int) -> tuple[torch.Tensor, ...]:
    size = model.config.generator.image_size
    images = torch.rand(batch, shots, 3, size, size) * 2 - 1
    width = model.generator.driver.width
    return images, torch.randn(batch, shots, width), torch.randn(batch, width)


@pytest.mark.parametrize("shots", [1, 3])
def test_shapes_and_ranges(tiny_model: TalkingHead, shots: int) -> None:
    model = tiny_model.eval()
    images, source, driving = inputs(model, 2, shots)
    made = model.generator(model.encoders.appearance(images), source, driving)
    assert made.image.shape == (2, 3, 64, 64)
    assert made.image.abs().max() <= 1
    assert [flow.field.shape[-1] for flow in made.flows] == [8, 16, 32, 64]
    assert made.flows[0].field.shape[:3] == (2, shots, 2)
    assert ((made.copied > 0) & (made.copied < 1)).all()


def test_a_batch_gives_what_single_frames_give(tiny_model: TalkingHead) -> None:
    model = tiny_model.eval()
    images, source, driving = inputs(model, 1, 1)
    driving = torch.randn(3, driving.shape[1])
    with torch.inference_mode():
        look = model.encoders.appearance(images)
        together = model.generator(look.expand(3), source.expand(3, -1, -1), driving).image
        alone = [model.generator(look, source, row[None]).image for row in driving]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_sources_in_another_order_give_the_same_picture(tiny_model: TalkingHead) -> None:
    model = tiny_model.eval()
    images, source, driving = inputs(model, 1, 3)
    order = torch.tensor([2, 0, 1])
    with torch.inference_mode():
        one = model.generator(model.encoders.appearance(images), source, driving).image
        other = model.generator(
            model.encoders.appearance(images[:, order]), source[:, order], driving
        ).image
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_shape_that_was_read_before_gives_the_same_picture(tiny_model: TalkingHead) -> None:
    model = tiny_model.eval()
    torch.nn.init.normal_(model.generator.head_flow.shape.read[-1].weight, std=3.0)
    images, source, driving = inputs(model, 2, 2)
    with torch.inference_mode():
        bare, look = model.encoders.appearance(images), model.look(images, source)
        assert look.shape is not None
        assert look.shape.abs().max() > 0.01
        one, other = (model.generator(each, source, driving).image for each in (bare, look))
    torch.testing.assert_close(one, other)


def test_the_inside_of_a_mouth_that_no_source_shows_is_not_looked_up(
    tiny_model: TalkingHead,
) -> None:
    model = tiny_model.eval()
    images, source, driving = inputs(model, 1, 2)
    source[:], driving[:] = 0.0, 0.0
    closed, wide = -OPENING_MIDDLE / OPENING_SPAN, 0.5
    driving[:, 0] = wide
    look = model.look(images, source)
    # All that can be looked up is.
    for head in model.generator.heads.values():
        torch.nn.init.zeros_(head.conv.weight)
        torch.nn.init.constant_(head.conv.bias, 20.0)
    unseen = []
    for shown in ((closed, closed), (closed, wide)):
        source[0, :, 0] = torch.tensor(shown)
        with torch.inference_mode():
            made = model.generator(look, source, driving)
        assert made.mouth is not None
        within = made.mouth[0, 3] > 0.99
        unseen.append(float(made.mouth[0, 3].max()))
        drawn = plausible_inside(made.mouth, images[:, 0])
        torch.testing.assert_close(made.image[0][:, within], drawn[0][:, within], atol=0.03, rtol=0)
    assert unseen[0] > 0.99
    assert unseen[1] < 0.05


def test_every_factor_reaches_the_picture(tiny_model: TalkingHead) -> None:
    model = tiny_model.eval()
    images, source, driving = inputs(model, 1, 1)
    # The flow heads start at zero; give them something to say.
    for parameter in model.generator.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    look = model.encoders.appearance(images)
    driving.requires_grad_(True)
    model.generator(look, source, driving).image.square().sum().backward()
    assert driving.grad is not None
    assert (driving.grad != 0).all()


def test_warp_looks_up_as_scipy_does() -> None:
    maps = torch.rand(1, 1, 12, 12)
    flow = (torch.rand(1, 2, 12, 12) - 0.5) * 0.4
    grid = identity_grid(12, 12, maps.device) + flow.permute(0, 2, 3, 1)
    x, y = (((grid[0, ..., i] + 1) * 12 - 1) / 2 for i in range(2))
    expected = map_coordinates(maps[0, 0].numpy(), [y.numpy(), x.numpy()], order=1, mode="nearest")
    np.testing.assert_allclose(warp(maps, flow)[0, 0], expected, atol=1e-5)


def test_warp_is_exact_under_autocast_and_for_low_precision() -> None:
    maps, flow = torch.randn(1, 4, 16, 16), torch.rand(1, 2, 16, 16) * 0.1
    expected = warp(maps, flow)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(warp(maps, flow), expected)
    low = warp(maps.bfloat16().to(memory_format=torch.channels_last), flow)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, expected, atol=0.03, rtol=0)


def test_many_sources_are_blended_by_confidence() -> None:
    maps = torch.stack([torch.zeros(1, 8, 8), torch.ones(1, 8, 8)]).unsqueeze(0)
    still = torch.zeros(1, 2, 2, 8, 8)
    sure = torch.tensor([0.0, np.log(3.0)]).view(1, 2, 1, 1, 1).expand(1, 2, 1, 8, 8)
    blended = Flow(still, torch.zeros_like(sure), sure).blend(maps)
    torch.testing.assert_close(blended, torch.full((1, 1, 8, 8), 0.75))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_adain_sets_mean_and_deviation(layout: torch.memory_format) -> None:
    layer = AdaIN(3, 5)
    style = torch.randn(2, 5)
    scale, shift = layer.affine(style).chunk(2, dim=1)
    maps = (torch.randn(2, 3, 9, 9) * 4 + 7).contiguous(memory_format=layout)
    out = layer(maps, style)
    assert out.is_contiguous(memory_format=layout)
    torch.testing.assert_close(out.mean(dim=(2, 3)), shift, atol=1e-4, rtol=1e-3)
    deviation = out.std(dim=(2, 3), unbiased=False)
    torch.testing.assert_close(deviation, (1 + scale).abs(), atol=1e-3, rtol=1e-3)


def test_a_layout_is_taken_over_and_no_value_changed() -> None:
    maps, plain = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4)
    beside = plain.contiguous(memory_format=torch.channels_last)
    assert laid_as(maps, plain) is maps
    laid = laid_as(maps, beside)
    assert laid.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(laid, maps)


def test_a_grid_made_while_drawing_serves_training() -> None:
    with torch.inference_mode():
        drawn = identity_grid(3, 17, torch.device("cpu"))
    flow = torch.zeros(1, 2, 3, 17, requires_grad=True)
    assert torch.equal(identity_grid(3, 17, torch.device("cpu")), drawn)
    warp(torch.randn(1, 1, 3, 17), flow).sum().backward()
    assert flow.grad is not None


def test_the_larger_network_starts_as_the_smaller_one() -> None:
    small = PRESETS["tiny"]
    shape = small.generator
    large = dataclasses.replace(
        small,
        generator=GeneratorConfig(
            image_size=128,
            analysis_size=64,
            channels=(*shape.channels, 8),
            source_channels=(*shape.source_channels, 6),
            appearance_width=shape.appearance_width,
            style_width=shape.style_width,
        ),
    )
    model, bigger = build_model(small).eval(), build_model(large).eval()
    missing, unexpected = bigger.load_state_dict(model.state_dict(), strict=False)
    assert not unexpected
    assert missing
    assert all(
        name.startswith(("generator.levels.4", "generator.heads.128", "encoders.appearance.detail"))
        for name in missing
    )
    images = torch.rand(1, 1, 3, 128, 128) * 2 - 1
    low = torch.nn.functional.interpolate(images[0], size=64, mode="area").unsqueeze(0)
    _, source, driving = inputs(model, 1, 1)
    with torch.inference_mode():
        one = model.generator(model.encoders.appearance(low), source, driving)
        two = bigger.generator(bigger.encoders.appearance(images), source, driving)
    for first, second in zip(one.flows, two.flows[:-1], strict=True):
        torch.testing.assert_close(first.field, second.field, atol=1e-5, rtol=1e-4)
    larger = torch.nn.functional.interpolate(one.copied, size=128, mode="bilinear")
    torch.testing.assert_close(two.copied, larger, atol=0.05, rtol=0)


def test_the_discriminator_judges_for_a_person() -> None:
    judge = Discriminator(64, persons=3, width=16, channels=(8, 8, 16, 16)).eval()
    images = torch.rand(2, 3, 64, 64)
    first = judge(images, torch.tensor([0, 0]))
    second = judge(images, torch.tensor([1, 1]))
    assert first.score.shape == (2,)
    assert not torch.equal(first.score, second.score)
    for one, two in zip(first.features, second.features, strict=True):
        assert torch.equal(one, two)


def test_small_angles_move_the_embedding_as_much_as_other_codes(tiny_model: TalkingHead) -> None:
    driver = tiny_model.generator.driver
    still = torch.zeros(1, driver.width)
    lip = tiny_model.config.encoders.lip_width
    yaw, expression = still.clone(), still.clone()
    yaw[0, lip + 6] = 0.15
    expression[0, lip + 12] = 0.9
    moved = [(driver(codes) - driver(still)).norm() for codes in (yaw, expression)]
    assert 0.2 < moved[0] / moved[1] < 5


def test_what_is_made_has_the_colours_of_what_is_looked_up_and_its_own_lines() -> None:
    seen = torch.rand(2, 3, 64, 64) * 0.4 - 0.2
    lines = torch.zeros(2, 3, 64, 64)
    lines[..., ::2] = 0.1
    made = tinted(lines + torch.tensor([0.5, -0.3, 0.1])[:, None, None], seen)
    # Colours over patches of four pixels, away from the rim, and the lines within them.
    rough, wanted = (F.avg_pool2d(picture, 16)[..., 1:-1, 1:-1] for picture in (made, seen))
    torch.testing.assert_close(rough, wanted, atol=0.02, rtol=0)
    steps = made[..., ::2] - made[..., 1::2]
    assert steps.mean().item() == pytest.approx(0.1, abs=0.01)
    torch.testing.assert_close(tinted(seen, seen), seen)
    assert tinted(torch.ones_like(seen), seen + 1).amax() <= 1
