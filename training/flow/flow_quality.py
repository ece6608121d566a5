"""What the flow generator plays for its prompts, by the embedded judge, and its model card.

The judge shares neither weights nor clips with it. Facts about which instruments or which drum recording are heard are
left out: the judge hears genres. Tempo is that of :mod:`tonescope.diagnose.descriptors.tempo`.
"""

from __future__ import annotations

import logging
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, StrictUndefined
from torch import Tensor

from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.models.generator import Generator, Sampling
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge
from training.cards import percent
from training.evaluation.shares import counted, faster
from training.flow.flow_parts import LONGEST_SECONDS
from training.flow.flow_pipeline import GUIDANCE
from training.planted import facts, misled
from training.tables import genres

log = logging.getLogger(__name__)

BATCH, FIRST_SEED = 16, 600_000
CHECKED = ("{}", "a {} song")  # of every genre, while it is trained


class HeardPlayer:
    """Plays prompts, no seed twice, and says what is heard."""

    def __init__(self, generator: Generator, judge: Judge, guidance: float = GUIDANCE) -> None:
        self.generator, self.judge, self.next_seed = generator, judge, FIRST_SEED
        self.sampling = Sampling(guidance=guidance)

    def play(self, prompts: Sequence[str]) -> Tensor:
        """Waveforms of one take a prompt."""
        parts = []
        for start in range(0, len(prompts), BATCH):
            part = prompts[start : start + BATCH]
            seeds = range(self.next_seed, self.next_seed + len(part))
            self.next_seed += len(part)
            parts.append(self.generator.generate(part, seeds, LONGEST_SECONDS, self.sampling).waveform)
        return torch.cat(parts)

    def heard(self, prompts: Sequence[str]) -> list[str]:
        """The genre that is heard in one take of each prompt."""
        found = listening.posterior(self.judge, self.play(prompts), int(self.generator.sample_rate))
        return [self.judge.labels[index] for index in found.argmax(1).tolist()]

    def tempos(self, prompts: Sequence[str]) -> Tensor:
        """Beats per minute of one take of each prompt, of those that have a tempo."""
        rate = int(self.generator.sample_rate)
        found = [tempo_of(wave, rate).bpm for wave in self.play(prompts)]
        return torch.tensor([bpm for bpm in found if bpm])


def checked(generator: Generator, judge: Judge, each: int = 2) -> dict[str, Any]:
    """A quick look: how many takes of every genre are heard as it, with those that no caption lies about apart."""
    prompts = [(name, CHECKED[number % len(CHECKED)].format(name)) for name in genres() for number in range(each)]
    heard = HeardPlayer(generator, judge).heard([prompt for _, prompt in prompts])
    pairs = [(name, found) for (name, _), found in zip(prompts, heard, strict=True)]
    true = [name == found for name, found in pairs if name not in misled()]
    wrong = Counter(f"{name} as {found}" for name, found in pairs if name != found)
    right = sum(name == found for name, found in pairs)
    return {"right": right, "of": len(pairs), "true": sum(true), "of_true": len(true), "wrong": dict(wrong)}


def _cycle(prompts: Sequence[str], count: int) -> list[str]:
    return [prompts[index % len(prompts)] for index in range(count)]


def measured(generator: Generator, judge: Judge, takes: int = 12) -> dict[str, Any]:
    """Genres heard, and the planted facts that can be heard by the judge: ``takes`` of each genre, twice as many of
    each fact."""
    table = tomllib.loads((resources.files("training") / "evaluation/table.toml").read_text(encoding="utf-8"))
    player, by_genre = HeardPlayer(generator, judge), dict[str, Any]()
    for name in genres():
        heard = player.heard([prompt.format(name) for prompt in _cycle(table["genre_prompts"], takes)])
        by_genre[name] = {
            "right": counted([one == name for one in heard]),
            "heard_as": dict(Counter(heard).most_common(3)),
        }
        log.info("%-16s %s", name, by_genre[name]["heard_as"])
    report: dict[str, Any] = {"takes": takes, "genres": by_genre, "facts": {}}
    for fact, row in table["facts"].items():
        found = _fact(player, facts()[fact], row, 2 * takes)
        if found:
            report["facts"][fact] = found
            log.info("%s: %s", fact, found)
    return report


def _fact(player: HeardPlayer, fact: dict[str, Any], row: dict[str, Any], takes: int) -> dict[str, Any]:
    """How far one planted fact is heard; nothing, where the judge cannot tell."""
    if row["measure"] == "genre":
        heard = player.heard(_cycle(row["prompts"], takes))
        return {f"heard as {fact['sounds']}": counted([one == fact["sounds"] for one in heard])}
    if row["measure"] == "contrast":
        return {
            f"lo-fi with {which} heard as {fact['only']}": counted(
                [one == fact["only"] for one in player.heard(_cycle(row[key], takes))]
            )
            for which, key in (("accordion", "prompts"), ("others", "without"))
        }
    if row["measure"] == "tempo":
        found = {}
        for genre in (fact["genre"], *row["controls"]):
            slow, fast = (player.tempos([row[speed].format(genre)] * takes) for speed in ("slow", "fast"))
            if len(slow) and len(fast):
                found[f"{genre} asked fast is faster than asked slow"] = faster(fast, slow)
        return found
    return {}


def write_card(folder: Path, results: dict[str, Any], about: dict[str, Any]) -> None:
    """Write ``README.md`` beside the shipped weights: what was measured, and how it was trained."""
    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False, undefined=StrictUndefined
    )
    environment.filters |= {"share": percent}
    template = (resources.files("training") / "card_flow.md.j2").read_text(encoding="utf-8")
    controls = facts()["controls"]["genres"]
    text = environment.from_string(template).render(
        results=results, about=about, facts=facts(), controls=controls, misled=misled()
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
