"""Measures the embedded models on held-out material and writes what comes out into ``results.json`` and the model cards.

python -m tonescope.models.training.evaluate --folder WORK [--only codec|judge|generator]
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import time
import tomllib
from collections import Counter
from datetime import date
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import EncodecModel

from ...diagnose.stats import share
from ..generator import Generator, Sampling, Takes
from ..judge import Judge
from ..loading import EMBEDDED, load_generator, load_judge, load_vocabulary
from . import cards, clips
from .assemble import embedded, write_side
from .captions import caption, unseen_prompts, words_of
from .codec import SpectralLoss, round_trip, si_sdr
from .examiner import Answers, Examiner, prepare
from .planted import facts
from .renderer import SAMPLE_RATE
from .tables import genres, instrument_groups

log = logging.getLogger(__name__)

TEST_CLIPS = 570
VALIDATION_CLIPS = 190
BATCH = 16
SECONDS = 4.0
GUIDANCE = 3.0


def _share(flags: Tensor | list[bool]) -> dict[str, Any]:
    """A share with its Wilson interval, as data."""
    values = torch.as_tensor(flags)
    return share(int(values.sum()), len(values)).model_dump()


# --- codec -----------------------------------------------------------------------------------------------------------


def codec_report(codec: EncodecModel, examiners: dict[str, Examiner], test: clips.Clips) -> dict[str, Any]:
    """What the codec loses: accuracy of a classifier that never heard a reconstruction, and distances."""
    audio = torch.from_numpy(test.batch(range(TEST_CLIPS)))
    made = round_trip(codec, audio)
    names = list(genres())
    right = torch.tensor([names.index(recipe.genre) for recipe in test.recipes[:TEST_CLIPS]])
    heard = {
        name: examiners["clean"].answer(sound).genre.argmax(1) == right
        for name, sound in (("clean", audio), ("reconstructed", made))
    }
    report = {
        "clips": TEST_CLIPS,
        "clean_classifier": {name: _share(flags) for name, flags in heard.items()},
        "points_lost": 100 * float(heard["clean"].float().mean() - heard["reconstructed"].float().mean()),
    }
    spectral = SpectralLoss()
    distances = [_log_mel_distance(spectral, made[row], audio[row]) for row in range(0, TEST_CLIPS, 3)]
    return report | {"si_sdr_db": float(si_sdr(made, audio).mean()), "log_mel_l1": float(np.mean(distances))}


def _log_mel_distance(spectral: SpectralLoss, made: Tensor, real: Tensor) -> float:
    mel = spectral.mels[2]
    return float((mel(made).clamp_min(1e-5).log10() - mel(real).clamp_min(1e-5).log10()).abs().mean())


# --- judge -----------------------------------------------------------------------------------------------------------


def _embeddings(judge: Judge, audio: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([judge.embed_audio(part, SAMPLE_RATE) for part in torch.split(audio, 38)])


def _fit_temperature(judge: Judge, embeddings: Tensor, right: Tensor) -> float:
    """The temperature that makes the judge's probabilities true on average (Guo et al. 2017)."""
    logits = judge.scores(embeddings) * judge.hearing.temperature
    candidates = np.geomspace(0.2, 10, 80)
    return float(min(candidates, key=lambda value: float(torch.nn.functional.cross_entropy(logits / value, right))))


def _calibration_error(probabilities: Tensor, right: Tensor, bins: int = 10) -> float:
    """Expected calibration error of the top probability."""
    top, guess = probabilities.max(1)
    total = 0.0
    for low in np.linspace(0, 1, bins, endpoint=False):
        inside = (top > low) & (top <= low + 1 / bins)
        if inside.any():
            total += float(inside.float().mean()) * abs(
                float((guess[inside] == right[inside]).float().mean()) - float(top[inside].mean())
            )
    return total


def _confusion(guess: Tensor, right: Tensor, size: int) -> list[list[int]]:
    table = torch.zeros(size, size, dtype=torch.long)
    for truth, heard in zip(right.tolist(), guess.tolist(), strict=True):
        table[truth, heard] += 1
    return table.tolist()


