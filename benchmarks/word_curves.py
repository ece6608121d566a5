"""Deletion and insertion curves of what is predicted without each word, against gradients, attention and chance.

Deletion takes words out of the prompt in the order of their importance, insertion puts them in; every step is played
in fresh takes, all on the same noise, and the judge's margin is measured. A good order makes the deletion curve fall
early and the insertion curve rise early. Areas are means over the curve, margins scaled so that the full prompt is 1
and the empty prompt 0.

    python -m benchmarks.word_curves [--prompts 20] [--takes 4]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.embedded import SECONDS, embedded_context, usual_contrast
from benchmarks.kept_results import keep
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.jacobi_prediction import predicted_changes
from tonescope.diagnose.attribution.metrics import log_probability, margin
from tonescope.diagnose.context import Context, SeedPlan
from tonescope.diagnose.intervene.verification import Variant, verify
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import Phrase, phrases_in
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.stats import effect
from tonescope.models.generator import Takes

NEUTRAL = "music"  # what is left when every word is gone
OURS = "predicted"
RANDOM_ORDERS = 4
MATTERS = 1.0  # margin between the full prompt and the empty one, from which on the words of a prompt count
PROMPTS = (
    "mellow jazz fusion with saxophone",
    "lo-fi beats with accordion",
    "groovy house music with piano",
    "swing jazz with trumpet and drums",
    "heavy metal with distorted guitars",
    "calm ambient pads with strings",
    "fast ragtime piano solo",
    "roots reggae with organ and bass",
    "energetic drum and bass track",
    "dark techno with synth bass",
    "smooth jazz with electric piano",
    "gentle bossa nova with acoustic guitar",
    "cheerful polka with accordion",
    "slow blues with electric guitar",
    "trap beat with deep bass",
    "retro synthwave with synth lead",
    "rock band with electric guitars",
    "funk groove with slap bass",
    "chill lo-fi hip hop with vibraphone",
    "slow waltz with strings",
)

Order = list[Phrase]
"""Words, those that speak most for the label first."""


def kept_words(prompt_words: Sequence[Phrase]) -> str:
    """A prompt of these words, in the order of the whole prompt."""
    return " ".join(word.text for word in sorted(prompt_words, key=lambda word: word.start)) or NEUTRAL


def deleted(order: Order) -> list[str]:
    """The whole prompt, and what is left as words are taken out in this order."""
    return [kept_words(order[step:]) for step in range(len(order) + 1)]


def inserted(order: Order) -> list[str]:
    """Nothing, and what is there as words are put in in this order."""
    return [kept_words(order[:step]) for step in range(len(order) + 1)]


def orders(context: Context, takes: Takes, words: Sequence[Phrase], contrast: Contrast) -> dict[str, list[Order]]:
    """The order of the words by each method: one, or several whose curves are averaged."""
    prompt, generator = takes.prompts[0], context.generator
    left_out = [Variant(word.text, prompt=without(prompt, word)) for word in words]
    changes = predicted_changes(context, takes, left_out, contrast).mean(1).tolist()
    predicted = dict(zip(words, changes, strict=True))
    heard = margin(context.listener, contrast.target, contrast.foil)
    tokens = {
        "margin gradient": attribute(context, takes, heard).tokens,
        "log-probability gradient": attribute(context, takes, log_probability(NEUTRAL)).tokens,
        "attention": -generator.text_attention(takes, context.sampling).mean((1, 2)),
    }

    def ranked(effects: torch.Tensor) -> Order:
        return sorted(words, key=lambda word: float(effects[:, list(word.tokens)].sum(1).mean()))

    random = np.random.default_rng(0)
    shuffled = [[words[index] for index in random.permutation(len(words))] for _ in range(RANDOM_ORDERS)]
    ours = sorted(words, key=lambda word: predicted[word])
    return {OURS: [ours], **{name: [ranked(effects)] for name, effects in tokens.items()}, "random": shuffled}


def measure(context: Context, prompt: str, seeds: SeedPlan) -> list[dict[str, Any]]:
    """Areas of both curves by each method, for one prompt."""
    generator = context.generator
    takes = generator.generate([prompt] * seeds.takes, seeds.explore, SECONDS, context.sampling)
    contrast = usual_contrast(context, takes.waveform)
    words = phrases_in(prompt, generator.read_text([prompt]))
    by_method = orders(context, takes, words, contrast)
    texts = {NEUTRAL, kept_words(words)}
    for order in (order for several in by_method.values() for order in several):
        texts |= {*deleted(order), *inserted(order)}
    variants = [Variant(text, prompt=text) for text in sorted(texts)]
    outcomes = verify(context, contrast, prompt, seeds.test, variants).outcomes
    levels = {text: float(outcome.margins.mean()) for text, outcome in outcomes.items()}
    empty, difference = levels[NEUTRAL], levels[kept_words(words)] - levels[NEUTRAL]

    def area(curves: list[list[str]]) -> float:
        level = float(np.mean([[levels[text] for text in curve] for curve in curves]))
        return (level - empty) / max(abs(difference), 1e-6)

    return [
        {
            "prompt": prompt,
            "method": method,
            "deletion": area([deleted(order) for order in several]),
            "insertion": area([inserted(order) for order in several]),
            "first_word": several[0][0].text,
            "full_minus_empty": difference,
        }
        for method, several in by_method.items()
    ]


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--takes", type=int, default=4)
    arguments = parser.parse_args()
    context, seeds = embedded_context(), SeedPlan(first=1, takes=arguments.takes)
    rows: list[dict[str, Any]] = []
    for prompt in PROMPTS[: arguments.prompts]:
        found = measure(context, prompt, seeds)
        print(
            prompt,
            {row["method"]: (round(row["deletion"], 2), round(row["insertion"], 2)) for row in found},
            flush=True,
        )
        rows += found
        about = {**summary(rows), "seconds": SECONDS, "takes": arguments.takes}
        keep("words", rows, about, models=[context.generator, context.listener])


if __name__ == "__main__":
    main()
