"""The command line. Heavy imports happen inside commands, so that help is instant."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tonescope.ui.console import errors, plain_errors, progress_shown

if TYPE_CHECKING:
    from tonescope.diagnose.judging.verdict import Verdict

app = typer.Typer(
    name="tonescope",
    help="Why did the music generator not play what the prompt asked for? Tonescope listens, finds the words, seconds and neurons that drove it, and proves it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
TRACED_UNITS = 64  # at each location and take, frame by frame

Model = Annotated[
    str, typer.Option("--model", "-m", metavar="embedded|HUB_ID|FOLDER", help="The generator to diagnose.")
]
JudgeName = Annotated[
    str | None,
    typer.Option(
        "--judge",
        metavar="embedded|HUB_ID|FOLDER",
        help="The CLAP model that listens. [default: the embedded one for the embedded generator, else laion/larger_clap_music]",
    ),
]
Device = Annotated[str, typer.Option(help="Where to run: cpu, cuda, cuda:1, mps.")]
Dtype = Annotated[str, typer.Option("--dtype", help="Precision of the generator: float32, float16, bfloat16.")]
Adapter = Annotated[
    str | None,
    typer.Option(
        "--adapter", metavar="HUB_ID|FOLDER", help="A PEFT (LoRA) adapter of a fine-tune, put on top of the model."
    ),
]
Memory = Annotated[
    float | None,
    typer.Option("--memory", metavar="GIB", help="Use at most so much more memory. [default: 70 % of what is free]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as installed

        print(installed("tonescope"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command()
def diagnose(
    prompt: Annotated[str, typer.Argument(help="What you would type into the music generator.")],
    model: Model = "embedded",
    judge: JudgeName = None,
    takes: Annotated[int, typer.Option(help="How many times to generate; more takes, narrower intervals.")] = 4,
    seconds: Annotated[float, typer.Option(help="Length of each take.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Seed of the first take; the others count up from it.")] = 1,
    guidance: Annotated[float, typer.Option(help="How strongly the text steers (classifier-free guidance).")] = 3.0,
    temperature: Annotated[float, typer.Option(help="Sampling temperature.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Sample from the k likeliest codes; 0 means all.")] = 250,
    foil: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="LABEL", help="Explain what is heard against this genre instead of the one asked for."
        ),
    ] = None,
    intended: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The genre you meant, if the prompt does not name it.")
    ] = None,
    known: Annotated[
        str | None,  # an empty one is refused, where a path would be the current folder
        typer.Option(
            metavar="FOLDER",
            help="Clips that truly are of the genre asked for: tells the mishearing of codec and judge from the generator's drift.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write sound, trace, JSON and an HTML report here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
    as_json: AsJson = False,
    timings: Annotated[bool, typer.Option("--timings", help="Show where the time went.")] = False,
    share: Annotated[
        float, typer.Option(metavar="SHARE", help="Mute together up to so large a share of the neurons and heads.")
    ] = 0.01,
    rounds: Annotated[
        int, typer.Option(help="Choose those units in so many rounds, each where those chosen before are muted.")
    ] = 6,
    careful: Annotated[
        bool,
        typer.Option(
            "--careful",
            help="Estimate units by gradients over more listens, which follow changed codes one step on; takes longer.",
        ),
    ] = False,
    refine: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Estimate the N strongest neurons, and heads, more closely, each by a second gradient; takes much longer.",
        ),
    ] = 0,
    dose: Annotated[
        list[float] | None,
        typer.Option(help="Also play the group at so much of its strength; repeat for more. [default: 0, 0.5, 2]"),
    ] = None,
    test_units: Annotated[int, typer.Option(help="Verify so many of the strongest units one by one.")] = 1,
    test_words: Annotated[int, typer.Option(help="Verify so many words by leaving them out, the strongest first.")] = 3,
    memory: Memory = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
) -> None:
    """Generate, listen, and explain: what is heard, which words and units drove it, and what muting them does."""
    import time

    started = time.perf_counter()
    with plain_errors():
        from tonescope.diagnose.settings import Settings, check
        from tonescope.models.errors import TonescopeError

        settings = Settings(
            takes=takes,
            seconds=seconds,
            seed=seed,
            guidance=guidance,
            temperature=temperature,
            top_k=top_k,
            foil=foil,
            strongest_share=share,
            rounds=rounds,
            careful=careful,
            two_point_units=refine,
            doses=tuple(dose) if dose else Settings.model_fields["doses"].default,
            tested_units=test_units,
            tested_words=test_words,
            memory_gib=memory,
        )
        check(prompt, settings)
        from tonescope.diagnose.report.whole_folder import check_folder

        if out is not None:
            check_folder(out, overwrite)
        from tonescope.diagnose.judging.reference_clips import read_clips
        from tonescope.diagnose.runtime.session import Session
        from tonescope.diagnose.store.traces import TraceSpec

        clips = read_clips(known, seconds=seconds) if known is not None else []
        with progress_shown(as_json) as (progress, above):
            session = Session.open(model, judge, device, dtype, adapter)
            loaded = time.perf_counter() - started
            keep = TraceSpec("all", top=TRACED_UNITS) if out is not None else None

            verdict_after = 0.0

            def announce(verdict: Verdict) -> None:
                nonlocal verdict_after
                verdict_after = time.perf_counter() - started
                if as_json:
                    return
                from tonescope.diagnose.report import diagnosis_views
                from tonescope.ui.terminal import show_views

                above(show_views, [diagnosis_views.verdict(prompt, verdict)])

            result, evidence = session.diagnose(
                prompt, settings, intended=intended, clips=clips, trace=keep, progress=progress, announce=announce
            )
        result.timings = {"import and load models": round(loaded, 3), **result.timings}
        refused = None
        from tonescope.diagnose.report import diagnosis_views

        views = diagnosis_views.views(result, evidence)
        if out is not None:
            from tonescope.diagnose.report.output_folder import write
            from tonescope.diagnose.report.sounds import Sounds

            begun = time.perf_counter()
            try:
                result = write(out, "diagnosis", result, evidence, views, Sounds(session.generator))
            except TonescopeError as error:
                refused = error  # what was found is still worth showing
            result.timings["write"] = round(time.perf_counter() - begun, 3)
        result.timings |= {
            "until the verdict": round(verdict_after, 3),
            "in all": round(time.perf_counter() - started, 3),
        }
        if as_json:
            sys.stdout.write(result.model_dump_json(indent=2) + "\n")
        else:
            from tonescope.ui.terminal import show_views, show_written

            show_views([view for view in views if view.key != "verdict"])
            if timings:
                show_views([diagnosis_views.timings(result)], numbers=True)
            if out is not None and refused is None:
                show_written(out)
        if refused:
            raise refused


@app.command()
def edit(
    prompt: Annotated[str, typer.Argument(help="What to play.")],
    where: Annotated[
        list[str],
        typer.Argument(
            metavar="WHERE...", help="Units (decoder.3.mlp:117), locations (decoder.3.mlp) or sites (decoder.mlp)."
        ),
    ],
    kind: Annotated[
        str, typer.Option(help="What becomes of them: mean (muted), zero, scale, set, patch, resample.")
    ] = "mean",
    value: Annotated[float | None, typer.Option(help="The factor to scale by, or the value to set.")] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", "--donor", metavar="PROMPT", help="Patch in what this prompt makes of them, on the same noise."
        ),
    ] = None,
    between: Annotated[
        tuple[float, float] | None, typer.Option(metavar="START END", help="Only in these seconds.")
    ] = None,
    branch: Annotated[str, typer.Option(help="Half of guidance to edit: both, cond (prompted), uncond.")] = "both",
    strength: Annotated[float, typer.Option("--strength", "--amount", help="How far to go; 1 is all the way.")] = 1.0,
    model: Model = "embedded",
    judge: JudgeName = None,
    takes: Annotated[int, typer.Option(help="How many fresh takes to edit.")] = 8,
    seconds: Annotated[float, typer.Option(help="Length of each take.")] = 4.0,
    seed: Annotated[int, typer.Option(help="As in diagnose: the edited takes are those that it tests in.")] = 1,
    guidance: Annotated[float, typer.Option(help="How strongly the text steers (classifier-free guidance).")] = 3.0,
    foil: Annotated[
        str | None, typer.Option("--against", metavar="LABEL", help="Measure what is heard against this genre.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write sound, JSON and a page here.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
    as_json: AsJson = False,
    memory: Memory = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
) -> None:
    """Change units of your choice and hear what becomes of it, beside random units changed alike."""
    with plain_errors():
        from tonescope.diagnose.intervene.interventions import Edit
        from tonescope.diagnose.settings import Settings, check
        from tonescope.models.errors import TonescopeError

        settings = Settings(takes=takes, seconds=seconds, seed=seed, guidance=guidance, foil=foil, memory_gib=memory)
        check(prompt, settings)
        if (value is None) == (kind in ("scale", "set")):
            told = "needs a value" if value is None else "takes no value"
            raise TonescopeError(f"an edit of the kind {kind[:20]} {told}; --value goes with scale and set.")
        from tonescope.diagnose.report.whole_folder import check_folder

        if out is not None:
            check_folder(out, overwrite)
        from tonescope.diagnose.jobs.experiment import targets
        from tonescope.diagnose.runtime.session import Session

        with progress_shown(as_json) as (progress, _):
            session = Session.open(model, judge, device, dtype, adapter)
            asked: dict[str, Any] = dict(
                kind=kind, value=value or 0.0, seconds=between, branch=branch, strength=strength
            )
            wanted = Edit(targets(session.generator, where), **asked)
            result, played = session.experiment(prompt, wanted, settings, source=source, progress=progress)
        refused = None
        from tonescope.diagnose.report import experiment_views

        views = experiment_views.views(result, played)
        if out is not None:
            from tonescope.diagnose.report.output_folder import write
            from tonescope.diagnose.report.sounds import Sounds

            try:
                result = write(out, "experiment", result, played, views, Sounds(session.generator))
            except TonescopeError as error:
                refused = error  # what was found is still worth showing
        if as_json:
            sys.stdout.write(result.model_dump_json(indent=2) + "\n")
        else:
            from tonescope.ui.terminal import show_views, show_written

            show_views(views)
            if out is not None and refused is None:
                show_written(out)
        if refused:
            raise refused


@app.command()
def ui(
    model: Model = "embedded",
    judge: JudgeName = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    memory: Memory = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open the page: type a prompt, listen, look."""
    with plain_errors():
        errors.print("[dim]Loading models…[/]")
        from tonescope.diagnose.runtime.session import Session
        from tonescope.diagnose.settings import check_memory
        from tonescope.ui.app import check_address, launch

        check_memory(memory)
        check_address(host, port)
        launch(Session.open(model, judge, device, dtype, adapter), host, port, open_browser, memory_gib=memory)


