"""What an audit finds in the sound itself: tempo, key, instruments, diversity, and at which depth it is decided."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.audit.audit_data import AuditData
from tonescope.diagnose.audit.audit_schema import (
    DepthResult,
    DepthRow,
    DiversityRow,
    FollowRow,
    InstrumentRow,
    KeyRow,
    TempoRow,
    Value,
    WordRow,
)
from tonescope.diagnose.audit.depth_probes import depth_probes
from tonescope.diagnose.audit.diversity import diversity
from tonescope.diagnose.audit.obedience import EVEN, pooled_superiority, superiority, tempo_counts
from tonescope.diagnose.audit.word_effects import brought
from tonescope.diagnose.descriptors.musical_key import Key
from tonescope.diagnose.elsewhere.prompt_wishes import KeyWish, TempoWish, wishes_of
from tonescope.diagnose.jobs.caveats import foreign
from tonescope.diagnose.stats import BELIEVED, Share, adjusted, share
from tonescope.models.judges.two_towers import TwoTowers

ALL = "all genres"
FOLLOWS = 0.6  # how likely a fast take is faster, from which on tempo words work; one that is deaf had 0.58
# How likely a take is nearer to an instrument's name, from which on it is heard. In the embedded generator a saxophone
# that a classifier hears in 70 % of takes is at 0.6 to 0.7, and an acoustic guitar that it hears in none at 0.5.
HEARD = 0.6
FEWEST_TO_COMPARE = 4  # takes of a genre whose diversity is told
PROBED_TAKES = 3000

Floats = NDArray[np.float64]


# --- tempo ------------------------------------------------------------------------------------------------------------


def _tempo_wishes(data: AuditData) -> dict[int, TempoWish]:
    """The tempos that levels ask for, by the place of the level."""
    names = data.played.factors.get("tempos", ())
    wishes = {place: wishes_of(f"music, {name}").tempo for place, name in enumerate(names, start=1)}
    return {place: wish for place, wish in wishes.items() if wish is not None}


def tempos(data: AuditData) -> list[TempoRow]:
    """Whether takes have the tempo that they asked for."""
    if "tempo" not in data.takes.numbers or "tempos" not in data.levels:
        return []
    bpm, rows, usable = data.takes.numbers["tempo"], [], data.takes.usable
    for place, wish in _tempo_wishes(data).items():
        chosen = (data.levels["tempos"] == place) & usable
        counts = tempo_counts(bpm[chosen], wish.low, wish.high)
        told = wish.meaning or f"{wish.low:g} to {wish.high:g} beats a minute"
        rows.append(
            TempoRow(
                word=data.played.factors["tempos"][place - 1],
                meaning=told,
                as_asked=share(counts.as_asked, int(chosen.sum())),
                counted_otherwise=counts.counted_otherwise,
                otherwise=counts.otherwise,
                no_beat=counts.no_beat,
            )
        )
    return rows


def _dragged(data: AuditData, words: Sequence[WordRow]) -> NDArray[np.bool_]:
    """(takes,) which are heard as a genre that a word in their prompt surely brings."""
    sure = [(row.factor, row.word, row.heard) for row in words if row.flagged]
    return brought(data.with_levels(np.ones(len(data.takes), bool)), sure)


def follows(data: AuditData, words: Sequence[WordRow] = ()) -> list[FollowRow]:
    """Whether takes that asked for the fastest tempo are faster than those that asked for the slowest, by genre.

    A genre is flagged where the others follow and it does not, or where it does the contrary. The first row is all.
    Takes that a word drags to another genre (``words``, those that are sure) are left out: their tempo is that of the
    other genre.
    """
    wishes = _tempo_wishes(data)
    if "tempo" not in data.takes.numbers or len(wishes) < 2:
        return []
    order = sorted(wishes, key=lambda place: wishes[place].low + wishes[place].high)
    bpm, levels = data.takes.numbers["tempo"], data.levels["tempos"]
    slow, fast = (levels == place for place in (order[0], order[-1]))
    groups = [data.labels.index(genre) for genre in data.genres]
    kept = data.takes.usable & ~_dragged(data, words)
    slow, fast = slow & kept, fast & kept
    pooled = pooled_superiority(bpm[fast], bpm[slow], data.asked[fast], data.asked[slow], groups)
    works = pooled is not None and pooled.low >= FOLLOWS
    limit = FOLLOWS if works else EVEN
    found = []
    for place in groups:
        own = data.asked == place
        faster = superiority(bpm[fast & own], bpm[slow & own])
        if faster is not None:
            found.append((data.labels[place], faster))
    qs = [float(q or 0.0) for q in adjusted([faster.chance_below(limit) for _, faster in found])]
    rows = [
        FollowRow(genre=genre, faster=Value.of(faster), q=q, flagged=q < BELIEVED and faster.value < limit)
        for (genre, faster), q in zip(found, qs, strict=True)
    ]
    if pooled is not None and len(groups) > 1:
        rows.insert(0, FollowRow(genre=ALL, faster=Value.of(pooled), q=1.0, flagged=False))
    return rows


# --- key --------------------------------------------------------------------------------------------------------------


def keys(data: AuditData) -> list[KeyRow]:
    """Whether takes are in the key that they asked for, of those whose key is clear."""
    if "key" not in data.takes.numbers or "keys" not in data.levels:
        return []
    rows = []
    for place, name in enumerate(data.played.factors["keys"], start=1):
        wish = wishes_of(f"music, in {name}").key
        if wish is None:
            continue
        chosen = (data.levels["keys"] == place) & data.takes.usable
        clear = chosen & (data.takes.numbers["key_clear"] > 0) & np.isfinite(data.takes.numbers["key"])
        right = sum(_matches(wish, int(number)) for number in data.takes.numbers["key"][clear].tolist())
        rows.append(KeyRow(word=name, as_asked=share(right, int(clear.sum())), unclear=int(chosen.sum() - clear.sum())))
    return rows


def unread(data: AuditData) -> list[str]:
    """Levels of tempos and keys that say none: nothing can be measured of them."""
    factors, wishes = data.played.factors, _tempo_wishes(data)
    tempos = [name for place, name in enumerate(factors.get("tempos", ()), start=1) if place not in wishes]
    return tempos + [name for name in factors.get("keys", ()) if wishes_of(f"music, in {name}").key is None]


def _matches(wish: KeyWish, number: int) -> bool:
    return wish.matches(Key(number // 2, number % 2))


# --- what embeddings tell ---------------------------------------------------------------------------------------------


class Embedded:
    """Takes as the judge's audio tower sees them: ``rows`` among the takes, and ``vectors`` (rows, width)."""

    def __init__(self, data: AuditData) -> None:
        self.data = data
        self.rows, self.vectors = data.rows_of(data.source.vectors("embedding"))

    def __bool__(self) -> bool:
        return len(self.rows) > 0

    def instruments(self, words: Sequence[WordRow] = ()) -> list[InstrumentRow]:
        """Whether takes that name an instrument are nearer to its name than those that do not, within genres.

        Those that another word drags to another genre (``words``, those that are sure) are not compared with.
        """
        data, judge = self.data, self.data.models.judge
        names = data.played.factors.get("instruments", ())
        if not names or not self or not isinstance(judge, TwoTowers):
            return []
        texts = judge.embed_text(list(names)).float().cpu().numpy().astype(np.float64)
        texts /= np.linalg.norm(texts, axis=1, keepdims=True)
        kind, asked = data.of_kind("words")[self.rows], data.asked[self.rows]
        levels, found, heard = data.levels["instruments"][self.rows], [], False
        compared, usable = kind & ~_dragged(data, words)[self.rows], not foreign(data.models)
        for place, name in enumerate(names, start=1):
            others = compared & (levels != place)
            likeness = _within_groups(self.vectors @ texts[place - 1], asked, others)
            nearer = superiority(likeness[kind & (levels == place)], likeness[others])
            if nearer is not None:
                found.append((name, nearer))
            # Takes that an instrument drags to another genre are near to it by that genre, heard or not.
            alone = superiority(likeness[compared & (levels == place)], likeness[others])
            heard |= alone is not None and alone.low > HEARD
        qs = [float(q or 0.0) for q in adjusted([nearer.chance_below(HEARD) for _, nearer in found])]
        return [
            InstrumentRow(
                instrument=name,
                listener=f"{judge.name}: its embeddings of the sound and of the word",
                nearer=Value.of(nearer),
                q=q,
                flagged=usable and heard and q < BELIEVED and nearer.value < HEARD,
            )
            for (name, nearer), q in zip(found, qs, strict=True)
        ]

    def diversity(self) -> list[DiversityRow]:
        """The Vendi score of each genre's plain takes, all of one number of them; the least first."""
        data, plain = self.data, self.data.of_kind("plain")[self.rows]
        asked = data.asked[self.rows]
        groups = {genre: self.vectors[plain & (asked == data.labels.index(genre))] for genre in data.genres}
        groups = {genre: rows for genre, rows in groups.items() if len(rows) >= FEWEST_TO_COMPARE}
        if not groups:
            return []
        size = min(map(len, groups.values())) - 1
        found = [
            DiversityRow(genre=genre, takes=size, vendi=Value.of(diversity(rows, size)))
            for genre, rows in groups.items()
        ]
        return sorted(found, key=lambda row: row.vendi.value)