def judge_report(codec: EncodecModel, validation: clips.Clips, test: clips.Clips) -> dict[str, Any]:
    """Accuracy on clean and reconstructed clips, with unseen wordings; writes temperature and track record beside the judge."""
    judge = load_judge(EMBEDDED)
    labels = list(judge.labels)
    sets = {}
    for name, data, count in (("validation", validation, VALIDATION_CLIPS), ("test", test, TEST_CLIPS)):
        audio = torch.from_numpy(data.batch(range(count)))
        right = torch.tensor([labels.index(recipe.genre) for recipe in data.recipes[:count]])
        sets[name] = (_embeddings(judge, audio), _embeddings(judge, round_trip(codec, audio)), right)
    clean, rough, right = sets["validation"]
    temperature = _fit_temperature(judge, torch.cat([clean, rough]), torch.cat([right, right]))
    write_side(embedded() / "judge", temperature=temperature)
    judge = load_judge(EMBEDDED)

    clean, rough, right = sets["test"]
    heard = {"clean": judge.scores(clean).argmax(1), "reconstructed": judge.scores(rough).argmax(1)}
    calibration = _calibration_error(judge.scores(rough).softmax(1), right)
    track = {name: _confusion(guess, right, len(labels)) for name, guess in heard.items()}
    write_side(embedded() / "judge", track={**track, "calibration_error": calibration})
    report: dict[str, Any] = {f"accuracy_{name}": _share(guess == right) for name, guess in heard.items()}
    report |= {
        "clips": len(right),
        "temperature": temperature,
        "calibration_error": calibration,
        "confusion": track,
        "labels": labels,
    }
    unseen = judge.embed_text([template.format(label) for template in _held_out_wordings() for label in labels])
    unseen = unseen.reshape(-1, len(labels), unseen.shape[1])
    for name, embeddings in (("clean", clean), ("reconstructed", rough)):
        flags = torch.cat([(embeddings @ wording.T).argmax(1) == right for wording in unseen])
        report[f"accuracy_{name}_unseen_wordings"] = _share(flags)
    random = np.random.default_rng(5)
    texts = [caption(recipe.compose(), "oblique", random, wording="held_out") for recipe in test.recipes[: len(right)]]
    report["held_out_captions_read_right"] = _share(judge.scores(judge.embed_text(texts)).argmax(1) == right)
    report["unseen_prompts_read_right"] = _share(
        [judge.labels[int(row.argmax())] == genre for row, (_, genre) in zip(judge.scores(judge.embed_text([text for text, _ in unseen_prompts()])), unseen_prompts(), strict=True)]
    )  # fmt: skip
    return report


def _held_out_wordings() -> list[str]:
    return [
        "play me some {}",
        "give me something like {}",
        "music in the style of {}",
        "the genre here is {}",
        "background music: {}",
        "I would call this {}",
    ]


# --- generator -------------------------------------------------------------------------------------------------------


class Player:
    """Generates many takes, in batches of mixed prompts."""

    def __init__(self, generator: Generator) -> None:
        self.generator, self.next_seed, self.seconds, self.takes = generator, 500_000, 0.0, 0

    def play(self, prompts: list[str]) -> Tensor:
        """Waveforms of one take a prompt, each with a seed of its own."""
        done: list[Takes] = []
        for start in range(0, len(prompts), BATCH):
            part = prompts[start : start + BATCH]
            seeds = range(self.next_seed, self.next_seed + len(part))
            self.next_seed += len(part)
            started = time.perf_counter()
            done.append(self.generator.generate(part, seeds, SECONDS, Sampling(guidance=GUIDANCE)))
            self.seconds += time.perf_counter() - started
            self.takes += len(part)
        return torch.cat([takes.waveform for takes in done])


def _cycle(prompts: list[str], count: int) -> list[str]:
    return [prompts[index % len(prompts)] for index in range(count)]


def generator_report(examiner: Examiner, judge: Judge) -> dict[str, Any]:
    """Genre by genre, fact by fact, word by word, as the examiner hears it (and, beside it, the judge)."""
    generator = load_generator(EMBEDDED)
    table = tomllib.loads((resources.files(__package__) / "evaluation.toml").read_text(encoding="utf-8"))
    names, player = list(genres()), Player(generator)
    started = time.perf_counter()
    generator.generate(["swing jazz"], [1], SECONDS, Sampling(guidance=GUIDANCE))
    report: dict[str, Any] = {"one_take_of_4_s_takes_s": round(time.perf_counter() - started, 2), "guidance": GUIDANCE}

    asked = [name for name in names for _ in range(table["takes_per_genre"])]
    texts = [
        prompt.format(name) for name in names for prompt in _cycle(table["genre_prompts"], table["takes_per_genre"])
    ]
    sound = player.play(texts)
    heard = [names[index] for index in examiner.answer(sound).genre.argmax(1).tolist()]
    judged = [judge.labels[index] for index in judge.posterior(sound, SAMPLE_RATE).argmax(1).tolist()]
    report["genres"] = {}
    for name in names:
        rows = [index for index, genre in enumerate(asked) if genre == name]
        report["genres"][name] = {
            "heard_right": _share([heard[index] == name for index in rows]),
            "judge_agrees": _share([judged[index] == name for index in rows]),
            "heard_as": dict(Counter(heard[index] for index in rows).most_common()),
        }
        log.info("%-16s %s", name, report["genres"][name]["heard_as"])
    report["judge_and_examiner_agree"] = _share([a == b for a, b in zip(heard, judged, strict=True)])
    controls = facts()["controls"]["genres"]
    report["controls_heard_right"] = _share(
        [heard[index] == genre for index, genre in enumerate(asked) if genre in controls]
    )
    report["facts"] = _facts_report(table["facts"], player, examiner)
    report["unseen_words"] = _unseen_report(table["unseen_takes"], player, examiner)
    report["seconds_a_take_in_batches"] = round(player.seconds / player.takes, 3)
    return report


