"""What TensorFlow makes of the musicnn checkpoints, for the tests to compare with.

Runs by itself in an environment of its own, with TensorFlow 2.15 (the last in which the package's layers exist):

    pip install "tensorflow-cpu==2.15.1" librosa && pip install --no-deps musicnn==0.1.0
    python tests/models/judges/musicnn_oracle.py

It writes ``musicnn_reference.json`` beside this file: for each model the probabilities (windows, tags) of :func:`song`,
with the log-mel spectrogram in single precision (``single``), and in half as the package computes it (``half``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFERENCE = Path(__file__).with_name("musicnn_reference.json")
MODELS = {"musicnn-mtt": "MTT_musicnn", "musicnn-msd": "MSD_musicnn"}
RATE, FRAMES = 16_000, 187
ROOTS = (220.0, 174.61, 261.63, 196.0)  # of the chords, in Hz


def song(seconds: float = 9.5) -> NDArray[np.float32]:
    """A short piece (samples,) at 16 kHz: chords, a beat, and a quiet half."""
    time = np.arange(int(seconds * RATE)) / RATE
    root = np.choose((time // 1.2).astype(int) % len(ROOTS), ROOTS)
    phase = 2 * np.pi * np.cumsum(root) / RATE
    voices = sum(np.sin(ratio * phase) / (1 + part) for part, ratio in enumerate((1, 1.25, 1.5, 2)))
    beat = np.exp(-12 * (time % 0.5)) * np.random.default_rng(0).standard_normal(len(time))
    level = np.where(time < seconds / 2, 1.0, 0.1)
    return (level * (0.1 * np.exp(-2 * (time % 1.2)) * voices + 0.08 * beat)).astype(np.float32)


def log_mel(audio: NDArray[np.float32], half: bool) -> NDArray[np.float32]:
    """Windows (windows, frames, bands) of log-mel by librosa; what is left after the last whole one is dropped."""
    import librosa

    mel = librosa.feature.melspectrogram(y=audio, sr=RATE, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect").T
    mel = np.log10(10_000 * mel.astype(np.float16 if half else np.float32) + 1).astype(np.float32)
    count = len(mel) // FRAMES
    return mel[: count * FRAMES].reshape(count, FRAMES, -1)


def probabilities(checkpoint: str, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities (windows, tags) by the package's own graph and checkpoint."""
    import musicnn
    import tensorflow as tf
    from musicnn.models import define_model

    folder = Path(musicnn.__file__).parent / checkpoint
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        mel = tf.compat.v1.placeholder(tf.float32, [None, FRAMES, 96])
        training = tf.compat.v1.placeholder(tf.bool)
        logits = define_model(mel, training, checkpoint, 50)[0]
        tf.compat.v1.train.Saver().restore(session, f"{folder}{os.sep}")
        found: NDArray[np.float32] = session.run(tf.nn.sigmoid(logits), {mel: windows, training: False})
    return found


def main() -> None:
    content: dict[str, Any] = {}
    for name, checkpoint in MODELS.items():
        for precision in ("single", "half"):
            found = probabilities(checkpoint, log_mel(song(), precision == "half"))
            content.setdefault(name, {})[precision] = [[float(f"{value:.7g}") for value in row] for row in found]
    REFERENCE.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
