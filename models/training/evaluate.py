"""Measures the embedded models on held-out material and writes what comes out into ``results.json`` and the model cards.

python -m tonescope.models.training.evaluate --folder WORK [--only examiner|codec|judge|generator]
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import platform
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
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
from .captions import caption, caption_words, unseen_prompts, words_of
from .codec import SpectralLoss, round_trip, si_sdr
from .examiner import Answers, Examiner, prepare, truth
from .planted import facts
from .renderer import SAMPLE_RATE
from .tables import genres, instrument_groups

log = logging.getLogger(__name__)

TEST_CLIPS = 570
VALIDATION_CLIPS = 190
BATCH = 16
SECONDS = 4.0
GUIDANCE = 3.0
LOOPED = 60
WRONGLY_READ = 0.05  # of neutral captions, as a genre
PARTS = ("examiner", "codec", "judge", "generator")


def _share(flags: Tensor | list[bool]) -> dict[str, Any]:
    """A share with its Wilson interval, as data."""
    values = torch.as_tensor(flags)
    return share(int(values.sum()), len(values)).model_dump()


def _clustered(shares: Tensor | list[float], draws: int = 4000) -> dict[str, Any]:
    """A mean of shares, one a clip, prompt or take, with its 95 % interval by bootstrap over those: answers within one are not independent."""
    values = np.asarray(shares, dtype=float)
    means = values[np.random.default_rng(0).integers(len(values), size=(draws, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": float(values.mean()), "of": len(values), "low": float(low), "high": float(high)}


def _faster(fast: Tensor, slow: Tensor, draws: int = 4000) -> dict[str, Any]:
    """How often a take of one kind is faster than one of another (a tie counts half), with its interval by bootstrap over both."""
    pairs = ((fast[:, None] > slow[None]).float() + 0.5 * (fast[:, None] == slow[None]).float()).numpy()
    random, (rows, columns) = np.random.default_rng(0), pairs.shape
    drawn = [
        pairs[np.ix_(random.integers(rows, size=rows), random.integers(columns, size=columns))].mean()
        for _ in range(draws)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"mean": float(pairs.mean()), "of": rows, "low": float(low), "high": float(high)}


# --- examiner --------------------------------------------------------------------------------------------------------


def examiner_report(
    codec: EncodecModel, examiner: Examiner, test: clips.Clips, looped: clips.Clips, table: dict[str, Any]
) -> dict[str, Any]:
    """How good the examiner itself is, on held-out clips as they are and through the codec; it marks all the others."""
    count = table["clips"]
    right, names, groups = (
        truth([recipe.compose() for recipe in test.recipes[:count]]),
        list(genres()),
        list(instrument_groups()),
    )
    audio, loop = torch.from_numpy(test.batch(range(count))), torch.from_numpy(looped.batch(range(len(looped.recipes))))
    report: dict[str, Any] = {"clips": count}
    for name, sound, with_loop in (
        ("clean", audio, loop),
        ("reconstructed", round_trip(codec, audio), round_trip(codec, loop)),
    ):
        heard = examiner.answer(sound)
        tempo = torch.tensor([recipe.compose().tempo for recipe in test.recipes[:count]])
        lofi = right["genre"] == names.index(facts()["lofi_drum_loop"]["genre"])
        report[name] = {
            "genre right": _share(heard.genre.argmax(1) == right["genre"]),
            "tempo within 8 %": _share((heard.tempo / tempo).log().abs() < math.log(1.08)),
            "the drum loop is heard where it is": _share(examiner.answer(with_loop).loop > 0.5),
            "and where it is not (lo-fi)": _share(heard.loop[lofi] > 0.5),
        }
        for instrument in table["instruments"]:
            playing = right["instruments"][:, groups.index(instrument)] > 0
            said = heard.instruments[:, groups.index(instrument)] > 0.5
            report[name][f"{instrument} heard where it plays"] = _share(said[playing])
            report[name][f"{instrument} heard where it does not"] = _share(said[~playing])
    return report


# --- codec -----------------------------------------------------------------------------------------------------------


def codec_report(codec: EncodecModel, examiners: dict[str, Examiner], test: clips.Clips) -> dict[str, Any]:
    """What the codec loses: accuracy of classifiers that never heard a reconstruction, and distances."""
    audio = torch.from_numpy(test.batch(range(TEST_CLIPS)))
    made = round_trip(codec, audio)
    names = list(genres())
    right = torch.tensor([names.index(recipe.genre) for recipe in test.recipes[:TEST_CLIPS]])
    report: dict[str, Any] = {"clips": TEST_CLIPS, "classifiers": {}}
    for classifier in ("clean", "hardened"):
        flags = [examiners[classifier].answer(sound).genre.argmax(1) == right for sound in (audio, made)]
        before, after = (float(flag.float().mean()) for flag in flags)
        report["classifiers"][classifier] = {
            "clean": _share(flags[0]), "reconstructed": _share(flags[1]), "points_lost": 100 * (before - after)
        }  # fmt: skip
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
    for asked, heard in zip(right.tolist(), guess.tolist(), strict=True):
        table[asked, heard] += 1
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
        flags = torch.stack([(embeddings @ wording.T).argmax(1) == right for wording in unseen])
        report[f"accuracy_{name}_unseen_wordings"] = _clustered(flags.float().mean(0))
    random = np.random.default_rng(5)
    texts = [caption(recipe.compose(), "oblique", random, wording="held_out") for recipe in test.recipes[: len(right)]]
    report["held_out_captions_read_right"] = _share(judge.scores(judge.embed_text(texts)).argmax(1) == right)
    report |= _meaning_report(judge)
    report["unseen_prompts_read_right"] = _share(
        [judge.labels[int(row.argmax())] == genre for row, (_, genre) in zip(judge.scores(judge.embed_text([text for text, _ in unseen_prompts()])), unseen_prompts(), strict=True)]
    )  # fmt: skip
    return report


def _meaning_report(judge: Judge) -> dict[str, Any]:
    """How sure the text tower must be, so that one in twenty neutral captions is read as a genre; written beside the judge.

    Set on wordings that captions have in training, reported on others.
    """
    random = np.random.default_rng(6)
    pieces = [recipe.compose() for recipe in clips.uniform("validation", 95)]

    def sureness(wording: str) -> Tensor:
        neutral = {caption(piece, "neutral", random, wording=wording) for piece in pieces}
        return judge.scores(judge.embed_text(sorted(neutral))).softmax(1).max(1).values

    threshold = max(0.5, float(sureness("training").quantile(1 - WRONGLY_READ)) + 0.01)
    sure = sureness("held_out")
    write_side(embedded() / "judge", meaning=round(threshold, 3))
    asked = judge.scores(judge.embed_text([text for text, _ in unseen_prompts()])).softmax(1)
    read = asked.max(1).values >= threshold
    right = torch.tensor([judge.labels[int(row.argmax())] == genre for row, (_, genre) in zip(asked, unseen_prompts(), strict=True)])  # fmt: skip
    return {
        "meaning": {
            "sure_enough": threshold,
            "neutral_captions_read_as_a_genre": _share(sure >= threshold),
            "unseen_prompts_read": _share(read),
            "unseen_prompts_read_and_right": _share(right[read]),
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


def generator_report(examiner: Examiner, judge: Judge, table: dict[str, Any]) -> dict[str, Any]:
    """Genre by genre, fact by fact, word by word, as the examiner hears it (and, beside it, the judge)."""
    generator = load_generator(EMBEDDED)
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
                "how often fast is faster": _faster(fast, slow),
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


def _given_away(prompts: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether the words that a prompt shares with captions point to its genre: those that few genres' captions hold, counted."""
    holds = {name: caption_words(genre) for name, genre in genres().items()}
    rarity = Counter(word for words in holds.values() for word in words)
    found = []
    for text, genre in prompts:
        votes = {
            name: sum(1 / rarity[word] for word in words_of(text) if word in words) for name, words in holds.items()
        }
        best = max(votes.values())
        found.append(best > 0 and votes[genre] == best)
    return found