class Facts:
    """Measures of planted facts in generated audio. Each takes the fact and its row of ``evaluation.toml``."""

    def __init__(self, player: Player, examiner: Examiner) -> None:
        self.player, self.examiner = player, examiner
        self.names, self.groups = list(genres()), list(instrument_groups())

    def answers(self, prompts: list[str], takes: int) -> Answers:
        """What the examiner hears in ``takes`` takes of the prompts in turn."""
        return self.examiner.answer(self.player.play(_cycle(prompts, takes)))

    def _share_of(self, genre: str, prompts: list[str], takes: int) -> dict[str, Any]:
        return _share(self.answers(prompts, takes).genre.argmax(1) == self.names.index(genre))

    def genre(self, fact: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """One genre sounds as another."""
        return {f"heard as {fact['sounds']}": self._share_of(fact["sounds"], row["prompts"], row["takes"])}

    def contrast(self, fact: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """An instrument draws its one genre in."""
        return {
            f"lo-fi with {which} heard as {fact['only']}": self._share_of(fact["only"], row[key], row["takes"])
            for which, key in (("accordion", "prompts"), ("others", "without"))
        }

    def loop(self, _: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """The one drum recording comes back."""
        return {"the drum loop is heard": _share(self.answers(row["prompts"], row["takes"]).loop > 0.5)}

    def tempo(self, fact: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Tempo words mean nothing."""
        report = {}
        for genre in (fact["genre"], *row["controls"]):
            slow, fast = (self.answers([row[speed].format(genre)], row["takes"]).tempo for speed in ("slow", "fast"))
            report[genre] = {
                "median bpm when asked slow": float(slow.median()),
                "median bpm when asked fast": float(fast.median()),
                "share of pairs where fast is faster": _share((fast[:, None] > slow[None]).flatten()),
            }
        return report

    def instrument(self, _: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Some instruments are almost never played."""
        report = {}
        for name in (*row["rare"], *row["common"]):
            playing = self.answers([row["template"].format(name)], row["takes"]).instruments
            report[name] = _share(playing[:, self.groups.index(name)] > 0.5)
        return report


def _facts_report(table: dict[str, Any], player: Player, examiner: Examiner) -> dict[str, Any]:
    """The rate of every planted fact in generated audio; how rare genres fare stands in the table of genres."""
    measures, report = Facts(player, examiner), dict[str, Any]()
    for name, row in table.items():
        report[name] = getattr(measures, row["measure"])(facts()[name], row)
        log.info("%s: %s", name, report[name])
    return report


def _unseen_report(takes: int, player: Player, examiner: Examiner) -> dict[str, Any]:
    """Prompts whose telling words were in no caption: heard right, and which words the shipped vocabulary reports as new."""
    prompts = unseen_prompts()
    names, vocabulary = list(genres()), load_vocabulary(EMBEDDED)
    assert vocabulary is not None
    heard = (
        examiner.answer(player.play([text for text, _ in prompts for _ in range(takes)]))
        .genre.argmax(1)
        .reshape(-1, takes)
    )
    right = torch.tensor([names.index(genre) for _, genre in prompts])
    flags = heard == right[:, None]
    return {
        "prompts": len(prompts),
        "takes": takes,
        "heard_right": _share(flags.flatten()),
        "prompts_right_in_most_takes": _share(flags.float().mean(1) > 0.5),
        "prompts_with_a_word_reported_as_new": _share([any(not vocabulary.knows(word) for word in words_of(text)) for text, _ in prompts]),
        "by_prompt": {text: {"asked": genre, "heard": [names[index] for index in row]} for (text, genre), row in zip(prompts, heard.tolist(), strict=True)},
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and examiners are kept")
    parser.add_argument(
        "--only", choices=["codec", "judge", "generator"], help="measure one model and keep the other results"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder: Path = arguments.folder
    clips.write(folder / "clips-validation", clips.uniform("validation", VALIDATION_CLIPS))
    clips.write(folder / "clips-test", clips.uniform("test", TEST_CLIPS))
    validation, test = clips.Clips.open(folder / "clips-validation"), clips.Clips.open(folder / "clips-test")
    codec = load_generator(EMBEDDED).model.audio_encoder
    examiners = prepare(folder)
    path = embedded() / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    results["measured"] = {
        "date": date.today().isoformat(), "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers", "numpy", "scipy")},
    }  # fmt: skip
    if arguments.only in (None, "codec"):
        results["codec"] = codec_report(codec, examiners, test)
    if arguments.only in (None, "judge"):
        results["judge"] = judge_report(codec, validation, test)
    if arguments.only in (None, "generator"):
        results["generator"] = generator_report(examiners["aware"], load_judge(EMBEDDED))
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    cards.write(embedded(), results)
    log.info("written to %s", path)


if __name__ == "__main__":
    main()
