"""A judge alone, for sound that is there already: loaded once, with the genres that it can speak of."""

from __future__ import annotations

from dataclasses import dataclass

from tonescope.diagnose.taxonomy import Taxonomy, common, from_rows
from tonescope.models import loading
from tonescope.models.judges.judge import Judge


def taxonomy_of(judge: str) -> Taxonomy:
    """The genres that a judge brings, or the common ones. Raises :class:`tonescope.models.errors.TonescopeError` for
    a name that leads nowhere."""
    rows = loading.judge_rows(judge)
    return from_rows(rows) if rows else common()


@dataclass(frozen=True)
class JudgeSession:
    """A judge, ready to listen. A :class:`.session.Session` has what it has, and a generator beside it."""

    judge: Judge
    taxonomy: Taxonomy

    @classmethod
    def open(cls, judge: str = loading.EMBEDDED, device: str = "cpu") -> JudgeSession:
        """Load it. Raises :class:`tonescope.models.errors.TonescopeError` for what is no judge."""
        loading.check_device(device)
        taxonomy = taxonomy_of(judge)
        return cls(loading.load_judge(judge, taxonomy.labels, device), taxonomy)
