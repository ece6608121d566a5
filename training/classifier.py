"""The classifier: a small convolutional network that measures what generated clips hold.

It is trained on the composer's own facts and shares neither weights nor clips with the judge. Its outputs are genre,
instruments, tempo and the planted drum loop. The one by which :mod:`training.evaluate` measures the generator learns
from clean clips and from codec reconstructions. Two more, which measure what the codec loses, never hear a
reconstruction: one learns from clean clips as they are, one from clean clips with noise and an uneven response. None is
shipped.

    python -m training.classifier --folder WORK
"""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray
from torch import Tensor, nn

from training import clips, record
from training.augmentation import obscured, worn
from training.course import half_is_quicker
from training.planted import facts
from training.renderer import SAMPLE_RATE
from training.roundtrip import reconstructions
from training.score import Piece
from training.tables import fingerprint, genres, instrument_groups, instruments

log = logging.getLogger(__name__)

BATCH = 32
EPOCHS = 8
FLOOR = 1e-2  # of the mean power: what is further below is masked
# For the codec's loss: other front ends than those of the evaluation, so that the loss is not the measure.
LOSS_FRONT_ENDS: tuple[dict[str, Any], ...] = (
    dict(width=32, bands=80, window=800, hop=200),
    dict(width=24, bands=48, window=1600, hop=320),
    dict(width=32, bands=72, window=2048, hop=400),
    dict(width=24, bands=40, window=512, hop=160),
)
LOSS_CLIPS = 6000
TUTOR_EPOCHS = 5
LOOPED = 400  # extra lo-fi clips with the drum loop, so that it can be told from other drums
TRAINING_CLIPS = 8000
FIRST = 20_000  # index of their first clip; those before are the codec's and the judge's
RECONSTRUCTED = 4200  # of all clips, those with the loop first
TEMPO_BINS = np.geomspace(48, 236, 33)  # edges, in beats per minute

Vary = Callable[[Tensor, np.random.Generator], Tensor]


@dataclass(frozen=True)
class Answers:
    """What the classifier hears in clips.

    Attributes:
        genre: probabilities (rows, genres).
        instruments: probabilities (rows, instrument groups), each on its own.
        tempo: beats per minute (rows,).
        loop: probability of the planted drum loop (rows,).
    """

    genre: Tensor
    instruments: Tensor
    tempo: Tensor
    loop: Tensor


class Classifier(nn.Module):
    """Log-mel, five convolution blocks, mean and maximum over time, four linear heads."""

    def __init__(
        self, width: int = 40, bands: int = 64, window: int = 1024, hop: int = 256, floor: float = FLOOR
    ) -> None:
        super().__init__()
        self.floor = floor
        self.mel = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE, n_fft=window, hop_length=hop, n_mels=bands, f_min=30, power=2.0
        )
        blocks: list[nn.Module] = []
        channels = 1
        for index, stride in enumerate(((2, 1), (2, 2), (2, 2), (2, 2), (2, 1))):
            wider = width * min(4, 2**index)
            blocks += [nn.Conv2d(channels, wider, 3, stride=stride, padding=1), nn.BatchNorm2d(wider), nn.ReLU()]
            channels = wider
        self.body = nn.Sequential(*blocks)
        self.features = features = 2 * channels * math.ceil(bands / 32)
        self.heads = nn.ModuleDict(
            {
                "genre": nn.Linear(features, len(genres())),
                "instruments": nn.Linear(features, len(instrument_groups())),
                "tempo": nn.Linear(features, len(TEMPO_BINS) - 1),
                "loop": nn.Linear(features, 1),
            }
        )

    def layers(self, audio: Tensor) -> list[Tensor]:
        """The log-mel of (rows, samples), normalised to the same level, and the output of each block."""
        level = audio.square().mean(-1, keepdim=True).sqrt().clamp_min(1e-4)
        power = self.mel(audio / level).clamp_min(1e-5)
        hidden = torch.log10(power + self.floor * power.mean((1, 2), keepdim=True))[:, None]
        if self.training:
            hidden = obscured(hidden)
        found = [hidden]
        for block in self.body:
            hidden = block(hidden)
            if isinstance(block, nn.ReLU):
                found.append(hidden)
        return found

    def pooled(self, audio: Tensor) -> Tensor:
        """Input of the heads: mean and maximum over time of the last block, (rows, features)."""
        hidden = self.layers(audio)[-1].flatten(1, 2)
        return torch.cat([hidden.mean(-1), hidden.amax(-1)], dim=1)

    def logits(self, pooled: Tensor) -> dict[str, Tensor]:
        """Logits of every head, by name, for pooled features (rows, features)."""
        return {name: head(pooled) for name, head in self.heads.items()}

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        """Logits of every head, by name, for (rows, samples) at 16 kHz."""
        return self.logits(self.pooled(audio))

    @torch.no_grad()
    def answer(self, audio: Tensor, rows: int = 64) -> Answers:
        """What is heard in clips (samples,) at 16 kHz, given as (clips, samples); ``rows`` are computed at once."""
        self.eval()
        logits = [self(part) for part in audio.split(rows)]
        joined = {name: torch.cat([part[name] for part in logits]) for name in logits[0]}
        centres = torch.tensor(np.sqrt(TEMPO_BINS[1:] * TEMPO_BINS[:-1]), dtype=torch.float32)
        return Answers(
            genre=joined["genre"].softmax(1),
            instruments=joined["instruments"].sigmoid(),
            tempo=centres[joined["tempo"].argmax(1)],
            loop=joined["loop"][:, 0].sigmoid(),
        )


