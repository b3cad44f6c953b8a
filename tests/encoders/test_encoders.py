"""The encoders: shapes, unit codes, windows, refusals."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from pdfgc.config import PRESETS
from pdfgc.encoders import ExpressionEncoder
from pdfgc.encoders.lip import as_lip_code
from pdfgc.model import TalkingHead
from pdfgc.motion import face_of_expression, opening_of_lip, with_opening_of


def test_shapes(tiny_model: TalkingHead) -> None:
    encoders = tiny_model.eval().encoders
    image = torch.rand(2, 3, 64, 64)
    feature = encoders.features(image)
    assert feature.shape == (2, 34)
    assert encoders.brow is not None
    mouth = encoders.lip.hidden(image)
    numbers = torch.cat([encoders.brow(image), encoders.lip.widening(mouth)], dim=1)
    torch.testing.assert_close(feature[:, 32:], numbers)
    torch.testing.assert_close(encoders.features(image, mouth), feature)
    assert encoders.eye(image).shape == (2, 6)
    assert encoders.pose(image).shape == (2, 6)
    assert encoders.expression(feature[:, None]).shape == (2, 30)
    for code in (encoders.lip(image), encoders.speech(torch.rand(2, 80, 36))):
        assert code.shape == (2, 8)
        torch.testing.assert_close(code.norm(dim=1), torch.ones(2))


def test_expression_over_a_clip_is_the_mean_of_each_frames_window() -> None:
    encoder = ExpressionEncoder(PRESETS["tiny"].encoders, 5)
    features = torch.randn(9, 34)
    over = encoder.over_clip(features)
    for frame in range(9):
        window = features[max(0, frame - 2) : frame + 3]
        torch.testing.assert_close(over[frame], encoder(window[None])[0], atol=1e-5, rtol=1e-4)
    # The last features are brows and corners of the mouth, which are the first values.
    torch.testing.assert_close(face_of_expression(over[4]), features[2:7, -2:].mean(0))
    still = encoder(features[:1].expand(5, -1)[None])
    torch.testing.assert_close(still, encoder(features[None, :1]))


def test_the_appearance_vector_is_the_mean_over_the_sources(tiny_model: TalkingHead) -> None:
    encoder = tiny_model.eval().encoders.appearance
    images = torch.rand(1, 3, 3, 64, 64)
    together = encoder(images)
    alone = [encoder(images[:, i : i + 1]).vector for i in range(3)]
    torch.testing.assert_close(together.vector, torch.stack(alone).mean(0))
    assert [level.shape[-1] for level in together.maps] == [8, 16, 32, 64]


def test_other_sizes_are_refused(tiny_model: TalkingHead) -> None:
    encoders = tiny_model.encoders
    with pytest.raises(ValueError, match="expected"):
        encoders.pose(torch.rand(1, 3, 32, 32))
    with pytest.raises(ValueError, match="expected"):
        encoders.speech(torch.rand(1, 80, 20))
    with pytest.raises(ValueError, match="expected"):
        encoders.appearance(torch.rand(1, 3, 64, 64))
    with pytest.raises(ValueError, match="odd"):
        ExpressionEncoder(PRESETS["tiny"].encoders, 4)


def test_a_lip_code_says_how_far_lips_part_and_the_rest_does_not_change_it() -> None:
    raw = torch.randn(5, 8)
    code, louder = as_lip_code(raw), as_lip_code(torch.cat([raw[:, :1], 9 * raw[:, 1:]], 1))
    torch.testing.assert_close(code.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(code, louder)
    raw[:, 0] += 1
    assert (opening_of_lip(as_lip_code(raw)) > opening_of_lip(code)).all()
    assert opening_of_lip(torch.tensor([-0.5, 0.5])[:1]) == pytest.approx(0.0)
    asked = torch.rand(5) * 0.5
    other = with_opening_of(code, asked)
    torch.testing.assert_close(opening_of_lip(other), asked)
    torch.testing.assert_close(other.norm(dim=1), torch.ones(5))
    directions = [F.normalize(each[:, 1:], dim=1) for each in (code, other)]
    torch.testing.assert_close(*directions)
