"""Accuracy and calibration of the judge; writes its temperature, threshold and confusion record into its folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import EncodecModel

from tonescope.diagnose.calibrating.reliability import calibration_error
from tonescope.models.judges.clap import Clap
from tonescope.models.loading import EMBEDDED, load_judge
from training import clips
from training.assemble import embedded, write_metadata
from training.captions import caption, scenes, unseen_prompts
from training.evaluation.shares import clustered, counted
from training.renderer import SAMPLE_RATE
from training.roundtrip import round_trip

WRONGLY_READ = 0.05  # share of neutral captions that may be read as a genre
SCENES_READ = 0.2  # the same of prompts that mean none, in words as people write them


def _embedded_judge() -> Clap:
    """The embedded judge, whose inside is measured here."""
    judge = load_judge(EMBEDDED)
    if not isinstance(judge, Clap):
        raise TypeError("the embedded judge is a CLAP model")
    return judge


def _embeddings(judge: Clap, audio: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([judge.embed_audio(part, SAMPLE_RATE) for part in torch.split(audio, 38)])


def _fit_temperature(judge: Clap, embeddings: Tensor, right: Tensor) -> float:
    """The temperature with the least cross-entropy (temperature scaling, Guo et al. 2017, arXiv:1706.04599)."""
    logits = judge.scores(embeddings) * judge.calibration.temperature
    candidates = np.geomspace(0.2, 10, 80)
    return float(min(candidates, key=lambda value: float(torch.nn.functional.cross_entropy(logits / value, right))))


def _confusion(guess: Tensor, right: Tensor, size: int) -> list[list[int]]:
    """Counts (true label, heard label)."""
    table = torch.zeros(size, size, dtype=torch.long)
    for asked, heard in zip(right.tolist(), guess.tolist(), strict=True):
        table[asked, heard] += 1
    return table.tolist()


def judge_report(codec: EncodecModel, validation: clips.Clips, test: clips.Clips) -> dict[str, Any]:
    """Accuracy on clean and reconstructed clips, in known and unseen wordings, and of reading captions.

    The temperature is fitted on ``validation``, everything else is measured on ``test``. Temperature, confusion record
    and threshold are written into the judge's ``tonescope.json``.
    """
    judge = _embedded_judge()
    labels = list(judge.labels)
    sets = {}
    for name, data in (("validation", validation), ("test", test)):
        audio = torch.from_numpy(data.batch(range(len(data.recipes))))
        right = torch.tensor([labels.index(recipe.genre) for recipe in data.recipes])
        sets[name] = (_embeddings(judge, audio), _embeddings(judge, round_trip(codec, audio)), right)
    clean, rough, right = sets["validation"]
    temperature = _fit_temperature(judge, torch.cat([clean, rough]), torch.cat([right, right]))
    write_metadata(embedded() / "judge", temperature=temperature)
    judge = _embedded_judge()

    clean, rough, right = sets["test"]
    heard = {"clean": judge.scores(clean).argmax(1), "reconstructed": judge.scores(rough).argmax(1)}
    calibration = calibration_error(judge.scores(rough).softmax(1), right)
    record = {name: _confusion(guess, right, len(labels)) for name, guess in heard.items()}
    write_metadata(embedded() / "judge", record={**record, "calibration_error": calibration})
    report: dict[str, Any] = {f"accuracy_{name}": counted(guess == right) for name, guess in heard.items()}
    report |= {
        "clips": len(right),
        "temperature": temperature,
        "calibration_error": calibration,
        "confusion": record,
        "labels": labels,
    }
    unseen = judge.embed_text([template.format(label) for template in _held_out_wordings() for label in labels])
    unseen = unseen.reshape(-1, len(labels), unseen.shape[1])
    for name, embeddings in (("clean", clean), ("reconstructed", rough)):
        flags = torch.stack([(embeddings @ wording.T).argmax(1) == right for wording in unseen])
        report[f"accuracy_{name}_unseen_wordings"] = clustered(flags.float().mean(0))
    random = np.random.default_rng(5)
    texts = [caption(recipe.compose(), "oblique", random, wording="held_out") for recipe in test.recipes[: len(right)]]
    report["held_out_captions_read_right"] = counted(judge.scores(judge.embed_text(texts)).argmax(1) == right)
    report |= _meaning_report(judge)
    report["unseen_prompts_read_right"] = counted(_reads_right(judge, _read_unseen_prompts(judge)))
    return report


def _read_unseen_prompts(judge: Clap) -> Tensor:
    """Logits (prompts, labels) of the judge's text tower for the unseen prompts."""
    return judge.scores(judge.embed_text([text for text, _ in unseen_prompts()]))


def _reads_right(judge: Clap, read: Tensor) -> list[bool]:
    """Whether the largest of each row of (prompts, labels) is the genre of the unseen prompt."""
    labels = [judge.labels[index] for index in read.argmax(1).tolist()]
    return [label == genre for label, (_, genre) in zip(labels, unseen_prompts(), strict=True)]


def _meaning_report(judge: Clap) -> dict[str, Any]:
    """The probability from which on the text tower reads a genre: no more than :data:`WRONGLY_READ` of neutral captions
    and :data:`SCENES_READ` of scenes exceed it.

    It is set on the wordings of training captions and on the scenes, measured on other wordings and on the unseen
    prompts, and written into the judge's ``tonescope.json`` with what was measured.
    """
    random = np.random.default_rng(6)
    pieces = [recipe.compose() for recipe in clips.uniform("validation", 95)]

    def sureness(wording: str) -> Tensor:
        neutral = {caption(piece, "neutral", random, wording=wording) for piece in pieces}
        return judge.scores(judge.embed_text(sorted(neutral))).softmax(1).max(1).values

    pictured = judge.scores(judge.embed_text(list(scenes()))).softmax(1).max(1).values
    neutral = float(sureness("training").quantile(1 - WRONGLY_READ)) + 0.01
    threshold = round(min(0.999, max(0.5, neutral, float(pictured.quantile(1 - SCENES_READ)))), 3)
    sure = sureness("held_out")
    asked = _read_unseen_prompts(judge).softmax(1)
    read = asked.max(1).values >= threshold
    right = torch.tensor(_reads_right(judge, asked))
    measured = {
        "read": int(read.sum()),
        "right": int(right[read].sum()),
        "scenes": len(pictured),
        "scenes_read": int((pictured >= threshold).sum()),
    }
    write_metadata(embedded() / "judge", meaning=threshold, meaning_record=measured)
    return {
        "meaning": {
            "sure_enough": threshold,
            "neutral_captions_read_as_a_genre": counted(sure >= threshold),
            "scenes_read_as_a_genre": counted(pictured >= threshold),
            "unseen_prompts_read": counted(read),
            "unseen_prompts_read_and_right": counted(right[read]),
        }
    }


def _held_out_wordings() -> list[str]:
    return [
        "play me some {}",
        "give me something like {}",
        "music in the style of {}",
        "the genre here is {}",
        "background music: {}",
        "I would call this {}",
    ]
