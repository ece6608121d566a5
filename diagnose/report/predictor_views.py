"""A predictor that was made, as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.report.view import Command, Table, View

if TYPE_CHECKING:
    from tonescope.diagnose.repair.measure_predictor import PredictorReport


def views(report: PredictorReport) -> list[View]:
    """How well it predicts, what it was fitted on, where it is."""
    record = report.record
    rows = tuple((label, str(count)) for label, count in report.heard.items())
    made = (
        f"{record.takes:,} takes of {record.prompts} prompts, {record.seconds:g} s each at guidance "
        f"{record.guidance:g}, played by {report.model} and heard by {report.judge}."
    )
    loss = (
        f"A held-out take costs {record.log_loss:.2f} nats, {record.base_log_loss:.2f} by the shares of genres alone; "
        f"logits are divided by {record.temperature:.2f}."
    )
    use = " ".join(['tonescope lint "your prompt"', *report.opened_with])
    heard = Table(("heard as", "prompts"), rows)
    return [
        View("record", f"What {report.model} will play", [(record.sentence, "observed")], depth="first", tone="open"),
        View("heard", "What was heard", [(made, "observed"), (record.holds_for, None)], [heard]),
        View("fit", "How it was fitted", [(loss, None), (f"It is kept in {report.folder}.", None)], depth="numbers"),
        View("next", "What to do next", commands=[Command("Use it", use)], depth="first"),
    ]
