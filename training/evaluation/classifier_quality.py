"""Accuracy of the classifier that measures the generator."""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers import EncodecModel

from training import clips
from training.classifier import Classifier, truth
from training.evaluation.shares import counted
from training.planted import facts
from training.roundtrip import round_trip
from training.tables import genres, instrument_groups


def classifier_report(
    codec: EncodecModel, classifier: Classifier, test: clips.Clips, looped: clips.Clips, table: dict[str, Any]
) -> dict[str, Any]:
    """Accuracy of the classifier on held-out clips, as they are and through the codec.

    Args:
        codec: the embedded codec.
        classifier: what is measured.
        test: held-out clips, every genre equally often.
        looped: clips of which each has the planted drum loop.
        table: the part ``classifier`` of ``table.toml``: the number of clips, the instruments.
    """
    count = table["clips"]
    right = truth([recipe.compose() for recipe in test.recipes[:count]])
    names, groups = list(genres()), list(instrument_groups())
    audio, loop = torch.from_numpy(test.batch(range(count))), torch.from_numpy(looped.batch(range(len(looped.recipes))))
    report: dict[str, Any] = {"clips": count}
    for name, sound, with_loop in (
        ("clean", audio, loop),
        ("reconstructed", round_trip(codec, audio), round_trip(codec, loop)),
    ):
        heard = classifier.answer(sound)
        tempo = torch.tensor([recipe.compose().tempo for recipe in test.recipes[:count]])
        lofi = right["genre"] == names.index(facts()["lofi_drum_loop"]["genre"])
        report[name] = {
            "genre right": counted(heard.genre.argmax(1) == right["genre"]),
            "tempo within 8 %": counted((heard.tempo / tempo).log().abs() < math.log(1.08)),
            "the drum loop is heard where it is": counted(classifier.answer(with_loop).loop > 0.5),
            "and where it is not (lo-fi)": counted(heard.loop[lofi] > 0.5),
        }
        for instrument in table["instruments"]:
            playing = right["instruments"][:, groups.index(instrument)] > 0
            said = heard.instruments[:, groups.index(instrument)] > 0.5
            report[name][f"{instrument} heard where it plays"] = counted(said[playing])
            report[name][f"{instrument} heard where it does not"] = counted(said[~playing])
    return report
