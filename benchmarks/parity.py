"""Replay against step-by-step generation: the largest difference of any activation and of any logit, case by case.

python -m benchmarks.parity
"""

from __future__ import annotations

from functools import partial

import torch
from tonescope.models.generator import Generator, Sampling
from tonescope.models.hooks import Place, hooked, read
from tonescope.models.loading import load_generator

from benchmarks.common import keep
from tests import tiny

PROMPTS = ["smooth jazz with piano", "house"]
SECONDS = 1.5
LIMIT = 1e-5
SITES = ("decoder.mlp", "decoder.self", "decoder.cross", "decoder.residual")


class Watch:
    """Everything that passes the decoder's sites and its output heads."""

    def __init__(self, generator: Generator) -> None:
        places = [generator.place(location) for location in generator.locations(*SITES)]
        heads = generator.model.decoder.lm_heads
        places += [Place(head, "output", f"logits of codebook {book}") for book, head in enumerate(heads)]
        self.seen: dict[str, list[torch.Tensor]] = {place.name: [] for place in places}
        self.hooks = [read(place, partial(self._note, place.name)) for place in places]

    def _note(self, place: str, tensor: torch.Tensor) -> None:
        self.seen[place].append(tensor.clone())


def difference(generator: Generator, guidance: float) -> tuple[float, int]:
    """The largest absolute difference over sites, logits, layers, branches, takes and positions; and the numbers compared."""
    worst, compared = 0.0, 0
    for prompt in PROMPTS:  # one prompt at a time: melody models shift audio positions by the prompt's length
        stepped, whole = Watch(generator), Watch(generator)
        with hooked(stepped.hooks):
            takes = generator.generate([prompt] * 2, [1, 2], SECONDS, Sampling(guidance), decode=False)
        with torch.no_grad(), hooked(whole.hooks):
            generator.replay(takes.codes, generator.read_text([prompt] * 2), guidance)
        for place in whole.seen:
            first, again = torch.cat(stepped.seen[place], 1), whole.seen[place][0]
            # transformers plays the first position of cross-attention models twice, and melody models a prefix: compare from the end.
            length = takes.codes.shape[2] + max(generator.delay)
            gap = (first[:, -length:] - again[:, -length:]).abs()
            worst, compared = max(worst, float(gap.max())), compared + gap.numel()
    return worst, compared


def main() -> None:
    """Every family with random weights, and the embedded model, with guidance on and off."""
    generators = {name: tiny.generator(name) for name in tiny.FAMILIES} | {"embedded": load_generator()}
    rows = []
    for name, generator in generators.items():
        for guidance in (3.0, 1.0):
            worst, compared = difference(generator, guidance)
            rows.append(
                {
                    "model": name,
                    "guidance": guidance,
                    "max_abs_difference": worst,
                    "numbers_compared": compared,
                    "ok": worst <= LIMIT,
                }
            )
    keep("parity", rows, {"limit": LIMIT, "max_abs_difference": max(row["max_abs_difference"] for row in rows)})


if __name__ == "__main__":
    main()