@app.command()
def units(
    pattern: Annotated[
        str, typer.Argument(metavar="[WHERE]", help="A site (decoder.mlp), a location (decoder.3.mlp) or a unit.")
    ] = "",
    model: Model = "embedded",
    adapter: Adapter = None,
    as_json: AsJson = False,
) -> None:
    """List every place the microscope can point at in a model, with the number of units there."""
    with plain_errors():
        from tonescope.models.loading import load_generator
        from tonescope.ui.inventory import as_rows, show_sites

        with progress_shown(as_json) as (progress, _):
            generator = load_generator(model, adapter=adapter)
            if progress:
                progress("count units", 0.9)
            rows = as_rows(generator, pattern)
    if as_json:
        import json

        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    show_sites(generator.name, rows)


@app.command()
def schema(
    of: Annotated[str, typer.Argument(metavar="[diagnose|edit]", help="Which command's JSON.")] = "diagnose",
) -> None:
    """Print the JSON Schema of what `diagnose --json` or `edit --json` prints."""
    import json

    with plain_errors():
        from tonescope.diagnose.jobs.experiment import Experiment
        from tonescope.diagnose.schema import Diagnosis
        from tonescope.models.errors import TonescopeError

        known: dict[str, Any] = {"diagnose": Diagnosis, "edit": Experiment}
        if of not in known:
            raise TonescopeError(f"“{of[:40]}” has no schema; ask for {' or '.join(known)}.")
    sys.stdout.write(json.dumps(known[of].model_json_schema(mode="serialization"), indent=2) + "\n")


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows another one
    return app(arguments)
