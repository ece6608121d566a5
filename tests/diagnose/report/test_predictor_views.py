from tests.diagnose.repair.word_states import predictor, session
from tonescope.diagnose.repair.measure_predictor import PredictorReport
from tonescope.diagnose.report.opened_models import options_of
from tonescope.diagnose.report.predictor_views import views
from tonescope.diagnose.report.view import Command


def test_the_line_that_uses_a_predictor_opens_the_models_it_was_made_for() -> None:
    made = session()
    options = options_of(made.generator, made.judge)
    assert "--model" in options  # not the one that is opened where none is named
    report = PredictorReport(
        model=made.generator.name,
        judge=made.judge.name,
        record=predictor().record,
        heard={"house": 3},
        folder="somewhere",
        opened_with=options,
    )
    (line,) = [one.line for view in views(report) for one in view.commands if isinstance(one, Command)]
    assert line == " ".join(['tonescope lint "your prompt"', *options])
