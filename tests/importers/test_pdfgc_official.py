"""The released networks, written anew: every number of the authors' code, on formula-made weights.

The authors' code was run once on weights that a formula makes from the tensors' names; what it gave
is condensed in `parity.npz`. Here the same weights go through the importer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pdfgc import Avatar
from pdfgc.cli import run
from pdfgc.config import PRESETS
from pdfgc.encoders.official import OfficialEyeEncoder, OfficialPoseEncoder, OfficialSpeechEncoder
from pdfgc.encoders.official.motion import EYE_ORDER
from pdfgc.errors import InputError
from pdfgc.generator import ModulatedGenerator
from pdfgc.importers import Checkpoints, Imported, import_pd_fgc
from pdfgc.importers.pdfgc_official import key_table, manifest
from pdfgc.media import (
    official_level,
    official_mel,
    official_picture,
    official_windows,
    probe,
    read_audio,
    read_video,
    write_video,
)
from pdfgc.model import TalkingHead
from pdfgc.motion import Codes
from pdfgc.training.trainer import train
from tests.importers.formula import NETWORKS, PARITY, condensed, filled, picture, sound

CONFIG = PRESETS["pdfgc-official"]
TOLERANCE = 1e-4  # of the largest value of an array

Expect = Callable[[str, object], None]


@pytest.fixture(scope="module")
def expect() -> Iterator[Expect]:
    """Compares an array with what the authors' code gave; at the end, all must have been asked."""
    with np.load(PARITY) as stored:
        kept = {name: stored[name] for name in stored.files if not name.startswith("fill/")}
    asked = set()

    def compare(name: str, got: object) -> None:
        asked.add(name)
        values = got.detach().numpy() if isinstance(got, Tensor) else np.asarray(got)
        want, condense = kept[name], condensed(name, values)
        assert np.abs(condense - want).max() <= TOLERANCE * want[0], name

    yield compare
    if len(asked) > 1:  # not where a single test was chosen
        assert asked == set(kept)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkpoints]:
    folder = tmp_path_factory.mktemp("release")
    paths = {network: folder / f"{network}_model.pth" for network in NETWORKS}
    for network, path in paths.items():
        torch.save(filled(network), path)
    yield Checkpoints(**paths)
    for path in paths.values():
        path.unlink()


@pytest.fixture(scope="module")
def imported(files: Checkpoints) -> Imported:
    return import_pd_fgc(files)


@pytest.fixture(scope="module")
def model(imported: Imported) -> TalkingHead:
    return imported.model


def to_input(image: NDArray[np.uint8]) -> Tensor:
    scaled = (image.transpose(2, 0, 1)[None] / 255).astype(np.float32)
    return torch.from_numpy(scaled) * 2 - 1


