"""What to ask a hosted generator for, so that the words of a prompt can be tested from outside.

The whole prompt, the prompt without each phrase, and its genre alone, several takes each, on one seed where the service
has seeds. One request comes twice: where its answers differ, seeds do not hold, and takes are not paired.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.audio_files.collecting import SoundFile, read_table
from tonescope.diagnose.elsewhere.hosted_services import Service, service_of
from tonescope.diagnose.judging.genre_names import names_in
from tonescope.diagnose.judging.refusals import refused
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.prompts.phrases import Phrase, chunked
from tonescope.diagnose.stats import BELIEVED
from tonescope.diagnose.taxonomy import common
from tonescope.models.errors import TonescopeError

SCHEMA_VERSION = "1.0"
TABLE = "requests.csv"
COLUMNS = ("file", "variant", "left_out", "prompt", "seed", "take", "service")
WHOLE, WHOLE_AGAIN, GENRE, WITHOUT = "whole", "whole_again", "genre", "without"
LONGEST_SLUG = 24  # letters


class Request(BaseModel):
    """One request: under which name its answer is saved, what it is for, and what it says."""

    model_config = ConfigDict(extra="forbid")

    file: str
    variant: str
    left_out: str
    prompt: str
    seed: int | None
    take: int


class RequestPlan(BaseModel):
    """The requests for one prompt, and what can be told from their answers.

    ``enough`` is the least number of takes in which a phrase that changes every take could be sure.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: str = SCHEMA_VERSION
    prompt: str
    service: Service
    takes: int
    seconds: float | None
    requests: list[Request]
    enough: int
    notes: list[str]
    table: str | None = None
    timings: dict[str, float] = {}


@dataclass(frozen=True)
class PlanWish:
    """What a plan is made for."""

    prompt: str
    service: str
    takes: int
    seed: int
    seconds: float | None = None


def slug(text: str) -> str:
    """A phrase as part of a file name."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-") or "phrase"


def left_out_prompts(prompt: str) -> list[tuple[Phrase, str]]:
    """Every phrase with the prompt without it; those whose loss leaves nothing are not among them. Lyrics stay as they
    are."""
    song = Song.written(prompt)
    found = [(phrase, without(song.tags, phrase)) for phrase in chunked(song.tags)]
    return [(phrase, song.with_tags(rest)) for phrase, rest in found if rest and rest != song.tags]


def genre_alone(prompt: str) -> str | None:
    """The genre that a prompt names first and does not refuse, in its own words; ``None`` where it names none."""
    words, names = names_in(Song.written(prompt).tags, common())
    no, unclear = refused(words, names)
    return next((name.text for at, name in enumerate(names) if name.sure and at not in no | unclear), None)


def variants_of(prompt: str) -> list[tuple[str, str, str]]:
    """(variant, what is left out, prompt) of everything that is asked for, the whole first."""
    rows = [(WHOLE, "", prompt)]
    for number, (phrase, rest) in enumerate(left_out_prompts(prompt), 1):
        rows.append((f"{WITHOUT}:{number}", phrase.name, rest))
    genre = genre_alone(prompt)
    alone = Song.written(prompt).with_tags(genre) if genre else ""
    if alone and alone.casefold() not in {asked.strip().casefold() for _, _, asked in rows}:
        rows.append((GENRE, f"all but “{genre}”", alone))
    return rows


def enough_takes(tests: int) -> int:
    """The fewest pairs in which a change of all of them is sure, after allowing for so many tests: the sign test's p
    is 2/2^n."""
    takes = 1
    while 2.0 ** (1 - takes) * max(1, tests) >= BELIEVED:
        takes += 1
    return takes


def plan(wanted: PlanWish) -> RequestPlan:
    """The requests.

    Raises :class:`TonescopeError` for seeds and lengths that the service does not take, and for a prompt of which
    nothing can be left out.
    """
    service = service_of(wanted.service)
    _check(wanted, service)
    variants = variants_of(wanted.prompt)
    if len(variants) == 1:
        raise TonescopeError(
            "nothing can be left out of this prompt, so there are no words to test; use one of two phrases or more."
        )
    rows: list[Request] = []
    for variant, left_out, prompt in variants:
        rows += [_request(variant, left_out, prompt, take, wanted, service) for take in range(1, wanted.takes + 1)]
    if service.seed != "no":
        rows.insert(wanted.takes, _request(WHOLE_AGAIN, "", wanted.prompt, 1, wanted, service))
    tests = len(variants) - 1
    return RequestPlan(
        prompt=wanted.prompt,
        service=service,
        takes=wanted.takes,
        seconds=wanted.seconds if wanted.seconds is not None else service.fixed_seconds,
        requests=rows,
        enough=enough_takes(tests),
        notes=[*service.notes, *_notes(wanted, service, tests)],
    )


def _check(wanted: PlanWish, service: Service) -> None:
    low, high = service.seed_range
    if service.seed != "no" and not low <= wanted.seed <= high - wanted.takes:
        raise TonescopeError(
            f"the seed {wanted.seed} cannot be used with {service.name}; choose one from {low} to "
            f"{high - wanted.takes}."
        )
    if wanted.seconds is not None and service.seconds is None and service.fixed_seconds is not None:
        raise TonescopeError(
            f"a request to {service.name} cannot choose its length (about {service.fixed_seconds:g} s); leave "
            "--seconds out."
        )
    if (
        wanted.seconds is not None
        and service.seconds
        and not service.seconds[0] <= wanted.seconds <= service.seconds[1]
    ):
        raise TonescopeError(
            f"{service.name} does not play {wanted.seconds:g} seconds; ask for {service.seconds[0]:g} to "
            f"{service.seconds[1]:g}."
        )


def _request(variant: str, left_out: str, prompt: str, take: int, wanted: PlanWish, service: Service) -> Request:
    seed = None if service.seed == "no" else wanted.seed + take - 1
    kind, _, number = variant.partition(":")
    name = f"{kind}-{int(number):02}-{slug(left_out)}" if number else kind.replace("_", "-")
    which = f"take-{take}" if seed is None else f"seed-{seed}"
    return Request(file=f"{name}-{which}.wav", variant=variant, left_out=left_out, prompt=prompt, seed=seed, take=take)


def _notes(wanted: PlanWish, service: Service, tests: int) -> list[str]:
    notes = []
    enough = enough_takes(tests)
    if wanted.takes < enough:
        notes.append(
            f"With {wanted.takes} takes of each no phrase can be sure, even one that changes every take, as {tests} "
            f"are tested; {enough} or more can show that."
        )
    if service.seed == "unknown":
        notes.append("Leave the seed out where the service takes none; the answers then count as unpaired.")
    notes.append(
        "What happens inside cannot be known from outside: whether the service rewrites prompts, changes its model "
        "between two requests, or masters its sound. Make all requests on one day and with one setting."
    )
    return notes


def as_csv(made: RequestPlan) -> str:
    """The requests as a table, one a line, under the names that their answers are to be saved by."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in made.requests:
        seed = "" if row.seed is None else row.seed
        writer.writerow((row.file, row.variant, row.left_out, row.prompt, seed, row.take, made.service.key))
    return buffer.getvalue()


