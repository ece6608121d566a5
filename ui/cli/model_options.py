"""The options that name models and where they run: one object for every command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tonescope.models.errors import TonescopeError
from tonescope.ui.cli.given import check_given

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.judge_session import JudgeSession
    from tonescope.diagnose.runtime.session import Session

PANEL = "Models"
Model = Annotated[
    str,
    typer.Option("--model", "-m", metavar="embedded|HUB_ID|FOLDER", help="The generator.", rich_help_panel=PANEL),
]
Judge = Annotated[
    str | None,
    typer.Option(
        "--judge",
        metavar="embedded|HUB_ID|FOLDER|FILE.pt",
        help="The CLAP or PE-Audio model that listens (default: the embedded one for the embedded generator, "
        "else laion/larger_clap_music).",
        rich_help_panel=PANEL,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="common|broad|FILE.toml",
        help="What the judge chooses between (default: its own labels where it brings some, else common).",
        rich_help_panel=PANEL,
    ),
]
Calibration = Annotated[
    str,
    typer.Option(
        "--calibration",
        metavar="auto|none|FILE",
        help="How the judge is calibrated: by what tonescope judge calibrate kept for it, not at all, or by a file.",
        rich_help_panel=PANEL,
    ),
]
Device = Annotated[str, typer.Option("--device", help="Where to run: cpu, cuda, cuda:1, mps.", rich_help_panel=PANEL)]
Dtype = Annotated[
    str,
    typer.Option("--dtype", help="Precision of the generator: float32, float16, bfloat16.", rich_help_panel=PANEL),
]
Adapter = Annotated[
    str | None,
    typer.Option(
        "--adapter",
        metavar="HUB_ID|FOLDER",
        help="A PEFT (LoRA) adapter of a fine-tune, put on top of the model.",
        rich_help_panel=PANEL,
    ),
]
DenoisingSteps = Annotated[
    int | None,
    typer.Option(
        "--denoising-steps",
        metavar="N",
        help="In how many steps a diffusion model plays (default: as its pipeline has it).",
        rich_help_panel=PANEL,
    ),
]
Shift = Annotated[
    float | None,
    typer.Option(
        "--shift",
        metavar="X",
        help="How far the denoising steps of an ACE-Step are shifted to much noise (default: as its checkpoint is made "
        "for).",
        rich_help_panel=PANEL,
    ),
]
Steer = Annotated[
    str | None,
    typer.Option(
        "--steer",
        metavar="FILE",
        help="Play steered, as a file of tonescope suggest --steering says: some units multiplied, all the time.",
        rich_help_panel=PANEL,
    ),
]
MOST_STEPS = 1_000
LEAST_SHIFT, MOST_SHIFT = 0.1, 100


@dataclass(frozen=True)
class ModelOptions:
    """Which models are looked at, and where they run.

    Raises :class:`tonescope.models.errors.TonescopeError` for a blank name, and for steps that nothing denoises in.
    """

    model: Model = "embedded"
    judge: Judge = None
    device: Device = "cpu"
    dtype: Dtype = "float32"
    adapter: Adapter = None
    denoising_steps: DenoisingSteps = None
    shift: Shift = None
    labels: Labels = None
    calibration: Calibration = "auto"
    steer: Steer = None

    def __post_init__(self) -> None:
        check_given(vars(self))
        if self.shift is not None and not LEAST_SHIFT <= self.shift <= MOST_SHIFT:
            raise TonescopeError(
                f"nothing can be denoised with a shift of {self.shift:g}; ask for {LEAST_SHIFT} to {MOST_SHIFT} (1 is "
                "none, 3 is usual for a turbo)."
            )
        if self.denoising_steps is not None and not 1 <= self.denoising_steps <= MOST_STEPS:
            raise TonescopeError(
                f"nothing can be denoised in {self.denoising_steps} steps; ask for 1 to {MOST_STEPS} (100 is usual)."
            )

    def check_places(self, names: Sequence[str]) -> None:
        """Refuse places that the generator has not, as far as its files tell. Nothing heavy is imported."""
        if names:
            from tonescope.models.loading import check_places

            check_places(names, self.model, self.adapter)

    def open(self) -> Session:
        """A session on them."""
        from tonescope.diagnose.runtime.session import Session

        session = Session.open(
            self.model,
            self.judge,
            self.device,
            self.dtype,
            self.adapter,
            labels=self.labels,
            calibration=self.calibration,
        )
        if self.denoising_steps is not None:
            session.denoise_in(self.denoising_steps)
        if self.shift is not None:
            session.shift_by(self.shift)
        if self.steer is not None:
            session.steer(Path(self.steer).expanduser())
        return session


OnlyJudge = Annotated[
    str,
    typer.Option(
        "--judge",
        metavar="embedded|HUB_ID|FOLDER",
        help="The model that listens, such as laion/larger_clap_music for music at large.",
        rich_help_panel=PANEL,
    ),
]


@dataclass(frozen=True)
class BareJudgeOptions:
    """Which judge listens, as it was made to, and where.

    Raises :class:`TonescopeError` for a blank name.
    """

    judge: OnlyJudge = "embedded"
    device: Device = "cpu"
    labels: Labels = None

    def __post_init__(self) -> None:
        check_given(vars(self))

    def check_places(self, names: Sequence[str]) -> None:
        """A judge has no places."""

    def open(self) -> JudgeSession:
        """A session on it."""
        return self._opened("none")

    def _opened(self, calibration: str) -> JudgeSession:
        from tonescope.diagnose.runtime.judge_session import JudgeSession

        return JudgeSession.open(self.judge, self.device, labels=self.labels, calibration=calibration)


@dataclass(frozen=True)
class JudgeOptions(BareJudgeOptions):
    """Who listens to sound that is there already, and how it is calibrated."""

    calibration: Calibration = "auto"

    def open(self) -> JudgeSession:
        """A session on it."""
        return self._opened(self.calibration)


@dataclass(frozen=True)
class NoModels:
    """For what needs no model."""

    def check_places(self, names: Sequence[str]) -> None:
        """There are none."""

    def open(self) -> None:
        """Nothing."""


AnyModels = ModelOptions | BareJudgeOptions | NoModels
OPTIONS: dict[str, type[AnyModels]] = {
    "models": ModelOptions,
    "judge": JudgeOptions,
    "bare judge": BareJudgeOptions,
    "nothing": NoModels,
}