def truth(pieces: list[Piece]) -> dict[str, Tensor]:
    """The targets of every head, from the composer's own facts: one row a piece.

    ``genre`` and ``tempo`` are class indices, ``instruments`` (rows, groups) and ``loop`` are 0 or 1.
    """
    names, groups = list(genres()), instrument_groups()
    playing = torch.zeros(len(pieces), len(groups))
    for row, piece in enumerate(pieces):
        for name in piece.instruments:
            playing[row, groups.index(instruments()[name].group)] = 1.0
    tempo = np.clip(np.searchsorted(TEMPO_BINS, [piece.tempo for piece in pieces]) - 1, 0, len(TEMPO_BINS) - 2)
    return {
        "genre": torch.tensor([names.index(piece.genre) for piece in pieces]),
        "instruments": playing,
        "tempo": torch.from_numpy(tempo),
        "loop": torch.tensor([float(piece.drum_loop) for piece in pieces]),
    }


def loss_of(logits: dict[str, Tensor], right: dict[str, Tensor]) -> Tensor:
    """Weighted sum of the heads' cross-entropies, for the targets of :func:`truth`."""
    return (
        nn.functional.cross_entropy(logits["genre"], right["genre"], label_smoothing=0.05)
        + 3 * nn.functional.binary_cross_entropy_with_logits(logits["instruments"], right["instruments"])
        + 0.5 * nn.functional.cross_entropy(logits["tempo"], right["tempo"])
        + 0.5 * nn.functional.binary_cross_entropy_with_logits(logits["loop"][:, 0], right["loop"])
    )


