from __future__ import annotations

import math

import pytest
import torch

from pdfgc.generator.attention import ImageAttention, SelfAttention, sinusoidal_positions


def test_self_attention_changes_nothing_at_first_and_is_softmax_over_places() -> None:
    layer = SelfAttention(16).eval()
    maps = torch.randn(2, 16, 5, 6)
    torch.testing.assert_close(layer(maps), maps)
    with torch.no_grad():
        layer.gain.fill_(0.7)
    query, key, value = (part(maps).flatten(2) for part in (layer.query, layer.key, layer.value))
    # energy[b, i, j]: how much place i looks at place j.
    weight = torch.einsum("bci,bcj->bij", query, key).exp()
    weight = weight / weight.sum(dim=2, keepdim=True)
    seen = torch.einsum("bij,bcj->bci", weight, value).view_as(maps)
    torch.testing.assert_close(layer(maps), maps + 0.7 * seen, rtol=1e-4, atol=1e-5)


def test_image_attention_equals_the_written_out_formula() -> None:
    layer = ImageAttention(8, 12, 16).eval()
    driver, sources = torch.randn(2, 8, 3, 4), torch.randn(2, 3, 12, 5, 5)
    made = layer(driver, sources)
    expected = torch.empty_like(driver)
    here, there = sinusoidal_positions(16, 3, 4), sinusoidal_positions(16, 5, 5)
    for b in range(2):
        for y in range(3):
            for x in range(4):
                query = layer.query(driver[b, :, y, x]) + layer.query_place(here[y * 4 + x])
                scores, values = [], []
                for k in range(3):
                    for v in range(5):
                        for u in range(5):
                            memory = sources[b, k, :, v, u]
                            key = layer.key(memory) + layer.key_place(there[v * 5 + u])
                            scores.append((query @ key) / math.sqrt(16))
                            values.append(layer.value(memory))
                share = torch.stack(scores).softmax(dim=0)
                seen = (share[:, None] * torch.stack(values)).sum(dim=0)
                expected[b, :, y, x] = driver[b, :, y, x] + seen
    torch.testing.assert_close(made, layer.norm(expected), rtol=1e-4, atol=1e-5)


def test_image_attention_does_not_care_for_the_order_of_sources() -> None:
    layer = ImageAttention(8, 8, 8).eval()
    driver, sources = torch.randn(1, 8, 4, 4), torch.randn(1, 4, 8, 4, 4)
    torch.testing.assert_close(layer(driver, sources), layer(driver, sources.flip(1)))
    # The same source twice is the source once.
    twice = sources[:, :1].repeat(1, 2, 1, 1, 1)
    torch.testing.assert_close(layer(driver, sources[:, :1]), layer(driver, twice))


def test_positions_tell_places_apart_and_agree_between_sides() -> None:
    codes = sinusoidal_positions(32, 8, 8)
    apart = (codes[:, None] - codes[None]).norm(dim=2) + torch.eye(64) * 9
    assert float(apart.min()) > 0.3
    # The middle of a picture has the same code whatever its side.
    odd, finer = sinusoidal_positions(32, 3, 3)[4], sinusoidal_positions(32, 9, 9)[40]
    torch.testing.assert_close(odd, finer)
    with pytest.raises(ValueError, match="multiple of 4"):
        sinusoidal_positions(10, 4, 4)