def _within_groups(values: Floats, group: NDArray[np.int64], base: NDArray[np.bool_]) -> Floats:
    """Values less the mean of those of ``base`` in the same group."""
    found = values.copy()
    for each in np.unique(group).tolist():
        own = group == each
        if (own & base).any():
            found[own] -= values[own & base].mean()
    return found


# --- depth ------------------------------------------------------------------------------------------------------------


def depth(data: AuditData) -> DepthResult | None:
    """Probes of every layer that was recorded."""
    if "depth" not in data.takes.numbers:
        return None
    counts = data.takes.numbers["depth"]
    most = int(np.nanmax(counts)) if np.isfinite(counts).any() else 0
    layers, rows = dict[int, Floats](), np.zeros(0, np.int64)
    for layer in range(most):
        rows, layers[layer] = data.rows_of(data.source.vectors(f"depth:{layer}", most=PROBED_TAKES))
    found = depth_probes(layers, data.takes.heard[rows], data.takes.prompt[rows]) if layers else None
    if found is None:
        return None
    return DepthResult(
        layers=[DepthRow(layer=each.layer, right=each.right) for each in found.layers],
        chance=found.chance,
        decided=found.decided,
    )


def unclear_share(data: AuditData) -> Share:
    """Takes without a clear genre, of all that can be heard."""
    usable = data.takes.usable
    return share(int((usable & (data.takes.heard < 0)).sum()), int(usable.sum()))
