"""The questions of a report, answered by DuckDB from the shards, in bounded memory however many takes there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.store.take_shards import TakeShards, database, parquet, quoted
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    import duckdb

THREADS = 2


@dataclass(frozen=True)
class Asked:
    """A prompt, the label that it asks for, and the seeds of its takes."""

    label: str
    prompt: str
    seeds: range


@dataclass(frozen=True)
class Cell:
    """The takes that asked for one label and are heard as another.

    Attributes:
        asked, heard: the labels; ``heard`` is ``None`` for those without a clear genre.
        takes: how many; ``probability``, their mean.
    """

    asked: str
    heard: str | None
    takes: int
    probability: float


@dataclass(frozen=True)
class Example:
    """One take of a cell: the first seed whose state was kept, else the first at all (``state`` is then ``None``)."""

    asked: str
    heard: str | None
    prompt: str
    seed: int
    probability: float
    state: bytes | None


@dataclass(frozen=True)
class SecondHearing:
    """Takes that asked for a label, what two judges hear in them (``None``: no clear genre), and how many they are."""

    asked: str
    heard: str | None
    second: str | None
    takes: int


class TakeTable:
    """The takes of some prompts and their seeds, of which each is counted once, wherever it was played.

    Use :func:`take_table` to open one. ``unsure_below`` is the probability below which no genre is clearly heard.
    """

    def __init__(
        self,
        opened: duckdb.DuckDBPyConnection,
        files: Sequence[Path],
        asked: Sequence[Asked],
        unsure_below: float,
    ) -> None:
        self._opened = opened
        opened.execute("CREATE TABLE asked (asked VARCHAR, prompt VARCHAR, first BIGINT, last BIGINT)")
        rows = [[row.label, row.prompt, int(row.seeds[0]), int(row.seeds[-1])] for row in asked]
        opened.executemany("INSERT INTO asked VALUES (?, ?, ?, ?)", rows)
        unsure = float(unsure_below)
        opened.execute(
            f"""
            CREATE VIEW found AS
            SELECT asked.asked, takes.* REPLACE (
                CASE WHEN problem IS NULL AND probability >= {unsure} THEN takes.heard END AS heard
            )
            FROM {parquet(files)} AS takes JOIN asked USING (prompt)
            WHERE takes.seed BETWEEN asked.first AND asked.last
            """
        )
        self._is_counted = False

    def cells(self) -> list[Cell]:
        """Takes by label asked for and label heard; takes in which nothing could be heard are not among them."""
        query = "SELECT asked, heard, count(*), avg(probability) FROM counted WHERE problem IS NULL GROUP BY ALL"
        return [Cell(*row) for row in self._all(query)]

    def problems(self) -> dict[tuple[str, str], int]:
        """How many takes of a label were left out, and why."""
        query = "SELECT asked, problem, count(*) FROM counted WHERE problem IS NOT NULL GROUP BY ALL"
        return {(asked, problem): count for asked, problem, count in self._all(query)}

    def second_hearings(self, unsure_below: float) -> list[SecondHearing]:
        """Takes by label asked for, by what the first judge hears, and by what the second does."""
        second = f"CASE WHEN second_probability >= {float(unsure_below)} THEN second END"
        where = "problem IS NULL AND second IS NOT NULL"
        rows = self._all(f"SELECT asked, heard, {second}, count(*) FROM counted WHERE {where} GROUP BY ALL")
        return [SecondHearing(*row) for row in rows]

    def count(self) -> int:
        """How many takes there are."""
        return int(self._all("SELECT count(*) FROM counted")[0][0])

    def by_prompt(self, asked: str, heard: str) -> dict[str, set[int]]:
        """The seeds of the takes of a cell, by prompt."""
        query = "SELECT prompt, list(seed) FROM counted WHERE asked = ? AND heard = ? GROUP BY prompt"
        return {prompt: set(seeds) for prompt, seeds in self._all(query, [asked, heard])}

    def examples(self, most: int) -> list[Example]:
        """One take of every cell; where there are many cells, of those with most takes, so many that came as asked and
        so many that did not."""
        query = """
            WITH placed AS (
                SELECT asked, heard, prompt, seed, probability, asked IS NOT DISTINCT FROM heard AS matched,
                    count(*) OVER (PARTITION BY asked, heard) AS takes,
                    row_number() OVER (PARTITION BY asked, heard ORDER BY NOT has_state, seed, prompt) AS place
                FROM counted WHERE problem IS NULL
            ), chosen AS (
                SELECT *, row_number() OVER (PARTITION BY matched ORDER BY takes DESC, asked, heard) AS rank
                FROM placed WHERE place = 1
            )
            SELECT chosen.asked, chosen.heard, prompt, seed, chosen.probability, any_value(found.state)
            FROM chosen JOIN found USING (prompt, seed) WHERE rank <= ? GROUP BY ALL ORDER BY chosen.asked, chosen.heard
        """
        return [Example(*row) for row in self._all(query, [most])]

    def export(self, path: Path) -> None:
        """Every take, with the label it asked for, as one Parquet file."""
        columns = "asked, prompt, seed, heard, probability, second, second_probability, problem, level_db, "
        columns += "probabilities, measures"
        rows = f"SELECT DISTINCT ON (prompt, seed) {columns} FROM found ORDER BY asked, prompt, seed"
        self._opened.execute(f"COPY ({rows}) TO {quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        if not self._is_counted:  # once for all questions; what is only exported needs none
            # Shards of two runs at once may hold a take twice; what is heard in it is the same.
            self._opened.execute(
                """
                CREATE TABLE counted AS SELECT DISTINCT ON (prompt, seed)
                asked, prompt, seed, problem, heard, probability, second, second_probability, has_state
                FROM found ORDER BY NOT has_state
                """
            )
            self._is_counted = True
        return self._opened.execute(query, list(values)).fetchall()


@contextmanager
def take_table(shards: TakeShards, asked: Sequence[Asked], unsure_below: float) -> Iterator[TakeTable]:
    """The takes of these prompts with their seeds.

    Raises:
        TonescopeError: there are none, or a shard cannot be read.
    """
    import duckdb

    files = shards.files()
    if not files:
        raise TonescopeError(f"{shards.folder} holds no takes, so there is nothing to report; run the report again.")
    try:
        with database(threads=THREADS) as opened:
            yield TakeTable(opened, files, asked, unsure_below)
    except duckdb.Error as error:
        raise TonescopeError(
            f"the takes in {shards.folder} cannot be read ({str(error).splitlines()[0][:200]}); "
            "remove that folder, and they are played again."
        ) from error
