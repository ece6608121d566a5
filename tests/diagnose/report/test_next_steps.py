"""What to try next: lines that a shell reads as they are meant, and that the command line takes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.diagnose.report import made_up
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.report import pasteable
from tonescope.diagnose.report.next_steps import LONGEST_LINE, next_steps, to_hear
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.stats import share

ODD = (
    "lo-fi beats",
    'say "hi" $HOME `ls` \\ !x',
    "it's",
    "-q",
    "line\nbreak\ttab",
    "\x1b[31m \u202e",
    "it's\n\\",
    "ジャズ 🎷",
    "*",
    "",
)


def lines(found: Diagnosis) -> list[str]:
    return [step.line for step in next_steps(found)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("text", ODD)
def test_a_shell_reads_what_is_quoted_as_it_was(text: str) -> None:
    word = pasteable.prompt_word(text)
    assert word.isprintable()
    run = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert run.stdout.decode() == text


def test_a_drift_by_a_word_leads_to_the_prompt_that_was_played_right() -> None:
    step = next_steps(made_up.whole_location())[0]
    assert step.line == 'tonescope diagnose "lo-fi beats"'
    assert step.told == "Without “accordion”, 2 of 4 takes are lo-fi hip hop, as asked (with it, 0):"


def test_where_the_better_prompt_is_right_in_half_of_the_takes_another_is_looked_for() -> None:
    found = made_up.whole_location()
    assert lines(found)[1] == 'tonescope suggest "lo-fi beats with accordion"'
    row = next(row for row in found.drivers.words if row.verified)
    assert row.verified is not None
    always = row.verified.model_copy(update={"heard": {"lo-fi hip hop": 4}})
    words = [row.model_copy(update={"verified": always})]
    found = found.model_copy(update={"drivers": found.drivers.model_copy(update={"words": words})})
    assert lines(found)[1].startswith("tonescope edit")


def test_a_drift_that_no_word_turns_back_leads_to_a_search_for_a_prompt_and_to_an_edit_of_the_units() -> None:
    assert lines(made_up.single_unit()) == [
        'tonescope suggest "lo-fi beats with accordion"',
        'tonescope edit "lo-fi beats with accordion" decoder.4.mlp:577',
    ]


def test_case_what_is_unclear_and_never_as_asked_leads_first_to_the_prompt_that_was_played_right() -> None:
    found = made_up.whole_location()
    never = found.verdict.model_copy(update={"kind": "unclear", "matched": share(0, 4)})
    steps = lines(found.model_copy(update={"verdict": never}))
    assert steps == ['tonescope diagnose "lo-fi beats"', steps[1]] and steps[1].endswith("--takes 8")
    for matched in (share(2, 4), share(0, 2)):  # heard as asked, too; too few to say so
        some = never.model_copy(update={"matched": matched})
        assert lines(found.model_copy(update={"verdict": some}))[0].endswith("--takes 8")


def test_what_is_unclear_leads_to_more_takes() -> None:
    for made in (made_up.no_small_set, made_up.sound_broke, made_up.one_take):
        assert lines(made())[-1] == 'tonescope diagnose "lo-fi beats with accordion" --takes 8'


def test_a_prompt_without_a_genre_leads_to_saying_what_was_meant() -> None:
    assert lines(made_up.open_prompt())[0] == 'tonescope diagnose "a song" --intended polka'
    lacking = Intent(label=None, how="lacking", confidence=0.0, named="klezmer", relatives=["swing jazz", "polka"])
    found = made_up.open_prompt().model_copy(update={"intended": lacking})
    assert lines(found)[0] == 'tonescope diagnose "a song" --intended "swing jazz"'


def test_a_quick_diagnosis_says_how_units_are_looked_for() -> None:
    assert lines(made_up.quick())[-1] == 'tonescope diagnose "lo-fi beats with accordion"'


def test_a_judge_of_another_sound_world_leads_to_one_that_knows_recordings() -> None:
    found = made_up.no_small_set()
    model = found.model.model_copy(update={"name": "facebook/musicgen-small"})
    first = lines(found.model_copy(update={"model": model}))[0]
    assert first.endswith("--model facebook/musicgen-small")  # whose usual judge that is


def test_models_and_settings_that_are_not_as_usual_are_written() -> None:
    found = made_up.no_small_set()
    model = {"name": "my folder + my-lora", "device": "cuda:0", "dtype": "bfloat16"}
    settings = Settings(takes=8, seconds=2.5, guidance=3.5, foil="house", doses=(0.5, 2.0), careful=True)
    intended = Intent(label="techno", how="chosen", confidence=1.0)
    about = {"model": found.model.model_copy(update=model), "settings": settings, "intended": intended}
    line = pasteable.diagnose(found.model_copy(update=about))
    assert shlex.split(line) == [
        *("tonescope", "diagnose", found.prompt, "--model", "my folder", "--adapter", "my-lora"),
        *("--judge", "embedded", "--device", "cuda:0", "--dtype", "bfloat16", "--takes", "8", "--seconds", "2.5"),
        *("--guidance", "3.5", "--against", "house", "--careful", "--dose", "0.5", "--dose", "2"),
        *("--intended", "techno"),
    ]


def test_what_was_asked_is_named_where_another_prompt_does_not_say_it() -> None:
    found = made_up.whole_location()
    assert pasteable.diagnose(found, "accordion").endswith('"accordion" --intended "lo-fi hip hop"')
    assert "--intended" not in pasteable.diagnose(found, made_up.ASKED)


def test_a_prompt_like_an_option_stands_behind_two_dashes() -> None:
    found = made_up.no_small_set().model_copy(update={"prompt": "-q"})
    assert pasteable.diagnose(found, takes=8) == 'tonescope diagnose --takes 8 -- "-q"'


@pytest.mark.parametrize("made", made_up.ALL, ids=lambda made: made.__name__)
def test_every_diagnosis_has_a_next_step_and_a_way_to_hear_it(made: Callable[[], Diagnosis]) -> None:
    found = made()
    steps = [*next_steps(found), to_hear(found)]
    assert 2 <= len(steps) <= 3
    for step in steps:
        assert len(step.line) <= LONGEST_LINE and step.told.endswith(":" if step.line else ".")
        if step.line:
            assert shlex.split(step.line)[0] == "tonescope"


def test_a_generator_that_is_shipped_has_the_embedded_judge_unnamed() -> None:
    found = made_up.single_unit()
    for name, line in (("embedded-flow", " --model embedded-flow"), ("my-model", " --model my-model --judge embedded")):
        other = found.model_copy(update={"model": found.model.model_copy(update={"name": name})})
        assert pasteable.diagnose(other).partition('"lo-fi beats with accordion"')[2].startswith(line)


def test_case_a_steered_model_is_no_adapter() -> None:
    found = made_up.single_unit()
    for name, line in (
        ("embedded + steering", " --steer steering.json"),
        ("my-model + my-lora + steering", " --model my-model --adapter my-lora --steer steering.json"),
    ):
        steered = found.model_copy(update={"model": found.model.model_copy(update={"name": name})})
        assert line in pasteable.diagnose(steered) and "--adapter steering" not in pasteable.diagnose(steered)
