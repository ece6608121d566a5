"""Deletion and insertion curves of what is predicted without each word, against gradients, attention alone and chance.

Deletion takes words out of the prompt in the order of their importance, insertion puts them in; every step is played in fresh
takes, all on the same noise, and the judge's margin is measured. A good order makes the deletion curve fall early and the insertion curve
rise early. Areas are means over the curve, margins scaled so that the full prompt is 1 and the empty prompt 0.

    python -m benchmarks.word_curves [--prompts 20] [--takes 4]
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from tonescope.diagnose.attribution.cross_attention import cross_attention

from benchmarks.causal import contrast
from benchmarks.common import keep
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import log_probability, margin
from tonescope.diagnose.attribution.words import Word, without, words_in
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.verification import Variant, verify
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import effect
from tonescope.models.generator import Sampling

SECONDS = 4.0
NEUTRAL = "music"  # what is left when every word is gone
OURS = "predicted"
RANDOM_ORDERS = 4
MATTERS = 1.0  # margin between the full prompt and the empty one, from which on the words of a prompt count
PROMPTS = (
    "mellow jazz fusion with saxophone", "lo-fi beats with accordion", "groovy house music with piano", "swing jazz with trumpet and drums",
    "heavy metal with distorted guitars", "calm ambient pads with strings", "fast ragtime piano solo", "roots reggae with organ and bass",
    "energetic drum and bass track", "dark techno with synth bass", "smooth jazz with electric piano", "gentle bossa nova with acoustic guitar",
    "cheerful polka with accordion", "slow blues with electric guitar", "trap beat with deep bass", "retro synthwave with synth lead",
    "rock band with electric guitars", "funk groove with slap bass", "chill lo-fi hip hop with vibraphone", "slow waltz with strings",
)  # fmt: skip


def kept_words(prompt: str, words: list[Word]) -> str:
    """The prompt with only these words, in their order."""
    return " ".join(word.text for word in sorted(words, key=lambda word: word.start)) or NEUTRAL


def orders(session: Session, prompt: str, words: list[Word], asked: Any, takes: Any) -> dict[str, list[list[Word]]]:
    """Words that speak most for the label first, by each method."""
    generator, judge, means = session.generator, session.judge, session.means(Settings())
    skip_uncond = [Variant(word.text, prompt=without(prompt, word)) for word in words]
    changes = predicted_changes(
        Context(generator, judge=judge, means=means), takes, skip_uncond, Contrast(target=asked.target, foil=asked.foil)
    ).mean(1)
    predicted = dict(zip(words, changes.tolist(), strict=True))
    found = {
        "margin gradient": attribute(
            Context(generator, means=means), takes, margin(judge, asked.target, asked.foil)
        ).tokens,
        "log-probability gradient": attribute(Context(generator, means=means), takes, log_probability(NEUTRAL)).tokens,
        "attention": -cross_attention(generator, takes).mean((1, 2)),
    }

    def ranked(tokens: torch.Tensor) -> list[Word]:
        return sorted(words, key=lambda word: float(tokens[:, list(word.tokens)].sum(1).mean()))

    random = np.random.default_rng(0)
    shuffled = [[words[index] for index in random.permutation(len(words))] for _ in range(RANDOM_ORDERS)]
    ours = [sorted(words, key=lambda word: predicted[word])]
    return {OURS: ours, **{name: [ranked(tokens)] for name, tokens in found.items()}, "random": shuffled}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Areas of every method over the prompts whose words matter, and how far each is from ours, prompt by prompt."""
    clear = list(dict.fromkeys(row["prompt"] for row in rows if row["full_minus_empty"] > MATTERS))
    areas: dict[str, Any] = {}
    beside_ours: dict[str, Any] = {}
    for side in ("deletion", "insertion"):
        found = {(row["prompt"], row["method"]): row[side] for row in rows}
        for method in dict.fromkeys(row["method"] for row in rows if clear):
            areas.setdefault(method, {})[side] = effect([found[prompt, method] for prompt in clear]).model_dump()
            more = [found[prompt, method] - found[prompt, OURS] for prompt in clear]
            if method != OURS:
                beside_ours.setdefault(method, {})[side] = effect(more).model_dump()
    return {"prompts_where_words_matter": len(clear), "areas": areas, "beside_ours": beside_ours}


def main() -> None:
    """Every prompt, every method, every step of both curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--takes", type=int, default=4)
    arguments = parser.parse_args()
    session, seeds = Session.open(), list(range(1, arguments.takes + 1))
    generator = session.generator
    rows: list[dict[str, Any]] = []
    for prompt in PROMPTS[: arguments.prompts]:
        takes = generator.generate([prompt] * len(seeds), seeds, SECONDS)
        asked = contrast(session, takes.waveform)
        words = words_in(prompt, generator.read_text([prompt]))
        by_method = orders(session, prompt, words, asked, takes)
        texts = {NEUTRAL, kept_words(prompt, words)}
        for ranked in (order for several in by_method.values() for order in several):
            texts |= {kept_words(prompt, ranked[step:]) for step in range(len(words) + 1)}
            texts |= {kept_words(prompt, ranked[:step]) for step in range(len(words) + 1)}
        variants, fresh = [Variant(text, prompt=text) for text in sorted(texts)], [seed + len(seeds) for seed in seeds]
        means = session.means(Settings())
        outcomes = verify(
            Context(generator, judge=session.judge, means=means, sampling=Sampling(), seconds=SECONDS),
            asked,
            prompt,
            fresh,
            variants,
        ).outcomes
        levels = {text: float(outcome.margins.mean()) for text, outcome in outcomes.items()}
        full, empty = levels[kept_words(prompt, words)], levels[NEUTRAL]
        for method, several in by_method.items():
            steps = range(len(words) + 1)
            deletion = np.mean([[levels[kept_words(prompt, ranked[step:])] for step in steps] for ranked in several])
            insertion = np.mean([[levels[kept_words(prompt, ranked[:step])] for step in steps] for ranked in several])
            scale = max(abs(full - empty), 1e-6)
            rows.append(
                {
                    "prompt": prompt, "method": method, "deletion": float((deletion - empty) / scale), "insertion": float((insertion - empty) / scale),
                    "first_word": several[0][0].text, "full_minus_empty": full - empty,
                }
            )  # fmt: skip
        print(prompt, {row["method"]: (round(row["deletion"], 2), round(row["insertion"], 2)) for row in rows[-len(by_method) :]}, flush=True)  # fmt: skip
        keep("words", rows, summary(rows) | {"seconds": SECONDS, "takes": arguments.takes}, models=[generator.model, session.judge])  # fmt: skip


if __name__ == "__main__":
    main()