def _train(
    audio: np.ndarray, right: dict[str, Tensor], epochs: int, seed: int, vary: Vary | None = None, **settings: Any
) -> Classifier:
    """Train on int16 (clips, samples), with white noise, a shift of up to 0.1 s and the augmentation ``vary``.

    ``right`` holds the targets of :func:`truth`; ``settings`` are those of :class:`Classifier`.
    """
    torch.manual_seed(seed)
    model = Classifier(**settings)
    random = np.random.default_rng(seed)
    steps = epochs * (len(audio) // BATCH)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    model.train()
    sample = torch.from_numpy(audio[:BATCH].astype(np.float32) / 32767)
    half = half_is_quicker(model, lambda: model(sample)["genre"].square().mean())
    for step in range(steps):
        if step % (len(audio) // BATCH) == 0:
            order = random.permutation(len(audio))
        rows = np.sort(order[(step * BATCH) % (len(audio) // BATCH * BATCH) :][:BATCH])
        sound = torch.from_numpy(audio[rows].astype(np.float32) / 32767)
        sound = torch.roll(sound, int(random.integers(-1600, 1600)), dims=1)
        sound = sound + torch.randn_like(sound) * float(10 ** random.uniform(-4.5, -2.7))
        if vary:
            sound = vary(sound, random)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = {name: logit.float() for name, logit in model(sound).items()}
        loss = loss_of(logits, {name: value[torch.from_numpy(rows)] for name, value in right.items()})
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            log.info("classifier: step %d of %d, loss %.3f", step + 1, steps, loss.item())
    return model.eval()


def prepare_loss_classifiers(folder: Path, source: str, hardened: bool = False) -> list[Classifier]:
    """Quick classifiers of the clips in ``source`` for the codec's perceptual loss; no evaluation uses them.

    The ``hardened`` learn from worn clips and mask what is quiet; the others hear what is far below the rest, too.
    Each is trained once and kept in ``folder``.
    """
    found = []
    data = clips.Clips.open(folder / source)
    for number, front_end in enumerate(LOSS_FRONT_ENDS, start=1):
        settings = {**front_end, "floor": FLOOR if hardened else 0.0}
        made_from = record.key(settings, data.recipes[:LOSS_CLIPS], fingerprint())
        learn = partial(_loss_classifier, data, number, worn if hardened else None, settings)
        found.append(_kept(folder / f"loss-classifier-{number}-{made_from}.pt", learn, **settings))
    return found


def _loss_classifier(data: clips.Clips, seed: int, vary: Vary | None, settings: dict[str, Any]) -> Classifier:
    right = truth([recipe.compose() for recipe in data.recipes[:LOSS_CLIPS]])
    return _train(np.asarray(data.audio[:LOSS_CLIPS]), right, 3, seed, vary, **settings)


def prepare_tutor(folder: Path, source: str, reconstructed: NDArray[np.int16]) -> Classifier:
    """The judge's teacher: a classifier of the judge's own clips, clean and ``reconstructed`` (int16, clips x samples).

    The judge's audio tower learns its features first, and words after that (distillation).
    """
    data = clips.Clips.open(folder / source)
    pieces = [recipe.compose() for recipe in data.recipes]
    right = truth(pieces + pieces[: len(reconstructed)])
    made_from = record.key(data.recipes, fingerprint(), reconstructed[:1].tobytes())

    def learn() -> Classifier:
        return _train(np.concatenate([data.audio, reconstructed]), right, TUTOR_EPOCHS, 9)

    return _kept(folder / f"tutor-{made_from}.pt", learn)


def _kept(path: Path, make: Callable[[], Classifier], **settings: Any) -> Classifier:
    """The classifier whose weights ``path`` holds; ``make`` trains it first where there is no such file."""
    if not path.exists():
        torch.save(make().state_dict(), path.with_suffix(".tmp"))
        path.with_suffix(".tmp").replace(path)
    model = Classifier(**settings)
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def prepare(folder: Path) -> dict[str, Classifier]:
    """The classifiers of the evaluation, by name; each is trained once and kept in ``folder``.

    ``clean`` learns from clean clips, ``aware`` from clean and reconstructed ones, ``hardened`` from clean clips as
    ordinary equipment would play them.
    """
    genre = facts()["lofi_drum_loop"]["genre"]
    seeds = range(clips.SPLITS["train"] + 500_000_000, clips.SPLITS["train"] + 500_000_000 + LOOPED)
    recipes = [clips.Recipe(genre, seed, drum_loop=True) for seed in seeds]
    recipes += clips.uniform("train", TRAINING_CLIPS, first=FIRST)
    clips.write(folder / "clips-classifier", recipes)
    audio = np.asarray(clips.Clips.open(folder / "clips-classifier").audio)
    rough = reconstructions(folder, "clips-classifier", RECONSTRUCTED)
    pieces = [recipe.compose() for recipe in recipes]
    material: dict[str, tuple[np.ndarray, dict[str, Tensor], Vary | None]] = {
        "clean": (audio, truth(pieces), None),
        "aware": (np.concatenate([audio, rough]), truth(pieces + pieces[: len(rough)]), None),
        "hardened": (audio, truth(pieces), worn),
    }
    found = {}
    for seed, (name, (sound, right, vary)) in enumerate(material.items(), start=1):
        through_codec = sound[len(audio) :][:1].tobytes()  # stands for the codec's weights
        made_from = record.key(recipes, fingerprint(), through_codec, *([vary.__name__] if vary else []))
        learn = partial(_train, sound, right, EPOCHS, seed, vary)
        found[name] = _kept(folder / f"classifier-{name}-{made_from}.pt", learn)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and checkpoints are kept")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    prepare(arguments.folder)


if __name__ == "__main__":
    main()
