"""Are the genres that were made rare in training really missing from what the embedded generator plays?

Its card measured that with a classifier that learned from the composer's clips. Here two others listen to takes of each
rare genre, and of a control: the embedded judge, and a classifier of hand-made features (librosa's timbre, harmony and
rhythm; logistic regression) of clips that went through the codec, as takes do. Where both hear what was asked for, it
is rather the classifier of the card that erred, and an audit by the judge has nothing to find.

    python -m benchmarks.rare_genres [--takes 20] [--clips 40]
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import librosa
import numpy as np
import torch
from librosa.onset import onset_strength
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from benchmarks.kept_results import keep
from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.stats import share
from tonescope.models.judges.listening import posterior
from tonescope.models.loading import EMBEDDED, find, load_generator, load_judge
from training.clips import uniform
from training.planted import facts
from training.renderer import SAMPLE_RATE
from training.tables import genres

SECONDS, ROWS, FIRST_SEED = 4.0, 20, 40_000
SPLITS = ("train", "test")  # of the composer's clips: to learn from, and to say how well that was learned


def features(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Timbre, harmony and rhythm of one clip of (samples,): means and deviations over time, and the strongest beats."""
    timbre = librosa.feature.mfcc(y=waveform, sr=SAMPLE_RATE, n_mfcc=20)
    contrast = librosa.feature.spectral_contrast(y=waveform, sr=SAMPLE_RATE, fmin=100.0)
    harmony = librosa.feature.chroma_stft(y=waveform, sr=SAMPLE_RATE)
    onsets = onset_strength(y=waveform, sr=SAMPLE_RATE)
    rhythm = librosa.feature.tempogram(onset_envelope=onsets, sr=SAMPLE_RATE, win_length=96).mean(1)
    parts = [np.concatenate([rows.mean(1), rows.std(1)]) for rows in (timbre, contrast, np.sort(harmony, axis=0))]
    return np.concatenate([*parts, rhythm, [onsets.mean(), onsets.std()]])


def table_of(waveforms: Tensor) -> NDArray[np.float64]:
    """The features of (clips, samples), a row each."""
    return np.stack([features(wave) for wave in waveforms.numpy()])


def known_clips(generator: Any, split: str, count: int) -> tuple[NDArray[np.float64], list[str]]:
    """Features of the composer's clips after the generator's codec, and their genres."""
    recipes = uniform(split, count)
    found = []
    for start in range(0, count, ROWS):
        rendered = np.stack([recipe.render() for recipe in recipes[start : start + ROWS]])
        codes = generator.encode(torch.from_numpy(rendered), SAMPLE_RATE, "").state["codes"]
        found.append(table_of(generator.sides(codes).mean(1).float()))
    return np.concatenate(found), [recipe.genre for recipe in recipes]


def fitted(clips: NDArray[np.float64], labels: Sequence[str]) -> Pipeline:
    """The classifier of hand-made features."""
    model: Pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    return model.fit(clips, labels)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=20, help="of each genre")
    parser.add_argument("--clips", type=int, default=40, help="of each genre, to learn from")
    asked = parser.parse_args()
    generator, judge = load_generator(EMBEDDED), load_judge(EMBEDDED)
    learned, held_out = (
        known_clips(generator, split, len(genres()) * count)
        for split, count in zip(SPLITS, (asked.clips, 10), strict=True)
    )
    by_hand = fitted(*learned)
    rows = []
    rare: list[str] = facts()["rare_genres"]["genres"]
    for place, genre in enumerate([*rare, facts()["controls"]["genres"][0]]):
        seeds = range(FIRST_SEED + place * asked.takes, FIRST_SEED + (place + 1) * asked.takes)
        takes = generator.generate([genre] * asked.takes, seeds, SECONDS)
        heard = {
            "judge": hear(posterior(judge, takes.waveform, int(generator.sample_rate)), judge.labels),
            "by hand": by_hand.predict(table_of(takes.waveform)).tolist(),
        }
        for listener, labels in heard.items():
            found = share(labels.count(genre), len(labels))
            rows.append(
                {
                    "genre": genre,
                    "is rare": genre in rare,
                    "listener": listener,
                    "right": found.count,
                    "of": found.total,
                    "low": found.low,
                    "high": found.high,
                    "heard": ", ".join(f"{label} {count}" for label, count in Counter(labels).most_common(3)),
                }
            )
    right = {genre: {row["listener"]: row["right"] for row in rows if row["genre"] == genre} for genre in rare}
    card = json.loads((find(EMBEDDED, "generator").parent / "results.json").read_text(encoding="utf-8"))
    about = {
        "card": {genre: card["generator"]["genres"][genre]["heard_right"]["count"] for genre in rare},
        "right": right,
        "accuracy_by_hand": float(by_hand.score(*held_out)),
        "takes": asked.takes,
        "clips": asked.clips,
    }
    keep("rare_genres", rows, about, packages=("librosa", "scikit-learn"), models=(generator, judge))


if __name__ == "__main__":
    main()