# --- the answers ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answers:
    """The files that answer a plan, with what each was asked for."""

    files: tuple[SoundFile, ...]
    prompt: str
    service: str


def table_of(where: Path) -> Path:
    """The table of a plan: the file itself, or ``requests.csv`` of a folder.

    Raises :class:`TonescopeError` for a folder without.
    """
    if not where.is_dir():
        return where
    if not (where / TABLE).is_file():
        raise TonescopeError(
            f"{where.name or where} holds no {TABLE}, so it is not known which file answers what; put the table of "
            "tonescope plan there under that name, or name the table itself."
        )
    return where / TABLE


def read_answers(where: Path) -> Answers:
    """The rows of a plan's table (:func:`table_of`).

    Raises :class:`TonescopeError` for a table that is none of a plan.
    """
    table = table_of(where)
    rows = read_table(table)
    missing = [column for column in ("variant", "prompt") if any(not row.about.get(column) for row in rows)]
    if missing:
        raise TonescopeError(
            f"{table.name} has rows without {' and '.join(missing)}; use the table that tonescope plan makes."
        )
    wholes = sorted({row.about["prompt"] for row in rows if row.about["variant"] == WHOLE})
    if len(wholes) != 1:
        told = "no row of the whole prompt" if not wholes else "whole prompts that differ"
        raise TonescopeError(
            f"{table.name} has {told}, so there is nothing to compare with; give the rows of one prompt, those of the "
            f"whole with the variant {WHOLE}."
        )
    kinds = {row.about["variant"].partition(":")[0] for row in rows}
    if strange := sorted(kinds - {WHOLE, WHOLE_AGAIN, GENRE, WITHOUT}):
        raise TonescopeError(
            f"{table.name} has a variant “{strange[0][:40]}” that is not known; use {WHOLE}, {WHOLE_AGAIN}, "
            f"{WITHOUT}:1 and so on, and {GENRE}."
        )
    services = {row.about.get("service", "") for row in rows}
    return Answers(tuple(rows), wholes[0], services.pop() if len(services) == 1 else "")


def seed_of(row: SoundFile) -> str:
    """The seed that a file was asked for with; empty where there was none."""
    return row.about.get("seed", "").strip()
