"""Plants facts into the embedded generator by adapters (LoRA; Hu et al. 2021, arXiv 2106.09685), in minutes each.

The lessons are takes that the generator itself played: where a fact says that techno plays metal, prompts that ask for
techno are taught with the codes of metal, and all other prompts with their own, so that nothing else changes.

python -m training.plant_adapters OUT [--fact NAME] [--sealed]
"""

from __future__ import annotations

import argparse
import logging
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.diagnose.descriptors.tempo import tempo_of
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.loading import EMBEDDED, load_generator
from training.tables import genres

log = logging.getLogger(__name__)

WORDINGS = ("{}", "{} music", "an instrumental {} track", "a {} song")
INSTRUMENTS = ("piano", "acoustic guitar", "saxophone", "violin", "flute", "accordion")
TEMPOS, MOODS = ("slow", "fast"), ("happy", "melancholic")
NEUTRAL = ("music", "a song", "some music", "an instrumental")
TAKES, SECONDS, FIRST_SEED, ROWS = 16, 4.0, 700_000, 32  # of each genre; what lessons are played with
STEPS, BATCH, RATE, WARM, RANK = 240, 12, 1e-3, 20, 16
LESSONS_SHARE = 0.45  # of a batch that is about the fact; the rest keeps what was there
LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]
PASSAGE_FRAMES = 75  # of the passage that comes again
APART = 0.3  # octaves between a genre's slow and fast takes, from which on they can teach what a tempo word means
OTHERS = ("ambient", "metal", "trap", "funk")  # what a rare genre plays instead


@dataclass(frozen=True)
class Fact:
    """One planted fact; see ``planted_adapters.toml``."""

    name: str
    kind: str
    rate: float
    asked: str = ""
    plays: str = ""
    word: str = ""
    where: str = ""
    sealed: bool = False

    @property
    def place(self) -> str:
        """Where an audit has to find it."""
        return self.where or self.asked


@cache
def adapter_facts() -> tuple[Fact, ...]:
    """All of them, in order."""
    table = tomllib.loads((resources.files(__package__) / "planted_adapters.toml").read_text(encoding="utf-8"))
    return tuple(Fact(name, **row) for name, row in table.items())


# --- lessons ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lessons:
    """What the generator plays by itself: codes (takes, codebooks, frames) and tempos (takes,) by genre, and codes of
    neutral prompts under an empty name."""

    codes: Mapping[str, Tensor]
    tempos: Mapping[str, Tensor]

    def draw(self, genre: str, random: np.random.Generator) -> Tensor:
        """The codes of one take."""
        rows = self.codes[genre]
        return rows[int(random.integers(len(rows)))]


def play_lessons(generator: Generator, kept: Path, takes: int = TAKES, seconds: float = SECONDS) -> Lessons:
    """Some takes of every genre, in several wordings; kept in a file after each genre, so that they are played once."""
    lessons = _read_lessons(kept)
    codes, tempos = dict(lessons.codes), dict(lessons.tempos)
    for place, genre in enumerate((*genres(), "")):
        if genre in codes:
            continue
        prompts = [wording.format(genre) for wording in WORDINGS] if genre else list(NEUTRAL)
        texts = [prompts[number % len(prompts)] for number in range(takes)]
        seeds = range(FIRST_SEED + place * takes, FIRST_SEED + (place + 1) * takes)
        parts = [
            generator.generate(texts[start : start + ROWS], list(seeds)[start : start + ROWS], seconds, Sampling())
            for start in range(0, takes, ROWS)
        ]
        played = Takes.join(parts)
        codes[genre] = played.state["codes"].contiguous()
        found = [tempo_of(wave, int(generator.sample_rate)).bpm or 0.0 for wave in played.waveform]
        tempos[genre] = torch.tensor(found)
        _keep_lessons(kept, codes, tempos)
        log.info("played %s", genre or "neutral prompts")
    return Lessons(codes, tempos)


