"""Do the lenses find units that detect what the composer knows to be there?

For "kick", each tempo end and each instrument of the stimuli, the unit that tells it best in the corpus that comes with
Tonescope, whose pieces are tagged, is taken to composed pieces that nobody looked at: area under the curve against what
the composer put into them, beside the best single feature made by hand (chosen on half of these pieces, scored on the
other), beside the same unit with the facts shuffled, and beside the unit that tells it best in synthetic stimuli.

What is read of a unit is chosen with it: its mean over a piece, the most it does, how much it varies, or how often it
rises above its mean.

    python -m benchmarks.detectors [--pieces 190] [--location decoder.mlp]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.kept_results import keep
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.tuning.curve_statistics import auc, concepts_of, separation
from tonescope.diagnose.tuning.hand_features import FEATURES, hand_features
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.tuning.stimuli import families
from tonescope.diagnose.unit_index.listening_pass import ROWS, ListeningPass
from tonescope.models.units import Location, Unit
from training.default_corpus import FIRST_SEED, PIECES, Facts, pieces
from training.renderer import SAMPLE_RATE

FIRST = FIRST_SEED + 1_000_000  # pieces that are in no corpus
SLOW, FAST = 95.0, 125.0  # beats a minute: pieces in between count as neither
FEWEST = 8
SHUFFLES = 20
READINGS = ("mean", "most", "spread", "rises")
INSTRUMENTS = {
    "piano": {"piano"},
    "guitar": {"acoustic guitar", "clean guitar", "distorted guitar"},
    "bass": {"acoustic bass", "electric bass", "slap bass", "synth bass", "sub bass"},
    "organ": {"organ"},
    "accordion": {"accordion"},
    "strings": {"strings", "violin"},
    "brass": {"brass", "trumpet"},
    "flute": {"flute"},
    "clarinet": {"clarinet"},
}
"""What the stimuli call instruments, and the groups of the composer that are called so."""

Known = Callable[[Facts], bool | None]
"""Whether a piece has something; ``None`` where it counts as neither."""


def _plays(groups: Set[str]) -> Known:
    from training.tables import instruments

    return lambda facts: any(instruments()[name].group in groups for name in facts.instruments)


def _tempo(facts: Facts) -> bool | None:
    return True if facts.tempo >= FAST else False if facts.tempo <= SLOW else None


DETECTORS: dict[str, tuple[str, str, Known]] = {
    "kick": ("kick", "kick", lambda facts: bool(facts.kicks)),
    "fast tempo": ("tempo", "fast tempo", _tempo),
    "slow tempo": ("tempo", "slow tempo", lambda facts: None if _tempo(facts) is None else not _tempo(facts)),
    **{name: ("instrument", name, _plays(groups)) for name, groups in INSTRUMENTS.items()},
}


def readings(_: Location, values: torch.Tensor, __: torch.Tensor) -> torch.Tensor:
    """All that is read of units in sounds: (rows, readings, units) of (rows, positions, units)."""
    values = values.float()
    above = (values > values.mean(1, keepdim=True)).float()
    rises = above.diff(dim=1).clamp_min(0).mean(1)
    return torch.stack([values.mean(1), values.amax(1), values.std(1), rises], 1).cpu()


def responses(scope: ListeningPass, sounds: torch.Tensor) -> dict[Location, NDArray[np.float64]]:
    """What is read of every unit in every piece: (pieces, readings, units)."""
    parts = [scope.of_sound(sounds[start : start + ROWS], readings) for start in range(0, len(sounds), ROWS)]
    return {place: torch.cat([part[place] for part in parts]).double().numpy() for place in scope.locations}


@dataclass(frozen=True)
class Detector:
    """A unit, what is read of it, and how well that tells the sounds that it was chosen on."""

    unit: Unit
    reading: str
    score: float

    def values(self, known: dict[Location, NDArray[np.float64]]) -> NDArray[np.float64]:
        """What it does in pieces (pieces, 1)."""
        return known[self.unit.location][:, READINGS.index(self.reading), [self.unit.index]]


def best_in_corpus(known: dict[Location, NDArray[np.float64]], told: Sequence[bool | None]) -> Detector:
    """The unit and the reading that tell something best in tagged pieces; of those that tell it alike, where it is
    farthest apart."""
    kept = np.array([one is not None for one in told])
    there = np.array([bool(one) for one in told])[kept]
    found = []
    for place, values in known.items():
        for at, reading in enumerate(READINGS):
            scores, apart = auc(values[kept, at], there), separation(values[kept, at], there)
            best = int(np.lexsort((apart, scores))[-1])
            found.append((float(scores[best]), float(apart[best]), Detector(Unit(place, best), reading, scores[best])))
    return max(found, key=lambda each: each[:2])[2]


def best_in_stimuli(tuning: Tuning, places: list[Location], family: str, concept: str) -> Detector:
    """The unit that tells a concept best in all stimuli, by its mean; of those that tell it alike, where it is farthest
    apart."""
    curves = tuning.curves(places, [families()[family]])
    wanted = next(one for one in concepts_of(families()[family]) if one.name == concept)
    found = []
    for place in places:
        one = curves[place][0]
        both = (one.of_concept(wanted, 0)[0] + one.of_concept(wanted, 1)[0]) / 2
        apart = (one.separation_of(wanted, 0) + one.separation_of(wanted, 1)) / 2
        best = int(np.lexsort((apart, both))[-1])
        found.append((float(both[best]), float(apart[best]), Detector(Unit(place, best), READINGS[0], both[best])))
    return max(found, key=lambda each: each[:2])[2]


def composed(count: int, first: int) -> tuple[list[Facts], torch.Tensor]:
    """Pieces: what is known of each, and their sound (pieces, samples)."""
    made = list(islice(pieces(count, first), count))
    return [facts for *_, facts in made], torch.from_numpy(np.stack([sound for _, sound, _ in made]))


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=190)
    parser.add_argument("--location", default="decoder.mlp")
    asked = parser.parse_args()
    session = Session.open()
    scope = ListeningPass.at(session.generator, session.judge, [asked.location])
    assert session.generator.sample_rate == SAMPLE_RATE
    tagged, sounds = composed(PIECES, FIRST_SEED)
    corpus = responses(scope, sounds)
    facts, sounds = composed(asked.pieces, FIRST)
    known, by_hand = responses(scope, sounds), hand_features(sounds, SAMPLE_RATE)
    tuning = Tuning(Microscope.of(session))
    rows: list[dict[str, Any]] = []
    for name, (family, concept, tells) in DETECTORS.items():
        told = [tells(one) for one in facts]
        kept = np.array([one is not None for one in told])
        there = np.array([bool(one) for one in told])[kept]
        if min(there.sum(), (~there).sum()) < FEWEST:
            continue
        found = best_in_corpus(corpus, [tells(one) for one in tagged])
        other = best_in_stimuli(tuning, list(scope.locations), family, concept)
        values, features = found.values(known)[kept], by_hand[kept]
        first = auc(features[::2], there[::2])
        best = int(np.abs(first - 0.5).argmax())
        second = float(auc(features[1::2][:, [best]], there[1::2])[0])
        shuffled = [float(auc(values, np.random.default_rng(at).permutation(there))[0]) for at in range(SHUFFLES)]
        rows.append(
            {
                "detector": name,
                "unit": str(found.unit),
                "reading": found.reading,
                "corpus_auc": float(found.score),
                "auc": float(auc(values, there)[0]),
                "baseline_auc": second if first[best] >= 0.5 else 1 - second,
                "baseline": FEATURES[best],
                "shuffled_auc": float(np.mean(shuffled)),
                "stimuli_unit": str(other.unit),
                "stimuli_unit_auc": float(auc(other.values(known)[kept], there)[0]),
                "with": int(there.sum()),
                "without": int((~there).sum()),
            }
        )
    about = {
        "auc": {row["detector"]: row["auc"] for row in rows},
        "baseline_auc": {row["detector"]: row["baseline_auc"] for row in rows},
        "pieces": asked.pieces,
        "location": asked.location,
    }
    keep("detectors", rows, about, models=(session.generator, session.judge))


if __name__ == "__main__":
    main()
