"""Takes with what was measured in them, as columns: what an audit asks of the shards, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tonescope.diagnose.store.take_queries import SecondHearing
from tonescope.diagnose.store.take_shards import TakeShards, database, parquet, quoted
from tonescope.models.errors import TonescopeError

if TYPE_CHECKING:
    import duckdb

THREADS = 2
MOST_VECTORS = 8000  # takes whose vectors are read at once

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PromptSeeds:
    """A prompt, the seeds of the takes of it that are wanted, and what it asks for (``asked``, ``kind``)."""

    prompt: str
    seeds: range
    asked: str = ""
    kind: str = ""


@dataclass(frozen=True)
class MeasuredTakes:
    """Takes as columns, each take once, by prompt and seed.

    Attributes:
        prompt: (takes,) the place of its prompt.
        seed: (takes,).
        heard: (takes,) the place of the label that is heard; −1 where none is clear, or nothing can be heard.
        probability: (takes,) of that label.
        problem: (takes,) why nothing was heard in it; empty where something was.
        numbers: by name, (takes,) what was measured; NaN where it was not.
    """

    prompt: Ints
    seed: Ints
    heard: Ints
    probability: Floats
    problem: tuple[str, ...]
    numbers: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.seed)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(takes,) in which something can be heard."""
        return np.array([not problem for problem in self.problem], bool)


class AuditTakes:
    """The takes of some prompts in shards.

    Args:
        shards: where they are.
        wanted: the prompts with their seeds; takes are known by the place of their prompt among these.
        labels: what the judge chooses between.
        unsure_below: the probability below which no genre is clearly heard.
    """

    def __init__(
        self, shards: TakeShards, wanted: Sequence[PromptSeeds], labels: Sequence[str], unsure_below: float
    ) -> None:
        self._shards, self._wanted, self._labels = shards, list(wanted), list(labels)
        self._unsure = float(unsure_below)

    def read(self, names: Sequence[str]) -> MeasuredTakes:
        """Every take, with the numbers that are called so.

        Raises:
            TonescopeError: there are none, or a shard cannot be read.
        """
        numbers = ", ".join(f"measures[{quoted(name)}]" for name in names)
        columns = f"place, seed, heard, probability, problem{', ' + numbers if names else ''}"
        rows = self._asked(f"SELECT {columns} FROM found ORDER BY place, seed")
        places = {label: place for place, label in enumerate(self._labels)}
        heard = [-1 if row[4] or row[2] is None or row[3] < self._unsure else places[row[2]] for row in rows]
        values = np.array([[_number(value) for value in row[5:]] for row in rows], np.float64).reshape(-1, len(names))
        return MeasuredTakes(
            prompt=np.array([row[0] for row in rows], np.int64),
            seed=np.array([row[1] for row in rows], np.int64),
            heard=np.array(heard, np.int64),
            probability=np.array([_number(row[3]) for row in rows]),
            problem=tuple(row[4] or "" for row in rows),
            numbers={name: values[:, at] for at, name in enumerate(names)},
        )

    def vectors(self, name: str, *, most: int = MOST_VECTORS) -> dict[tuple[int, int], NDArray[np.float32]]:
        """The vectors of one name by (place of the prompt, seed), of so many takes at most: of every prompt alike."""
        query = (
            f"SELECT place, seed, vectors[{quoted(name)}] FROM found WHERE map_contains(vectors, {quoted(name)}) "
            f"ORDER BY row_number() OVER (PARTITION BY place ORDER BY seed), place LIMIT {int(most)}"
        )
        with self._opened() as opened:
            found = opened.execute(query).fetchnumpy()
        places, seeds, vectors = found.values()
        rows = zip(places.tolist(), seeds.tolist(), vectors, strict=True)
        return {(place, seed): np.asarray(vector, np.float32) for place, seed, vector in rows}

    def states(self, chosen: Sequence[tuple[int, int]]) -> list[tuple[str, int, bytes | None]]:
        """Prompt, seed and state of takes by (place of the prompt, seed), in their order; no state where none was
        kept."""
        values = ", ".join(f"({place}, {seed})" for place, seed in chosen)
        rows = self._asked(
            f"SELECT place, seed, state FROM found JOIN (VALUES {values}) AS w(p, s) ON place = p AND seed = s"
        )
        kept = {(place, seed): state for place, seed, state in rows}
        return [(self._wanted[place].prompt, seed, kept.get((place, seed))) for place, seed in chosen]

    def second_hearings(self, unsure_below: float) -> list[SecondHearing]:
        """Takes by label asked for (of plain prompts alone), by what the first judge hears, and by what the second
        does."""
        first = f"CASE WHEN probability >= {self._unsure} THEN heard END"
        second = f"CASE WHEN second_probability >= {float(unsure_below)} THEN second END"
        asked = "CASE WHEN kind = 'plain' THEN asked ELSE '' END"
        where = "problem IS NULL AND second IS NOT NULL"
        rows = self._asked(f"SELECT {asked}, {first}, {second}, count(*) FROM found WHERE {where} GROUP BY ALL")
        return [SecondHearing(*row) for row in rows]

    def export(self, path: Path) -> None:
        """Every take as one Parquet file, without states."""
        columns = "asked, kind, prompt, seed, heard, probability, second, second_probability, problem, level_db, "
        columns += "probabilities, measures"
        with self._opened() as opened:
            opened.execute(
                f"COPY (SELECT {columns} FROM found ORDER BY place, seed) TO {quoted(str(path))} "
                "(FORMAT parquet, COMPRESSION zstd)"
            )

    def _asked(self, query: str) -> list[Any]:
        with self._opened() as opened:
            return opened.execute(query).fetchall()

    def _opened(self) -> Any:
        return _Found(self._shards, self._wanted)


class _Found:
    """A database with the view ``found``: each wanted take once, the one with most measures."""

    def __init__(self, shards: TakeShards, wanted: Sequence[PromptSeeds]) -> None:
        self._shards, self._wanted = shards, wanted
        self._database = database(threads=THREADS)

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        files = self._shards.files()
        if not files:
            raise TonescopeError(f"{self._shards.folder} holds no takes, so there is nothing to report; run it again.")
        opened = self._database.__enter__()
        rows = [
            [at, each.prompt, each.seeds[0], each.seeds[-1], each.asked, each.kind]
            for at, each in enumerate(self._wanted)
        ]
        try:
            opened.execute(
                "CREATE TABLE wanted (place BIGINT, prompt VARCHAR, first BIGINT, last BIGINT, asked VARCHAR, "
                "kind VARCHAR)"
            )
            opened.executemany("INSERT INTO wanted VALUES (?, ?, ?, ?, ?, ?)", rows)
            opened.execute(
                f"""
                CREATE VIEW found AS
                SELECT DISTINCT ON (place, seed) place, asked, kind, takes.*
                FROM {parquet(files)} AS takes JOIN wanted USING (prompt)
                WHERE seed BETWEEN first AND last
                ORDER BY place, seed, cardinality(measures) DESC, NOT has_state
                """
            )
        except duckdb.Error as error:
            self._database.__exit__(None, None, None)
            raise self._unreadable(error) from error
        return opened

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        import duckdb

        self._database.__exit__(None, None, None)
        if isinstance(error, duckdb.Error):
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> TonescopeError:
        return TonescopeError(
            f"the takes in {self._shards.folder} cannot be read ({str(error).splitlines()[0][:200]}); "
            "remove that folder, and they are played again."
        )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