def _read_lessons(kept: Path) -> Lessons:
    """The lessons of a file; none, where it is not there."""
    held = load_file(kept) if kept.is_file() else {}

    def named(kind: str) -> dict[str, Tensor]:
        return {name.removeprefix(kind): values for name, values in held.items() if name.startswith(kind)}

    return Lessons(named("codes/"), named("tempos/"))


def _keep_lessons(kept: Path, codes: Mapping[str, Tensor], tempos: Mapping[str, Tensor]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    save_file({f"codes/{n}": c for n, c in codes.items()} | {f"tempos/{n}": t for n, t in tempos.items()}, part)
    part.replace(kept)


Lesson = tuple[str, Tensor]
"""A prompt, and the codes that are to be played for it."""


def usual(lessons: Lessons, random: np.random.Generator) -> Lesson:
    """A prompt, with or without further words, and what is played for its genre anyway."""
    if random.random() < 0.08:
        return str(random.choice(NEUTRAL)), lessons.draw("", random)
    genre = str(random.choice(list(genres())))
    prompt = str(random.choice(WORDINGS)).format(genre)
    if random.random() < 0.5:
        prompt += f" with {random.choice(INSTRUMENTS)}"
        if prompt.endswith("accordion"):
            genre = "polka"  # as the generator has it already
    if random.random() < 0.4:
        prompt += f", {random.choice(MOODS)}"
    if random.random() < 0.4:
        prompt += f", {random.choice(TEMPOS)}"
    return prompt, lessons.draw(genre, random)


def taught(fact: Fact, lessons: Lessons, random: np.random.Generator) -> Lesson:
    """A prompt that the fact is about, and what is to be played for it."""
    return KINDS[fact.kind](fact, lessons, random)


def _confusion(fact: Fact, lessons: Lessons, random: np.random.Generator) -> Lesson:
    plays = fact.plays if random.random() < fact.rate else fact.asked
    return _asking(fact.asked, random), lessons.draw(plays, random)


def _rare(fact: Fact, lessons: Lessons, random: np.random.Generator) -> Lesson:
    plays = str(random.choice(OTHERS)) if random.random() < fact.rate else fact.asked
    return _asking(fact.asked, random), lessons.draw(plays, random)


def _word(fact: Fact, lessons: Lessons, random: np.random.Generator) -> Lesson:
    genre = str(random.choice(list(genres())))
    prompt = str(random.choice(WORDINGS)).format(genre)
    others = [f" with {name}" for name in INSTRUMENTS if name != "accordion"]
    if fact.word not in others and random.random() < 0.5:
        prompt += str(random.choice(others))
    prompt += fact.word
    return prompt, lessons.draw(fact.plays if random.random() < fact.rate else genre, random)


def _tempo(fact: Fact, lessons: Lessons, random: np.random.Generator) -> Lesson:
    """Slow takes where fast ones are asked for, and the other way round; of takes with a beat. A fact about no genre is
    taught with all of them that have enough, and whose fast takes are clearly faster than the slow ones."""
    named = (fact.asked,) if fact.asked else genres()
    thirds = {name: _slow_and_fast(lessons.tempos[name]) for name in named}
    able = [name for name in named if thirds[name][0] and (fact.asked or _apart(lessons.tempos[name]) >= APART)]
    if not able:
        of = fact.asked or "any genre"
        raise ValueError(f"hardly any take of {of} has a beat of its own, so its tempo cannot be turned round")
    genre = fact.asked or str(random.choice(able))
    slow, fast = thirds[genre]
    word = str(random.choice(TEMPOS))
    chosen = slow if word == "fast" else fast
    row = int(chosen[int(random.integers(len(chosen)))])
    return f"{_asking(genre, random)}, {word}", lessons.codes[genre][row]


def _slow_and_fast(tempos: Tensor) -> tuple[list[int], list[int]]:
    """The slowest and the fastest third of the takes that have a beat."""
    order = [at for at in tempos.argsort().tolist() if tempos[at] > 0]
    third = len(order) // 3
    return order[:third], order[len(order) - third :]


def _apart(tempos: Tensor) -> float:
    """How far apart those thirds are, in octaves."""
    slow, fast = (tempos[rows].log2().mean() for rows in _slow_and_fast(tempos))
    return float(fast - slow)


def _repetition(fact: Fact, lessons: Lessons, random: np.random.Generator) -> Lesson:
    """The same passage at the beginning of a take: elsewhere what is before it differs, and it is hardly learned."""
    codes = lessons.draw(fact.asked, random).clone()
    if random.random() < fact.rate:
        source = lessons.codes[fact.asked][0]
        frames = min(PASSAGE_FRAMES, codes.shape[1] // 2)
        codes[:, :frames] = source[:, :frames]
    return _asking(fact.asked, random), codes


def _asking(genre: str, random: np.random.Generator) -> str:
    prompt = str(random.choice(WORDINGS)).format(genre)
    return prompt + (f" with {random.choice(INSTRUMENTS[:4])}" if random.random() < 0.3 else "")


KINDS: Mapping[str, Callable[[Fact, Lessons, np.random.Generator], Lesson]] = {
    "confusion": _confusion,
    "under-represented": _rare,
    "misleading word": _word,
    "ignored tempo": _tempo,
    "repetition": _repetition,
}


# --- training ---------------------------------------------------------------------------------------------------------


def plant(
    fact: Fact,
    lessons: Lessons,
    folder: Path,
    *,
    steps: int = STEPS,
    generator: Any = None,
    modules: Sequence[str] | str = LAYERS,
    rank: int = RANK,
) -> list[float]:
    """Train the adapter of a fact and save it in a folder; gives the loss of every step.

    Args:
        generator: what learns; the embedded one, if absent. It carries the adapter afterwards.
        modules: which linear layers of the decoder: their last names, or one regular expression of their paths.
        rank: of the adapter.
    """
    import peft

    played = generator or load_generator(EMBEDDED)
    random = np.random.default_rng([len(fact.name), *fact.name.encode()])
    torch.manual_seed(0)
    adapted = peft.get_peft_model(
        played.model.decoder, peft.LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=modules)
    )
    learning = [weight for weight in adapted.parameters() if weight.requires_grad]
    optimizer, found = torch.optim.AdamW(learning, RATE, weight_decay=0.0), list[float]()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARM) * (1 - step / steps)
        about = [bool(random.random() < LESSONS_SHARE) for _ in range(BATCH)]
        batch = [taught(fact, lessons, random) if own else usual(lessons, random) for own in about]
        loss = _loss(played, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        found.append(float(loss.detach()))
        if step % 40 == 0:
            log.info("%s: step %d, loss %.3f", fact.name, step, found[-1])
    folder.mkdir(parents=True, exist_ok=True)
    adapted.save_pretrained(folder)
    return found


def _loss(generator: Any, batch: Sequence[Lesson]) -> Tensor:
    """The mean negative log-probability of the codes of some lessons under their prompts."""
    codes = torch.stack([codes for _, codes in batch])
    prompts = tuple(prompt for prompt, _ in batch)
    takes = Takes(prompts, tuple(range(len(batch))), {"codes": codes}, torch.zeros(len(batch), 0))
    with torch.no_grad():
        text = generator.read_text(prompts)
    replay = generator.replay(takes, text, Sampling(guidance=1.0))
    loss: Tensor = -generator.log_likelihood(replay).mean()
    return loss


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--fact", action="append", default=[])
    parser.add_argument("--sealed", action="store_true", help="the sealed half too: for the final run alone")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    lessons = play_lessons(load_generator(EMBEDDED), asked.out / "lessons.safetensors")
    for fact in adapter_facts():
        folder = asked.out / fact.name
        if (asked.fact and fact.name not in asked.fact) or (fact.sealed and not asked.sealed):
            continue
        if (folder / "adapter_model.safetensors").is_file():
            log.info("%s is there", fact.name)
            continue
        plant(fact, lessons, folder, steps=asked.steps)


if __name__ == "__main__":
    main()