def _unseen_report(takes: int, player: Player, examiner: Examiner) -> dict[str, Any]:
    """Prompts with words of no caption: heard right, and which words the shipped vocabulary reports as new."""
    prompts = unseen_prompts()
    names, vocabulary = list(genres()), load_vocabulary(EMBEDDED)
    assert vocabulary is not None
    sound = player.play([text for text, _ in prompts for _ in range(takes)])
    heard = examiner.answer(sound).genre.argmax(1).reshape(-1, takes)
    right = torch.tensor([names.index(genre) for _, genre in prompts])
    shares, given = (heard == right[:, None]).float().mean(1), torch.tensor(_given_away(prompts))
    new = [any(not vocabulary.knows(word) for word in words_of(text)) for text, _ in prompts]
    return {
        "prompts": len(prompts),
        "takes": takes,
        "heard_right": _clustered(shares),
        "heard_right_where_known_words_point_there": _clustered(shares[given]),
        "heard_right_where_they_do_not": _clustered(shares[~given]),
        "prompts_right_in_most_takes": _share(shares > 0.5),
        "prompts_with_a_word_reported_as_new": _share(new),
        "by_prompt": {text: {"asked": genre, "heard": [names[index] for index in row]} for (text, genre), row in zip(prompts, heard.tolist(), strict=True)},
    }  # fmt: skip


def _measured() -> dict[str, Any]:
    return {
        "date": date.today().isoformat(), "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers", "numpy", "scipy")},
    }  # fmt: skip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where clips and examiners are kept")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure these and keep the other results")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder: Path = arguments.folder
    table = tomllib.loads((resources.files(__package__) / "evaluation.toml").read_text(encoding="utf-8"))
    loop = [clips.Recipe(facts()["lofi_drum_loop"]["genre"], clips.SPLITS["test"] + 500_000_000 + seed, drum_loop=True) for seed in range(LOOPED)]  # fmt: skip
    sets = {
        "validation": clips.uniform("validation", VALIDATION_CLIPS), "test": clips.uniform("test", TEST_CLIPS), "test-looped": loop,
    }  # fmt: skip
    for name, recipes in sets.items():
        clips.write(folder / f"clips-{name}", recipes)
    validation, test, looped = (clips.Clips.open(folder / f"clips-{name}") for name in sets)
    codec = load_generator(EMBEDDED).model.audio_encoder
    examiners = prepare(folder)
    measures: dict[str, Callable[[], dict[str, Any]]] = {
        "examiner": lambda: examiner_report(codec, examiners["aware"], test, looped, table["examiner"]),
        "codec": lambda: codec_report(codec, examiners, test),
        "judge": lambda: judge_report(codec, validation, test),
        "generator": lambda: generator_report(examiners["aware"], load_judge(EMBEDDED), table),
    }
    path = embedded() / "results.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for part in arguments.only or PARTS:
        results[part] = measures[part]() | {"measured": _measured()}
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    cards.write(embedded(), results)
    log.info("written to %s", path)


if __name__ == "__main__":
    main()
