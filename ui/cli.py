"""The command line. Heavy imports happen inside commands, so that help is instant."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from ..diagnose.genre import Verdict

app = typer.Typer(
    name="tonescope",
    help="Why did the music generator not play what the prompt asked for? Tonescope listens, finds the words, seconds and neurons that drove it, and proves it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
OUT_OF_MEMORY = "the machine ran out of memory; bound it with --memory, or ask for fewer takes or seconds."
TRACED_UNITS = 64  # at each location and take, frame by frame
_errors = Console(stderr=True, highlight=False)

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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def _fail(message: str) -> NoReturn:
    _errors.print(f"[bold red]error:[/] {message}", markup=True, soft_wrap=True)
    raise typer.Exit(2)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Turn what a user can mend into one sentence and exit code 2."""
    from rich.markup import escape

    from ..models.errors import TonescopeError

    try:
        yield
    except TonescopeError as error:
        _fail(escape(str(error)))
    except KeyboardInterrupt:
        _fail("stopped by Ctrl-C; nothing was written, run the same command to start again.")
    except MemoryError:
        _fail(OUT_OF_MEMORY)
    except RuntimeError as error:
        if not any(
            hint in str(error).lower() for hint in ("out of memory", "can't allocate memory", "not enough memory")
        ):
            raise
        _fail(OUT_OF_MEMORY)


@contextmanager
def _progress(quiet: bool) -> Iterator[tuple[Callable[[str, float], None] | None, Callable[..., None]]]:
    """What to tell progress to (nothing, where no one looks), and a way to print something above the bar."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    def plainly(show: Callable[..., None], *arguments: Any) -> None:
        show(*arguments)

    if quiet or not _errors.is_terminal:
        yield None, plainly
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_errors, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("load models", total=1.0)

        def above(show: Callable[..., None], *arguments: Any) -> None:
            bar.stop()
            show(*arguments)
            bar.start()

        yield lambda what, done: bar.update(task, description=what, completed=done), above


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
    against: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Explain what is heard against this genre instead of the one asked for."),
    ] = None,
    intended: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The genre you meant, if the prompt does not name it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write sound, trace, JSON and an HTML report here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is in the output folder.")] = False,
    as_json: AsJson = False,
    timings: Annotated[bool, typer.Option("--timings", help="Show where the time went.")] = False,
    test_units: Annotated[int, typer.Option(help="Verify so many of the strongest units one by one.")] = 1,
    test_words: Annotated[int, typer.Option(help="Verify so many words by leaving them out, the strongest first.")] = 3,
    memory: Annotated[
        float | None,
        typer.Option(metavar="GIB", help="Use at most so much more memory. [default: 70 % of what is free]"),
    ] = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
) -> None:
    """Generate, listen, and explain: what is heard, which words and units drove it, and what muting them does."""
    import time

    started = time.perf_counter()
    with _plain_errors():
        from ..diagnose.settings import Settings, check

        settings = Settings(
            takes=takes,
            seconds=seconds,
            seed=seed,
            guidance=guidance,
            temperature=temperature,
            top_k=top_k,
            against=against,
            tested_units=test_units,
            tested_words=test_words,
            memory_gib=memory,
        )
        check(prompt, settings)
        from ..diagnose.report.folder import check_folder

        if out is not None:
            check_folder(out, overwrite)
        from ..diagnose.session import Session
        from ..diagnose.trace import Keep

        with _progress(as_json) as (progress, above):
            session = Session.open(model, judge, device, dtype, adapter)
            loaded = time.perf_counter() - started
            keep = Keep("all", top=TRACED_UNITS) if out is not None else None

            def announce(verdict: Verdict) -> None:
                from .terminal import show_verdict

                above(show_verdict, prompt, verdict)

            result, evidence = session.diagnose(
                prompt, settings, intended, progress, keep, None if as_json else announce
            )
        result.timings = {"import and load models": round(loaded, 3), **result.timings}
        if out is not None:
            from ..diagnose.report.audio import Sounds
            from ..diagnose.report.files import write

            result = write(out, result, evidence, session.judge.labels, Sounds(session.generator))
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
        return
    from .terminal import show

    show(result, out, timings)


@app.command()
def ui(
    model: Model = "embedded",
    judge: JudgeName = None,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 7860,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    device: Device = "cpu",
    dtype: Dtype = "float32",
    adapter: Adapter = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open the page: type a prompt, listen, look."""
    with _plain_errors():
        from ..diagnose.session import Session
        from .app import check_address, launch

        check_address(host, port)
        launch(Session.open(model, judge, device, dtype, adapter), host, port, open_browser)


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
    with _plain_errors():
        from ..models.loading import load_generator
        from .inventory import as_rows, show_sites

        with _progress(as_json) as (progress, _):
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
def schema() -> None:
    """Print the JSON Schema of what `diagnose --json` prints."""
    import json

    from ..diagnose.result import Diagnosis

    sys.stdout.write(json.dumps(Diagnosis.model_json_schema(mode="serialization"), indent=2) + "\n")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print(installed("tonescope"))


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of the ``tonescope`` command."""
    return app(arguments)
