"""Replay against step-by-step generation: the largest difference of any unit, residual stream and logit.

Units are what is recorded, attributed and muted: the bar is theirs. The residual stream and the logits are sums of
many of them, tens of times as large, so float32 alone parts them by more; beside each difference stands the largest
value there, and the same in float64 shows what is rounding.

    python -m benchmarks.parity
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from benchmarks.kept_results import keep
from tests import tiny
from tonescope.models import loading
from tonescope.models.families.musicgen import delay
from tonescope.models.families.musicgen.load_musicgen import load
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling
from tonescope.models.hooks import Place, hooked, read

PROMPTS = ["smooth jazz with piano", "house"]
SECONDS = 1.5
LIMIT = 1e-5
KINDS = {"unit": ("decoder.mlp", "decoder.self", "decoder.cross"), "residual": ("decoder.residual",)}


class Watch:
    """Everything that passes the decoder's sites and its output heads."""

    def __init__(self, generator: MusicGen) -> None:
        self.kinds = {str(location): kind for kind, sites in KINDS.items() for location in generator.locations(*sites)}
        places = [generator.place(generator.location(name)) for name in self.kinds]
        heads = generator.model.decoder.lm_heads
        logits = [Place(head, "output", f"logits of codebook {book}") for book, head in enumerate(heads)]
        self.kinds |= dict.fromkeys((place.name for place in logits), "logit")
        places += logits
        self.seen: dict[str, list[torch.Tensor]] = {place.name: [] for place in places}
        self.hooks = [read(place, partial(self._note, place.name)) for place in places]

    def _note(self, place: str, tensor: torch.Tensor) -> None:
        self.seen[place].append(tensor.clone())


def difference(generator: MusicGen, guidance: float) -> dict[str, float]:
    """The largest absolute difference of each kind over layers, branches, takes and positions; its largest value."""
    found = {f"{kind}{what}": 0.0 for kind in (*KINDS, "logit") for what in ("_difference", "_largest")}
    sampling = Sampling(guidance)
    for prompt in PROMPTS:  # one prompt at a time: melody models shift audio positions by the prompt's length
        stepped, whole = Watch(generator), Watch(generator)
        with hooked(stepped.hooks):
            takes = generator.generate([prompt] * 2, [1, 2], SECONDS, sampling, decode=False)
        with torch.no_grad(), hooked(whole.hooks):
            generator.replay(takes, generator.read_text(takes.prompts), sampling)
        # transformers plays the first position of cross-attention models twice, and melody models a prefix: compare
        # from the end.
        length = delay.positions_for(generator.frames_of(takes), generator.delay)
        for place, kind in whole.kinds.items():
            first, again = torch.cat(stepped.seen[place], 1), whole.seen[place][0]
            gap = (first[:, -length:] - again[:, -length:]).abs()
            found[f"{kind}_difference"] = max(found[f"{kind}_difference"], float(gap.max()))
            found[f"{kind}_largest"] = max(found[f"{kind}_largest"], float(again.abs().max()))
    return found


def main() -> None:
    """Every family with random weights, and the embedded model, with guidance on and off."""
    embedded = load(loading.find(loading.EMBEDDED, "generator"), loading.EMBEDDED, "cpu", torch.float32, None)
    generators = {f"tiny {name}": tiny.generator(name) for name in tiny.FAMILIES} | {"embedded": embedded}
    rows: list[dict[str, Any]] = []
    for name, generator in generators.items():
        for dtype in (torch.float32, torch.float64):
            generator.model.to(dtype)
            for guidance in (3.0, 1.0):
                found = difference(generator, guidance)
                case = {"model": name, "precision": str(dtype).removeprefix("torch."), "guidance": guidance}
                rows.append({**case, **found, "ok": found["unit_difference"] <= LIMIT})
    single = [row for row in rows if row["precision"] == "float32"]
    about = {
        "limit": LIMIT,
        "max_abs_difference": max(row["unit_difference"] for row in single),
        "residual_and_logits": max(max(row["residual_difference"], row["logit_difference"]) for row in single),
    }
    keep("parity", rows, about, models=[embedded])


if __name__ == "__main__":
    main()
