"""How far the judges of a listening agree, file by file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tonescope.diagnose.elsewhere.listen_schema import FileResult
from tonescope.diagnose.judging.judge_agreement import Agreement, judge_agreement


def agreement(files: Sequence[FileResult]) -> Agreement | None:
    """That of the first two judges; ``None`` where only one listened."""
    heard = [(file.name, *(each.heard for each in file.heard.judged[:2])) for file in files]
    pairs = [(row[0], row[1], row[2]) for row in heard if len(row) > 2]
    if not pairs:
        return None
    first, second = (each.judge for each in files[0].heard.judged[:2])
    counts = Counter((one, other) for _, one, other in pairs)
    return judge_agreement((first, second), counts, "file", [pair for pair in pairs if pair[1] != pair[2]])
