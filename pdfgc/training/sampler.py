"""Batches: each a pure function of (seed, step, rank), so that a resumed run sees the same ones."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pdfgc.generator.shape import mirrored_shape, own_shape
from pdfgc.media import SILENCE
from pdfgc.tracking import MESH_478, canonical_face, face_shape_of, topology_of
from pdfgc.training.augment import Jitter, change_look, change_room, change_shape, change_voice
from pdfgc.training.batches import EyeBatch, MovedBatch, PairBatch, PoseBatch, SpeechBatch, View
from pdfgc.training.clips import Clip, ClipBank
from pdfgc.training.composites import blend_eyes
from pdfgc.training.looking import Looker
from pdfgc.training.moved import facing, move, unsure
from pdfgc.training.opening import Opener
from pdfgc.training.turning import turned
from pdfgc.training.virtual import VirtualHead

EXPRESSION_DRIFT = 38
"""Frames by which an expression window may lie away from its driving frame: 1.5 s."""

SPEAKER_CAP = 0.45
"""Largest share of the lip stage's clips that one voice takes: with more it learns that voice."""


class Sampler:
    """Draws batches from a bank.

    Args:
        bank: the clips.
        side: side of the pictures (px).
        seed: seed of all chance.
        rank: number of this process.
        person_cap: largest share of a batch that one person takes where appearance is trained.
    """

    def __init__(
        self, bank: ClipBank, side: int, *, seed: int, rank: int = 0, person_cap: float = 0.25
    ) -> None:
        self.bank = bank
        self.side = side
        self.seed = seed
        self.rank = rank
        self.numbers = {person: number for number, person in enumerate(bank.persons)}
        self.weights = _capped_weights(bank.clips, person_cap)
        lively = self.weights * _liveliness(bank)
        self.pair_weights = lively / lively.sum()
        self.speaking = bank.speaking()
        self._eye_pairs = _eye_pairs(bank)
        self._shapes = _shapes(bank)
        mean = canonical_face(topology_of(bank.landmarks.shape[1])).points
        self._mean_face = face_shape_of(mean)
        self._head = VirtualHead()
        self._looker, self._opener = Looker(self._head), Opener(self._head)
        self._clip_of = np.repeat(np.arange(len(bank.clips)), [c.length for c in bank.clips])

    def _rng(self, step: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, step, self.rank, purpose])

    def view(self, rows: NDArray[np.int64], jitter: Jitter) -> View:
        """Cut views out of the bank."""
        order = np.argsort(rows, kind="stable")
        pictures = np.empty((len(rows), *self.bank.frames.shape[1:]), np.uint8)
        # Reading in order of the rows keeps the disk from seeking.
        for at in order:
            pictures[at] = self.bank.frames[rows[at]]
        images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
        points = jitter.landmarks(np.asarray(self.bank.landmarks[rows], np.float32))
        face = torch.from_numpy(face_shape_of(points) - self._mean_face)
        gaze, openness = jitter.eyes(self.bank.gaze[rows], self.bank.openness[rows])
        return View(
            image=jitter.images(images, self.side),
            points=torch.from_numpy(points),
            pose=torch.from_numpy(jitter.pose(points)),
            eye=torch.from_numpy(np.concatenate([gaze, openness], axis=1).astype(np.float32)),
            mouth=torch.from_numpy(self.bank.mouth[rows]),
            brow=face[:, 0],
            widening=face[:, 1],
            shape=self._shape(rows, jitter.mirror),
            row=torch.from_numpy(rows),
        )

    def _shape(self, rows: NDArray[np.int64], mirror: NDArray[np.bool_]) -> Tensor:
        if not self._shapes.shape[1]:
            return self._shapes.new_zeros(len(rows), 0, 2)
        shape = self._shapes[torch.from_numpy(self._clip_of[rows])]
        return torch.where(torch.from_numpy(mirror)[:, None, None], mirrored_shape(shape), shape)

    def pairs(self, step: int, size: int, shots: int, window: int) -> PairBatch:
        """Source and driving frames for reconstruction.

        Args:
            step: number of the training step.
            size: B.
            shots: K.
            window: frames of the expression window, odd.
        """
        rng = self._rng(step, 0)
        chosen = rng.choice(len(self.bank.clips), size, p=self.pair_weights)
        clips = [self.bank.clips[i] for i in chosen]
        driving = np.array([rng.integers(c.length) for c in clips])
        source = np.stack(
            [self._sources(c, at, shots, rng) for c, at in zip(clips, driving, strict=True)]
        )
        starts = np.array([c.start for c in clips])
        lengths = np.array([c.length for c in clips])
        mirror = rng.random(size) < 0.5
        rows = starts + driving
        jitter = Jitter.draw(rng, mirror)
        view = self.view(rows, jitter)
        source_rows = (starts[:, None] + source).ravel()
        source_view = self.view(source_rows, jitter.of_sources(shots, rng))
        if self._shapes.shape[1]:
            source_view = self._opener.closed(source_view, rng)
        sound = np.concatenate(
            [self.bank.windows(c, f[None]) for c, f in zip(clips, driving, strict=True)]
        )
        synchronous = np.array([c.has_sound and c.lag_ms is not None for c in clips])
        # Expression is slow. Half of the windows lie elsewhere in the clip, so that the code
        # cannot stand in for the pose and the gaze of the driving frame itself.
        apart = rng.integers(-EXPRESSION_DRIFT, EXPRESSION_DRIFT + 1, size)
        felt = driving + apart * (rng.random(size) < 0.5)
        seen = _telling(view)[:, None] & _telling(source_view).reshape(size, shots, -1)
        return PairBatch(
            source=source_view,
            driving=view,
            disguised=change_shape(change_look(view.image, rng), rng),
            person=torch.tensor([self.numbers[c.person] for c in clips]),
            shots=shots,
            speech=change_voice(change_room(torch.from_numpy(sound)[:, None], rng)[:, 0], rng),
            speech_ok=torch.from_numpy(synchronous),
            window=_windows(clips, np.clip(felt, 0, lengths - 1)[:, None], window),
            source_window=_windows(clips, source, window),
            seen=torch.from_numpy(seen.astype(np.float32)),
        )

    def moved(self, step: int, size: int, window: int) -> MovedBatch:
        """Frames with a virtual motion; every person counts, those who hold still too.

        Args:
            step: number of the training step.
            size: B.
            window: frames of the expression window, odd.
        """
        rng = self._rng(step, 4)
        clips = [self.bank.clips[i] for i in rng.choice(len(self.bank.clips), size, p=self.weights)]
        at = np.array([rng.integers(c.length) for c in clips])
        rows = np.array([c.start for c in clips]) + at
        source = self.view(rows, Jitter.draw(rng, rng.random(size) < 0.5))
        moved = move(source.points.numpy(), source.eye.numpy(), source.mouth.numpy(), rng)
        return MovedBatch(
            source=source,
            points=torch.from_numpy(moved.points),
            pose=torch.from_numpy(moved.pose),
            eye=torch.from_numpy(moved.eye),
            mouth=torch.from_numpy(moved.mouth),
            felt=torch.from_numpy(moved.felt),
            seen=torch.from_numpy(moved.seen).unsqueeze(1),
            person=torch.tensor([self.numbers[c.person] for c in clips]),
            source_window=_windows(clips, at[:, None], window),
        )

    def _sources(
        self, clip: Clip, driving: int, shots: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Source frames of a clip; half of the time those that differ most of four draws.

        Two frames drawn blindly mostly show the same head: nothing to learn from.
        """
        frames = rng.integers(clip.length, size=(shots, 4))
        rows, bank = clip.start + frames, self.bank
        at = clip.start + driving
        turn = np.abs(bank.pose[rows, :3] - bank.pose[at, :3]).sum(-1)
        lips = np.abs(bank.mouth[rows] - bank.mouth[at])
        lids = np.abs(bank.openness[rows] - bank.openness[at]).mean(-1)
        best = (turn + 2 * lips + 0.2 * lids).argmax(1)
        pick = np.where(rng.random(shots) < 0.5, best, 0)
        chosen: NDArray[np.int64] = np.take_along_axis(frames, pick[:, None], axis=1)[:, 0]
        return chosen

    def poses(self, step: int, size: int) -> View:
        """Jittered crops with changed looks."""
        rng = self._rng(step, 1)
        view = self._anybody(size, rng, max_zoom=0.25, max_angle=0.35, max_shift=0.2)
        return replace(view, image=change_look(view.image, rng))

    def heads(self, step: int, size: int) -> PoseBatch:
        """Heads at two moments, and moved virtually, for the pose encoder.

        Args:
            step: number of the training step.
            size: views in all, in threes.
        """
        rng, n = self._rng(step, 5), max(1, size // 3)
        clips = [self.bank.clips[i] for i in rng.choice(len(self.bank.clips), n, p=self.weights)]
        at = np.array([rng.integers(c.length) for c in clips])
        rows = np.array([c.start for c in clips]) + at
        others = [self._sources(c, f, 1, rng)[0] for c, f in zip(clips, at, strict=True)]
        later = rows - at + np.array(others)
        jitter = Jitter.draw(rng, rng.random(n) < 0.5, max_zoom=0.25, max_angle=0.35, max_shift=0.2)
        first, second = self.view(rows, jitter), self.view(later, jitter)
        elsewhere = _first(first, 0)
        if self._shapes.shape[1]:
            elsewhere = turned(self._head, first, rng)
        views = (first, second, elsewhere)
        pictures = change_look(torch.cat([view.image for view in views]), rng)
        looks = torch.split(pictures, [len(view.row) for view in views])
        return PoseBatch(
            *(replace(view, image=look) for view, look in zip(views, looks, strict=True))
        )

    def _anybody(self, size: int, rng: np.random.Generator, **reach: float) -> View:
        """Jittered frames, persons by their share."""
        clips = [self.bank.clips[i] for i in rng.choice(len(self.bank.clips), size, p=self.weights)]
        rows = np.array([c.start + rng.integers(c.length) for c in clips])
        return self.view(rows, Jitter.draw(rng, rng.random(size) < 0.5, **reach))

    def eyes(self, step: int, size: int) -> EyeBatch:
        """Pairs for the eye encoder, with composites.

        Raises:
            ValueError: no clip has two frames that differ in eye state and agree in pose.
        """
        rng = self._rng(step, 2)
        if not self._eye_pairs:
            raise ValueError("no clip has two frames with other eyes and the same head pose")
        clips = [self._eye_pairs[i] for i in rng.integers(len(self._eye_pairs), size=size)]
        pairs = np.array([pair[rng.integers(len(pair))] for pair in clips])
        pairs = np.where(rng.random(size)[:, None] < 0.5, pairs, pairs[:, ::-1])
        jitter = Jitter.draw(rng, rng.random(size) < 0.5, max_zoom=0.2, max_angle=0.2)
        giver, taker = self.view(pairs[:, 0].copy(), jitter), self.view(pairs[:, 1].copy(), jitter)
        composite = blend_eyes(giver, taker)
        other = self._anybody(2 * size, rng, max_zoom=0.2, max_angle=0.25)
        looking = _first(other, 0)
        if self._shapes.shape[1]:
            looking = self._looker.elsewhere(other, rng)
        pictures = [giver.image, taker.image, composite, other.image, looking.image]
        looks = torch.split(change_look(torch.cat(pictures), rng, 0.5), [len(p) for p in pictures])
        return EyeBatch(
            replace(giver, image=looks[0]),
            replace(taker, image=looks[1]),
            looks[2],
            replace(other, image=looks[3]),
            replace(looking, image=looks[4]),
        )

    def speech(self, step: int, clips: int, per_clip: int) -> SpeechBatch:
        """Moments of synchronous speech.

        Args:
            step: number of the training step.
            clips: clips in the batch.
            per_clip: moments of each clip, at least 6 frames apart where the clip is long enough.

        Raises:
            ValueError: no clip has synchronous sound.
        """
        if not self.speaking:
            raise ValueError("no clip has synchronous speech; the lip stage needs some")
        rng = self._rng(step, 3)
        rows, frames, number, windows = [], [], [], []
        weights = _capped_weights(self.speaking, SPEAKER_CAP)
        picks = rng.choice(len(self.speaking), clips, p=weights)
        for pick in picks:
            clip = self.speaking[pick]
            spacing = max(1, min(6, clip.length // per_clip))
            at = rng.integers(spacing) + np.arange(0, clip.length - spacing + 1, spacing)
            at = np.sort(rng.permutation(at)[:per_clip])
            sound = change_room(torch.from_numpy(self.bank.windows(clip, at))[None], rng)[0]
            # One voice per clip: what changes from moment to moment is then the speech alone.
            mel = sound.permute(1, 0, 2).reshape(1, sound.shape[1], -1)
            mel = change_voice(mel, rng)
            windows.append(mel.reshape(sound.shape[1], len(at), -1).permute(1, 0, 2))
            rows.append(clip.start + at)
            frames.append(at)
            # A clip that is drawn twice is one clip.
            number.append(np.full(len(at), pick))
        row = np.concatenate(rows)
        window = torch.cat(windows)
        middle = self.bank.audio.window_past
        near = window[:, :, middle - 6 : middle + 6]
        level = near.amax(dim=(1, 2))
        jitter = Jitter.draw(rng, rng.random(len(row)) < 0.5, max_zoom=0.2, max_angle=0.25)
        view, other = self.view(row, jitter), self._anybody(4 * clips, rng, max_zoom=0.2)
        parted = _first(other, 0)
        if self._shapes.shape[1]:
            parted = self._opener.otherwise(other, rng)
        pictures = [view.image, other.image, parted.image]
        looks = torch.split(change_look(torch.cat(pictures), rng, 0.5), [len(p) for p in pictures])
        return SpeechBatch(
            view=replace(view, image=looks[0]),
            windows=window,
            clip=torch.from_numpy(np.concatenate(number)),
            frame=torch.from_numpy(np.concatenate(frames)),
            loud=level > level.amin() + 0.2,
            other=replace(other, image=looks[1]),
            parted=replace(parted, image=looks[2]),
            wrong=self._wrong(picks, rng),
        )

    def _wrong(self, picks: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """Silence, and as many moments of other clips' sound as clips were picked."""
        bank = self.bank
        silence = torch.full((1, bank.audio.n_mels, bank.audio.window_mels), SILENCE)
        heard = {self.speaking[pick].key for pick in picks}
        others = [clip for clip in bank.clips if clip.has_sound and clip.key not in heard]
        # Always equally many: processes exchange them.
        if not others:
            return silence.repeat(1 + len(picks), 1, 1)
        chosen = [others[i] for i in rng.integers(len(others), size=len(picks))]
        sound = [bank.windows(clip, rng.integers(clip.length, size=1)) for clip in chosen]
        windows = torch.from_numpy(np.concatenate(sound))
        return torch.cat([silence, change_voice(windows, rng)])


def _windows(clips: list[Clip], frames: NDArray[np.int64], width: int) -> Tensor:
    """Bank rows around frames (B, K) of B clips, repeated at the edges: (B * K, width) int64."""
    near = frames[..., None] + np.arange(width) - width // 2
    top = np.array([c.length - 1 for c in clips])[:, None, None]
    starts = np.array([c.start for c in clips])[:, None, None]
    return torch.from_numpy((starts + np.clip(near, 0, top)).reshape(-1, width))


def _telling(view: View) -> NDArray[np.bool_]:
    """Which landmarks of n views face the camera and lie where they are seen, (n, L)."""
    points = view.points.numpy()
    return facing(points) & ~unsure(view.eye[:, 2:].numpy(), points.shape[1])


def _first(view: View, n: int) -> View:
    """The first n views."""
    return View(**{f.name: getattr(view, f.name)[:n] for f in fields(view)})


def _capped_weights(clips: tuple[Clip, ...], cap: float) -> NDArray[np.float64]:
    """Chance of each clip: by length, no person above `cap` where the others can fill the rest."""
    seconds: dict[str, float] = defaultdict(float)
    for clip in clips:
        # The square root keeps a person with a single short clip in sight.
        seconds[clip.person] += clip.length
    share = {person: total**0.5 for person, total in seconds.items()}
    total = sum(share.values())
    limit = max(cap, 1 / len(share))
    share = {person: min(value / total, limit) for person, value in share.items()}
    weights = np.array([share[c.person] * c.length / seconds[c.person] for c in clips])
    chance: NDArray[np.float64] = weights / weights.sum()
    return chance


def _liveliness(bank: ClipBank) -> NDArray[np.float64]:
    """How much there is to learn from a clip: from 0.3 for a still head to 1 for one that turns."""
    spreads = [bank.pose[c.start : c.start + c.length, :2].std(axis=0).sum() for c in bank.clips]
    lively: NDArray[np.float64] = 0.3 + 0.7 * np.clip(np.array(spreads) / np.deg2rad(12), 0, 1)
    return lively


def _shapes(bank: ClipBank) -> Tensor:
    """The shape of every clip's person (clips, P, 2), off up to 32 of its frames.

    A sparse scheme of landmarks does not tell it: P = 0.
    """
    if bank.landmarks.shape[1] != MESH_478.n_landmarks:
        return torch.zeros(len(bank.clips), 0, 2)
    rows = [c.start + np.linspace(0, c.length - 1, 32).astype(np.int64) for c in bank.clips]
    return torch.stack(
        [own_shape(bank.landmarks[r], bank.openness[r]) for r in map(np.unique, rows)]
    )


def _eye_pairs(bank: ClipBank) -> list[NDArray[np.int64]]:
    """For each clip, up to 64 pairs of rows with other eyes and head poses within 10 degrees."""
    rng = np.random.default_rng(0)
    found = []
    for clip in bank.clips:
        rows = clip.start + rng.integers(clip.length, size=(400, 2))
        first, second = rows[:, 0], rows[:, 1]
        turn = np.abs(bank.pose[first, :3] - bank.pose[second, :3]).max(axis=1)
        look = np.abs(bank.gaze[first] - bank.gaze[second]).max(axis=1)
        lids = np.abs(bank.openness[first] - bank.openness[second]).max(axis=1)
        differ = (turn < np.deg2rad(10)) & ((look > np.deg2rad(7)) | (lids > 0.3))
        if differ.any():
            found.append(rows[differ][:64])
    return found