class Taps:
    """Records what modules give, cut down as the fixture's arrays are."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.seen: dict[str, NDArray[np.float32]] = {}
        self.hooks = [
            module.register_forward_hook(
                lambda _module, _args, out, name=name: self.seen.update({name: out.numpy()})
            )
            for name, module in modules.items()
        ]

    def close(self) -> dict[str, NDArray[np.float32]]:
        for hook in self.hooks:
            hook.remove()
        return self.seen


def cut(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if values.ndim == 4:
        return values[:, :8, ::4, ::4] if values.shape[-1] >= 28 else values[:, :16]
    return values


def test_sound_front_end(expect: Expect) -> None:
    audio = CONFIG.audio
    expect("audio_front_end/wav_int16", sound())
    level = official_level(sound() / np.float32(32768))
    expect("audio_front_end/wav_rms_normalised", level)
    mel = official_mel(level, audio)
    assert mel.shape == (57, 80)
    expect("audio_front_end/spectrogram", mel)
    frames = np.arange(2, len(mel) // 4 - 2)
    expect("audio_front_end/target_frame_inds", frames)
    expect("audio_front_end/window_start_bins", 4 * (frames - 2))
    expect("audio_front_end/windows", official_windows(mel, 2, 12, audio)[:, None])


def test_picture_front_end(expect: Expect) -> None:
    assert CONFIG.official is not None
    expect("image_front_end/raw256_rgb_u8", picture(4, 256))
    expect("image_front_end/loaded_rgb_u8", official_picture(picture(4, 256), CONFIG.official))
    expect("image_front_end/source_loaded_rgb_u8", official_picture(picture(0), CONFIG.official))


def test_windows_are_silent_outside_the_recording() -> None:
    mel = np.ones((57, 80), np.float32)
    windows = official_windows(mel, 0, 15, CONFIG.audio)
    assert windows.shape == (15, 80, 20)
    assert not windows[0, :, :8].any()
    assert windows[0, :, 8:].all()
    assert not windows[14, :, 57 - 48 :].any()
    # What a frame hears ends 120 ms after its beginning.
    loud = np.zeros(16_000, np.float32)
    loud[10 * 640 + 1920 :] = 0.1
    heard = official_windows(official_mel(loud, CONFIG.audio), 0, 25, CONFIG.audio)
    assert not heard[10].any()
    assert heard[11].any()
    assert CONFIG.audio.look_ahead_s == pytest.approx(0.12)


@torch.inference_mode()
def test_networks_give_the_released_numbers(
    model: TalkingHead, files: Checkpoints, expect: Expect
) -> None:
    encoders = model.encoders
    # Appearance.
    trunk = encoders.appearance.trunk
    names = ("conv1", "bn1", "maxpool", "layer1", "layer2", "layer3", "layer4")
    taps = Taps({f"model.{name}": trunk.get_submodule(name) for name in names})
    # Later layers work in place: the taps hold what a copy would.
    trunk.relu.inplace = False
    appearance = encoders.appearance(to_input(picture(0))[None])
    for name, values in taps.close().items():
        expect(f"net_appearance/tap/{name}", cut(values))
    expect("net_appearance/id_feature", appearance.vector)
    expect("net_appearance/id_map", appearance.maps[0][:, 0])
    fc = torch.load(files.appearance, weights_only=True)
    expect("net_appearance/cls_scores", F.linear(appearance.vector, fc["fc.weight"], fc["fc.bias"]))

    # Motion: pose, expression and eye picture in one batch.
    assert isinstance(encoders.eye, OfficialEyeEncoder)
    assert isinstance(encoders.pose, OfficialPoseEncoder)
    names = ("conv1", "conv2", "conv3", "conv4", "m0", "top_m_0", "bn_end0", "l0", "conv6")
    modules = {f"model.{name}": encoders.motion.get_submodule(name) for name in names}
    modules["model"] = encoders.motion
    for own, name in (("pose", "headpose"), ("eye", "eye"), ("expression", "emo")):
        modules[f"to_{name}"] = encoders.get_submodule(f"{own}.factor.second")
    taps = Taps(modules)
    pictures = torch.cat([to_input(picture(number)) for number in (1, 2, 3)])
    feature = encoders.motion(pictures)
    pose, eye = encoders.pose.from_feature(feature), encoders.eye.from_feature(feature)
    expression = encoders.expression.over_clip(feature)
    for name, values in taps.close().items():
        expect(f"net_motion/tap/{name}", cut(values))
    expect("net_motion/headpose", pose)
    expect("net_motion/eye", eye[:, np.argsort(EYE_ORDER).tolist()])
    expect("net_motion/emo", expression)
    lip = encoders.lip
    expect("net_motion/mouth_feat", lip.get_submodule("factor").hidden(feature))
    expect("net_motion/mouth_embed", lip.from_feature(feature))

    # Sound.
    speech = encoders.speech
    assert isinstance(speech, OfficialSpeechEncoder)
    names = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "attention")
    taps = Taps({f"model.{name}": speech.get_submodule(name) for name in names})
    mel = official_mel(official_level(sound() / np.float32(32768)), CONFIG.audio)
    windows = official_windows(mel, 2, 12, CONFIG.audio)[[0, 5]]
    expect("net_audio/feature", speech.hidden(windows))
    spoken = speech(windows)
    expect("net_audio/mouth_embed", spoken)
    for name, values in taps.close().items():
        expect(f"net_audio/tap/{name}", values[:, :16])

    # Generator, with the noise that the fixture was made with.
    generator = model.generator
    assert isinstance(generator, ModulatedGenerator)
    noises = torch.load(files.generator, weights_only=True)
    modules = {}
    for number, layer in enumerate(generator.layers):
        generator.get_buffer(f"noise_{number}").copy_(noises[f"noises.noise_{number}"])
        modules[f"convs.{number - 1}" if number else "conv1"] = layer
    for number, layer in enumerate(generator.pictures):
        modules[f"to_rgbs.{number - 1}" if number else "to_rgb1"] = layer
    taps = Taps(modules)
    factors = {
        str(number): layer.get_submodule("conv.modulation")
        for number, layer in enumerate(generator.pictures)
    }
    vectors = Taps(factors)
    codes = Codes(
        lip=1.5 * spoken,
        eye=1.2 * eye[2:].expand(2, -1),
        pose=pose[:1].expand(2, -1),
        expression=1.2 * expression[1:2].expand(2, -1),
    ).join()
    style = torch.cat([appearance.vector.expand(2, -1), generator.style_codes(codes)], dim=1)
    expect("net_generator/style", style)
    image = generator(appearance.expand(2), codes[:, None], codes).image
    expect("net_generator/image_frame0", image[0])
    expect("net_generator/image_frame1_stride2", image[1, :, ::2, ::2])
    for name, values in taps.close().items():
        expect(f"net_generator/tap/{name}", cut(values)[:1])
    for name, values in vectors.close().items():
        expect(f"net_generator/style_rgb_{name}", values)


@pytest.mark.slow
def test_from_the_four_files_to_a_video(
    files: Checkpoints,
    face_image: Path,
    face_clip: Path,
    speech: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights, motion = tmp_path / "official.safetensors", tmp_path / "m.motion.safetensors"
    four = [part for n in NETWORKS for part in (f"--{n}", str(getattr(files, n)))]
    assert run(["import", "pd-fgc", *four, "-o", str(weights), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["taken"] == {"appearance": 267, "motion": 327, "audio": 257, "generator": 79}
    assert sum(answer["left"]["generator"].values()) == 117 - 79
    assert set(answer["sha256"]) == set(NETWORKS)
    sound = tmp_path / "short.wav"
    soundfile.write(sound, read_audio(speech)[16_000 : 16_000 + 3 * 640], 16_000)
    source = ["--source", str(face_image), "--weights", str(weights), "--device", "cpu"]
    drivers = ["--audio", str(sound), "--pose", str(face_image), "--expression", str(face_image)]
    out = tmp_path / "out.mp4"
    assert run(["animate", *source, *drivers, "-o", str(out), "--save-motion", str(motion)]) == 0
    info = probe(out)
    assert (info.width, info.height, info.n_frames) == (512, 512, 3)
    assert info.has_audio
    # The noise is in the file: the same again, and from the saved motion too.
    avatar = Avatar.from_images(face_image, weights=weights, device="cpu")
    frame = next(avatar.animate(motion=motion, crop=True).frames())
    assert frame.std() > 5
    assert run(["animate", *source, "--pose", "10,0,0", "-o", str(out)]) == 2
    assert "not published" in capsys.readouterr().err
    # A video of two frames: its pose, eyes, expression and lips, then other words for it.
    clip, dubbed = tmp_path / "clip.mp4", tmp_path / "dubbed.mp4"
    write_video(clip, (f.image for f in islice(read_video(face_clip), 5, 7)), fps=25)
    videos = [
        part for f in ("pose", "gaze", "expression", "lip") for part in (f"--{f}-video", clip)
    ]
    assert run(["animate", *source, *map(str, videos), "-o", str(out)]) == 0
    assert probe(out).n_frames == 2
    call = ["dub", str(clip), "--audio", str(sound), "--weights", str(weights)]
    assert run([*call, "--device", "cpu", "--lip-lead", "0.08", "-o", str(dubbed)]) == 0
    assert "dubbed" in capsys.readouterr().out
    before, after = (next(iter(read_video(path))).image.astype(int) for path in (clip, dubbed))
    apart = np.abs(before - after).max(axis=-1)
    assert (apart > 60).sum() > 200  # the mouth
    assert np.median(apart) < 6  # what the codec does to the rest
    shown = list(avatar.stream([read_audio(sound)[: 2 * 640]], crop=True))
    assert [frame.image.shape for frame in shown] == [(224, 224, 3)] * 2
    assert not np.array_equal(shown[0].image, shown[1].image)
    weights.unlink()


def test_nothing_is_left_out_silently(imported: Imported) -> None:
    for network in NETWORKS:
        left = sum(len(keys) for keys in imported.left[network].values())
        assert imported.taken[network] + left == len(manifest()[network])
        assert len(imported.sha256[network]) == 64
    assert len(imported.left["generator"]["mapping network that the release bypasses"]) == 16
    size = sum(parameter.numel() for parameter in imported.model.parameters())
    # What the release runs, and the mouth head that it holds and does not use.
    mouth = sum(p.numel() for p in imported.model.encoders.lip.parameters())
    assert size - mouth == 24_028_992 + 8_252_891 + 7_630_144 + 37_310_877


def test_key_tables_cover_the_model(model: TalkingHead) -> None:
    covered = [key for network in NETWORKS for key in key_table(model, network)]
    assert len(covered) == len(set(covered))
    rest = {key.rpartition(".")[2] for key in set(model.state_dict()) - set(covered)}
    noise = {f"noise_{n}" for n in range(11)}
    assert rest == {"rest_lip", "rest_expression", "free_eye", "num_batches_tracked", *noise}


def test_noise_follows_from_its_seed() -> None:
    shape = CONFIG.generator
    tiny = ModulatedGenerator(small_generator(), 500)
    first = tiny.get_buffer("noise_3").clone()
    tiny.draw_noise(7)
    assert not torch.equal(tiny.get_buffer("noise_3"), first)
    tiny.draw_noise(0)
    assert torch.equal(tiny.get_buffer("noise_3"), first)
    assert first.shape[-1] == shape.sides[2]


def small_generator() -> object:
    from dataclasses import replace

    channels = (8, 8, 8, 8, 8, 8)
    return replace(
        CONFIG.generator, channels=channels, source_channels=(8, 0, 0, 0, 0, 0), style_width=560
    )


def damaged(files: Checkpoints, **paths: Path) -> Checkpoints:
    from dataclasses import replace

    return replace(files, **paths)


def test_files_that_are_not_the_release(files: Checkpoints, tmp_path: Path) -> None:
    """Refusals come before anything is built on top; appearance is read first."""
    path = tmp_path / "x.pth"

    def refused(reason: str) -> None:
        with pytest.raises(InputError, match=reason) as caught:
            import_pd_fgc(damaged(files, appearance=path))
        assert str(path) in str(caught.value)

    refused("no such file")
    whole = Path(files.audio).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("cut off")
    path.write_bytes(b"not a checkpoint at all")
    refused("no checkpoint")
    torch.save(nn.Linear(2, 2), path)
    refused("could run code")
    torch.save({"state_dict": {"a": torch.ones(1)}}, path)
    refused("state_dict is no tensor")
    torch.save({}, path)
    refused("no tensors")
    path.write_bytes(whole)
    refused("it is audio_model.pth")
    tensors = {key: torch.zeros(shape) for key, shape in manifest()["appearance"].items()}
    key = "model.layer1.0.conv1.weight"
    torch.save(tensors | {key: torch.zeros(2, 2)}, path)
    refused(r"layer1\.0\.conv1\.weight \(2, 2\) instead of \(128, 64, 1, 1\)")
    torch.save(tensors | {"model.extra": torch.zeros(1)}, path)
    refused(r"unexpected model\.extra")
    torch.save({k: v for k, v in tensors.items() if k != key}, path)
    refused(r"missing model\.layer1\.0\.conv1\.weight")
    torch.save(tensors | {key: torch.full((128, 64, 1, 1), torch.nan)}, path)
    refused("not finite")


def test_imported_networks_are_not_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="imported, not trained"):
        train("appearance", tmp_path, tmp_path / "run", CONFIG)
