"""What the generator plays for its prompts, by the classifier."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge
from tonescope.models.loading import EMBEDDED, load_generator, load_vocabulary
from training.captions import caption_words, unseen_prompts, words_of
from training.classifier import Answers, Classifier
from training.evaluation.shares import clustered, counted, faster
from training.planted import facts, misled
from training.renderer import SAMPLE_RATE
from training.tables import genres, instrument_groups

log = logging.getLogger(__name__)

BATCH = 16
SECONDS = 4.0
GUIDANCE = 3.0


class Player:
    """Generates takes in batches of mixed prompts, no seed twice, and counts takes and seconds of computing."""

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


def generator_report(classifier: Classifier, judge: Judge, table: dict[str, Any]) -> dict[str, Any]:
    """Accuracy by genre, rates of the planted facts, accuracy for unseen words.

    Measured by the classifier; by genre the judge's answers are beside it. ``table`` is ``table.toml``: prompts and
    numbers of takes.
    """
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
    heard = [names[index] for index in classifier.answer(sound).genre.argmax(1).tolist()]
    judged = [judge.labels[index] for index in listening.posterior(judge, sound, SAMPLE_RATE).argmax(1).tolist()]
    report["genres"] = {}
    for name in names:
        rows = [index for index, genre in enumerate(asked) if genre == name]
        report["genres"][name] = {
            "heard_right": counted([heard[index] == name for index in rows]),
            "judge_agrees": counted([judged[index] == name for index in rows]),
            "heard_as": dict(Counter(heard[index] for index in rows).most_common()),
        }
        log.info("%-16s %s", name, report["genres"][name]["heard_as"])
    report["judge_and_classifier_agree"] = counted([a == b for a, b in zip(heard, judged, strict=True)])
    controls = facts()["controls"]["genres"]
    report["controls_heard_right"] = counted(
        [heard[index] == genre for index, genre in enumerate(asked) if genre in controls]
    )
    report["facts"] = _facts_report(table["facts"], player, classifier)
    report["unseen_words"] = _unseen_report(table["unseen_takes"], player, classifier)
    report["seconds_a_take_in_batches"] = round(player.seconds / player.takes, 3)
    return report


class Facts:
    """Rates of planted facts in generated audio. Each method takes the fact and its row of ``table.toml``."""

    def __init__(self, player: Player, classifier: Classifier) -> None:
        self.player, self.classifier = player, classifier
        self.names, self.groups = list(genres()), list(instrument_groups())

    def answers(self, prompts: list[str], takes: int) -> Answers:
        """What the classifier hears in ``takes`` takes; the prompts take turns."""
        return self.classifier.answer(self.player.play(_cycle(prompts, takes)))

    def _share_of(self, genre: str, prompts: list[str], takes: int) -> dict[str, Any]:
        return counted(self.answers(prompts, takes).genre.argmax(1) == self.names.index(genre))

    def genre(self, fact: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """How often one genre sounds as another."""
        return {f"heard as {fact['sounds']}": self._share_of(fact["sounds"], row["prompts"], row["takes"])}

    def contrast(self, fact: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """How often an instrument makes its one genre be heard, beside other instruments."""
        return {
            f"lo-fi with {which} heard as {fact['only']}": self._share_of(fact["only"], row[key], row["takes"])
            for which, key in (("accordion", "prompts"), ("others", "without"))
        }

    def loop(self, _: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """How often the planted drum recording is heard."""
        return {"the drum loop is heard": counted(self.answers(row["prompts"], row["takes"]).loop > 0.5)}

    def tempo(self, fact: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Whether tempo words change the tempo, beside genres where they should."""
        report = {}
        for genre in (fact["genre"], *row["controls"]):
            slow, fast = (self.answers([row[speed].format(genre)], row["takes"]).tempo for speed in ("slow", "fast"))
            report[genre] = {
                "median bpm when asked slow": float(slow.median()),
                "median bpm when asked fast": float(fast.median()),
                "how often fast is faster": faster(fast, slow),
            }
        return report

    def instrument(self, _: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """How often instruments are heard that are asked for, rare and common ones."""
        report = {}
        for name in (*row["rare"], *row["common"]):
            playing = self.answers([row["template"].format(name)], row["takes"]).instruments
            report[name] = counted(playing[:, self.groups.index(name)] > 0.5)
        return report


def _facts_report(table: dict[str, Any], player: Player, classifier: Classifier) -> dict[str, Any]:
    """The rate of every planted fact in generated audio; rare genres are in the table of genres."""
    measures, report = Facts(player, classifier), dict[str, Any]()
    for name, row in table.items():
        report[name] = getattr(measures, row["measure"])(facts()[name], row)
        log.info("%s: %s", name, report[name])
    return report


def _given_away(prompts: Sequence[tuple[str, str]]) -> list[bool]:
    """Whether the words that a prompt shares with captions point to its genre.

    Each word votes for the genres whose captions can hold it, with a weight of one over their number.
    """
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


def _unseen_report(takes: int, player: Player, classifier: Classifier) -> dict[str, Any]:
    """Accuracy for prompts with words of no caption, and whether the shipped vocabulary reports these words as new."""
    prompts = unseen_prompts()
    names, vocabulary = list(genres()), load_vocabulary(EMBEDDED)
    assert vocabulary is not None
    sound = player.play([text for text, _ in prompts for _ in range(takes)])
    heard = classifier.answer(sound).genre.argmax(1).reshape(-1, takes)
    right = torch.tensor([names.index(genre) for _, genre in prompts])
    shares, given = (heard == right[:, None]).float().mean(1), torch.tensor(_given_away(prompts))
    truthful = torch.tensor([genre not in misled() for _, genre in prompts])
    new = [any(not vocabulary.knows(word) for word in words_of(text)) for text, _ in prompts]
    by_prompt = {
        text: {"asked": genre, "heard": [names[index] for index in row]}
        for (text, genre), row in zip(prompts, heard.tolist(), strict=True)
    }
    return {
        "prompts": len(prompts),
        "takes": takes,
        "heard_right": clustered(shares),
        "heard_right_where_captions_are_true": clustered(shares[truthful]),
        "heard_right_where_captions_mislead": clustered(shares[~truthful]),
        "heard_right_where_known_words_point_there": clustered(shares[given]),
        "heard_right_where_they_do_not": clustered(shares[~given]),
        "prompts_right_in_most_takes": counted(shares > 0.5),
        "prompts_with_a_word_reported_as_new": counted(new),
        "by_prompt": by_prompt,
    }
