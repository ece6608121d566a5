"""How a judge is asked, and how often it is wrong."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_TEMPLATE = "This audio is a {} song."


@dataclass(frozen=True)
class MeaningRecord:
    """How often a genre was read rightly from prompts that name none.

    Attributes:
        read: for how many prompts the judge was sure enough to read one.
        right: for how many of those it was the genre meant.
        scenes: how many prompts meant no genre, and ``scenes_read``, in how many of those one was read.
    """

    read: int
    right: int
    scenes: int
    scenes_read: int


@dataclass(frozen=True)
class Calibration:
    """How the labels of a judge with a text tower are worded, and how its logits become probabilities.

    Attributes:
        templates: sentences around a label; the embedding of a label is the mean over them (Radford et al. 2021).
        temperature: divides the logits, so that probabilities are true on average (Guo et al. 2017).
        bias: subtracted from each label's logit; empty for none.
        meaning_threshold: how probable a genre has to be for a prompt that names none to be read as asking for it.
        meaning_record: how often that was right; ``None`` where it was not measured.
    """

    templates: tuple[str, ...] = (DEFAULT_TEMPLATE,)
    temperature: float = 1.0
    bias: tuple[float, ...] = ()
    meaning_threshold: float = 0.8
    meaning_record: MeaningRecord | None = None


@dataclass(frozen=True)
class ConfusionRecord:
    """How often a judge heard clips of known genre as what: ``table[i][j]`` counts clips of label i heard as label j.

    Attributes:
        labels: the rows and columns of the tables.
        clean: the table for the clips as they are.
        reconstructed: the table for the clips after a generator's codec; empty where that was not measured.
        calibration_error: expected calibration error of the probabilities, 0 to 1.
        source: which clips these were; empty for those that the judge was made with.
        through: the generator whose codec they passed; empty where that is not known.
        unclear: clips in which no label was clearly heard, which are in no table.
        threshold: how probable a label has to be to count as clearly heard, where that was measured.
    """

    labels: tuple[str, ...]
    clean: tuple[tuple[int, ...], ...]
    reconstructed: tuple[tuple[int, ...], ...]
    calibration_error: float
    source: str = ""
    through: str = ""
    unclear: int = 0
    threshold: float | None = None

    @property
    def counts(self) -> tuple[tuple[int, ...], ...]:
        """The table for what a generator's codec leaves of clips; for the clips as they are, where that is unknown."""
        return self.reconstructed or self.clean

    @property
    def clips(self) -> int:
        """How many clips there were."""
        return sum(map(sum, self.counts)) + self.unclear

    def heard_as(self, label: str, heard: str) -> tuple[int, int] | None:
        """Count and total of clips of a label that were heard as another; ``None`` where not measured."""
        if label not in self.labels or heard not in self.labels:
            return None
        row = self.counts[self.labels.index(label)]
        return (row[self.labels.index(heard)], sum(row)) if any(row) else None

    def misses(self, label: str) -> tuple[int, int] | None:
        """Count and total of clips of a label heard as anything else; ``None`` where not measured."""
        right = self.heard_as(label, label)
        return right and (right[1] - right[0], right[1])
