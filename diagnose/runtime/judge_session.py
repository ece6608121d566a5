"""A judge alone, for sound that is there already: loaded once, with the genres that it can speak of."""

from __future__ import annotations

from dataclasses import dataclass

from tonescope.diagnose.calibrating.calibration_store import AUTO, calibrate
from tonescope.diagnose.label_set_files import COMMON, LabelSet, open_label_set
from tonescope.diagnose.taxonomy import Taxonomy, from_rows
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.labelling import check_labels
from tonescope.models.judges.two_towers import TwoTowers


@dataclass(frozen=True)
class JudgeSpec:
    """How a judge is opened.

    Attributes:
        name: ``embedded``, a folder, a file or a Hub id.
        labels: the label set that it chooses between, built in or a file; its own where it brings some, else the
            common genres, if absent.
        calibration: a file, ``auto`` for the one that is kept for this very judge, or ``none``.
    """

    name: str = loading.EMBEDDED
    labels: str | None = None
    calibration: str = AUTO

    def check(self) -> None:
        """Refuse a label set that makes no sense, before anything is loaded. Raises :class:`TonescopeError`."""
        if self.labels is not None:
            open_label_set(self.labels)

    def open(self, device: str = "cpu", instead: LabelSet | None = None) -> tuple[Judge, Taxonomy]:
        """The judge and its genres.

        Args:
            instead: what it chooses between where it brings no labels and none are named.

        Raises:
            TonescopeError: it is no judge, or cannot be asked so.
        """
        own = loading.judge_rows(self.name)
        if own and self.labels is None:
            taxonomy = from_rows(own)
            judge = loading.load_judge(self.name, taxonomy.labels, device)
        else:
            asked = open_label_set(self.labels or COMMON) if self.labels or instead is None else instead
            taxonomy = asked.taxonomy
            judge = loading.load_judge(self.name, taxonomy.labels, device)
            _ask(judge, asked)
        calibrate(judge, self.calibration, loading.find(self.name, "judge"))
        if isinstance(judge, TwoTowers):
            judge.opened_with = self._options()
        return judge, taxonomy

    def _options(self) -> dict[str, str]:
        """What is not as usual."""
        labels = {} if self.labels is None else {"labels": self.labels}
        return labels if self.calibration == AUTO else {**labels, "calibration": self.calibration}


def _ask(judge: Judge, asked: LabelSet) -> None:
    """Let a judge choose between labels, in the words of their set. Raises :class:`TonescopeError` for one that cannot
    be asked anything."""
    if isinstance(judge, TwoTowers):
        judge.choose_between(asked.taxonomy.labels, asked.templates)
        check_labels(judge, judge.width)
    elif judge.labels != asked.taxonomy.labels:
        raise TonescopeError(
            f"{judge.name} ({judge.description}) reads no text, so it chooses between its own labels alone; leave "
            "--labels out."
        )


def open_second(name: str, first: Judge, taxonomy: Taxonomy, device: str = "cpu") -> Judge:
    """Another judge, to compare: with its own labels, or those of the first where it brings none.

    Raises :class:`TonescopeError` for what is no judge, and where the two have no genre in common.
    """
    same = LabelSet(first.name, "the labels of the first judge", taxonomy, open_label_set(COMMON).templates)
    second, _ = JudgeSpec(name).open(device, same)
    if not set(second.labels) & set(first.labels):
        raise TonescopeError(
            f"{second.name} and {first.name} have no genre in common, so they cannot be compared; name another second "
            "judge."
        )
    return second


@dataclass(frozen=True)
class JudgeSession:
    """A judge, ready to listen. A :class:`.session.Session` has what it has, and a generator beside it."""

    judge: Judge
    taxonomy: Taxonomy

    @classmethod
    def open(
        cls, judge: str = loading.EMBEDDED, device: str = "cpu", *, labels: str | None = None, calibration: str = AUTO
    ) -> JudgeSession:
        """Load it: see :class:`JudgeSpec`. Raises :class:`tonescope.models.errors.TonescopeError` for what is no
        judge."""
        loading.check_device(device)
        spec = JudgeSpec(judge, labels, calibration)
        spec.check()
        return cls(*spec.open(device))
