"""The folder of a pipeline of diffusers: one folder a part, and every refusal before any of them is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import torch

from tonescope.models.adapters import add_adapter
from tonescope.models.checkpoints import folders, headers, size
from tonescope.models.checkpoints.checks import Bound, Checkpoint, Fact
from tonescope.models.errors import TonescopeError
from tonescope.models.families.diffusion.latent_diffusion import LatentDiffusion
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.metadata import Metadata

Made = TypeVar("Made", bound=LatentDiffusion)

WEIGHTS_FILE = "diffusion_pytorch_model.safetensors"
SCHEDULER_FILE = "scheduler_config.json"
NEEDED = ("diffusers", "torchsde")
HALF = "fp16"  # how diffusers marks files of weights in half precision


@dataclass(frozen=True)
class PartRow:
    """A part of a pipeline.

    Attributes:
        name: that of its folder.
        kind: its class.
        weights: the file of its weights; empty for a part that has none.
        facts, bounds: what its configuration has to say.
        single: whether it works in single precision at least.
    """

    name: str
    kind: str
    weights: str = WEIGHTS_FILE
    facts: Sequence[Fact] = ()
    bounds: Sequence[Bound] = ()
    single: bool = False


OOBLECK = PartRow(
    "vae",
    "AutoencoderOobleck",
    facts=(
        Fact("decoder_input_channels", "decoder.conv1.weight_v", 1),
        Fact("audio_channels", "encoder.conv1.weight_v", 1),
        Fact("encoder_hidden_size", "encoder.conv1.weight_v", 0),
        Fact("decoder_channels", "decoder.conv2.weight_v", 1),
    ),
    bounds=(Bound("sampling_rate", 100, 1_000_000), Bound("audio_channels", 1, 2)),
    single=True,
)
TOKENIZER, SCHEDULER = PartRow("tokenizer", "", weights=""), PartRow("scheduler", "", weights="")
FLOW = "FlowMatchEulerDiscreteScheduler"


@dataclass(frozen=True)
class Agreement:
    """Two numbers, each a part and a field of its configuration, that have to be the same; or the second so many times
    the first."""

    one: tuple[str, str]
    other: tuple[str, str]
    times: int = 1


@dataclass(frozen=True)
class PipelineFolder:
    """A folder whose parts are there and fit together, and nothing is built yet.

    Attributes:
        folder, name: where it is, and what the user called it.
        rows: its parts that have weights, by name.
        parts: their configurations and headers, by name.
        variants: what is added to the names of their files of weights, where it is.
    """

    folder: Path
    name: str
    rows: Mapping[str, PartRow]
    parts: Mapping[str, Checkpoint]
    variants: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(
        cls, folder: Path, name: str, rows: Sequence[PartRow], device: str, needed: Sequence[str] = NEEDED
    ) -> PipelineFolder:
        """Read what is cheap to read. Raises :class:`TonescopeError` for a part that is missing, of another class, or
        at odds with its own weights, and where the packages that are ``needed`` are not installed."""
        _check_installed(name, needed)
        stated = folders.read_object(folder / folders.PIPELINE_FILE, name)
        for row in rows:
            _check_stated(stated.get(row.name), row, name, folder)
        parts, variants = dict[str, Checkpoint](), dict[str, str]()
        for row in rows:
            if row.weights:
                parts[row.name], variants[row.name] = _part(folder, name, row, device)
                parts[row.name].check_facts(row.facts)
                parts[row.name].check_bounds(row.bounds)
        return cls(folder, name, {row.name: row for row in rows if row.weights}, parts, variants)

    def refuse(self, what: str, instead: str = "give the folder of one pipeline, as it was saved") -> TonescopeError:
        """The error that says what is wrong with this folder."""
        return TonescopeError(f"{self.name} could not be loaded: {what}; {instead}.")

    def check_agreement(self, agreements: Sequence[Agreement]) -> None:
        """Raise :class:`TonescopeError` for the first numbers of two parts that do not go together."""
        for pair in agreements:
            (part, its), (other, others) = pair.one, pair.other
            one, two = self.parts[part].number(its), self.parts[other].number(others)
            if two != one * pair.times:
                shown = f"{its} of its {part} is {one} and {others} of its {other} is {two}"
                raise self.refuse(f"{shown}, so they were not trained together")

    def check_memory(self, dtype: torch.dtype, device: str) -> None:
        """Raise :class:`TonescopeError` when the weights do not fit."""
        needed = parameters = 0
        for name, part in self.parts.items():
            assert part.header is not None
            needed += part.header.bytes(max(dtype.itemsize, 4 if self.rows[name].single else 0))
            parameters += part.header.bytes(1)
        size.check_memory(self.name, needed, parameters, dtype, device)

    def load(self, name: str, made: Any, dtype: torch.dtype) -> Any:
        """A part in a class of diffusers, with exactly the weights of its folder."""
        options: dict[str, Any] = {"torch_dtype": dtype, "low_cpu_mem_usage": False}
        if self.variants[name]:
            options["variant"] = self.variants[name]
        return self.parts[name].load_as(made, **options).to(dtype)  # files may hold several types

    def networks(self, text: str, dtype: torch.dtype, since: str) -> Parts:
        """All parts with weights, the one called ``text`` in its class of transformers.

        Raises :class:`TonescopeError` where diffusers is older than the version that has the classes ``since`` when.
        """
        import diffusers

        diffusers.utils.logging.set_verbosity_error()
        diffusers.utils.logging.disable_progress_bar()
        found: dict[str, Any] = {}
        for name, row in self.rows.items():
            if name != text and not hasattr(diffusers, row.kind):
                raise TonescopeError(
                    f"{self.name} needs diffusers {since} or newer, which has {row.kind}, and {diffusers.__version__} "
                    'is installed; run `pip install --upgrade "tonescope[diffusion]"`.'
                )
        for name, row in self.rows.items():
            precision = torch.float32 if row.single else dtype
            if name == text:
                options = {"variant": self.variants[text]} if self.variants[text] else {}
                found[name] = self.parts[text].load(row.kind, precision, **options)
            else:
                found[name] = self.load(name, getattr(diffusers, row.kind), precision)
        return Parts(**found)

    def generator(
        self,
        make: Callable[[Parts, str, Path | None], Made],
        networks: Parts,
        about: Metadata,
        device: str,
        adapter: str | None,
    ) -> Made:
        """What a family makes of its networks on a device, a name and a folder. With an adapter, which is merged into
        the networks, it is named after both, and of no folder."""
        name, own = self.name, self.folder if adapter is None else None
        if adapter is not None:
            networks, name = add_adapter(networks, adapter), f"{name} + {adapter}"
        made: Made = folders.attempt(name, lambda: make(networks.to(device), name, own))
        made.told_by(about)
        return made

    def tokenizer(self, text: str, words: str) -> tuple[Checkpoint, Any]:
        """Where the tokenizer is, and the tokenizer, whose words the text encoder called ``text`` counts in ``words``
        of its configuration."""
        part = self.parts[text]
        held = Checkpoint(self.folder / "tokenizer", f"{self.name}/tokenizer", part.config, None)
        return held, held.tokenizer(part.number(words))

    def scheduler(self, kinds: Sequence[str]) -> Any:
        """The scheduler, of one of these classes. Raises :class:`TonescopeError` for another one."""
        import diffusers

        path = self.folder / "scheduler" / SCHEDULER_FILE
        stated = folders.read_object(path, self.name).get("_class_name")
        if not isinstance(stated, str) or stated not in kinds:
            raise self.refuse(
                f"its scheduler is a “{str(stated)[:60]}”, whose steps cannot be replayed",
                f"use {' or '.join(kinds)} in {path.parent.name}/{path.name}",
            )
        made = getattr(diffusers, stated)
        return folders.attempt(self.name, lambda: made.from_pretrained(path.parent))


def _check_installed(name: str, needed: Sequence[str]) -> None:
    missing = [package for package in needed if find_spec(package) is None]
    if missing:
        raise TonescopeError(
            f"{name} is a pipeline of diffusers and needs what is not installed ({', '.join(missing)}); run "
            '`pip install "tonescope[diffusion]"`.'
        )


def _check_stated(stated: Any, row: PartRow, name: str, folder: Path) -> None:
    """Whether a part is what the pipeline's index says, and there."""
    kind = stated[1] if isinstance(stated, list) and len(stated) == 2 else None
    if kind is None or not (folder / row.name).is_dir():
        where = folders.PIPELINE_FILE if kind is None else "folder"
        raise TonescopeError(
            f"{name} is not whole: its {where} has no {row.name}; give the folder of the whole pipeline, as "
            "save_pretrained writes it."
        )
    if row.kind and kind != row.kind:
        raise TonescopeError(
            f"{name} could not be loaded: its {row.name} is a “{str(kind)[:60]}” and has to be a {row.kind}; give the "
            "folder of a pipeline as it was published."
        )


def _part(folder: Path, name: str, row: PartRow, device: str) -> tuple[Checkpoint, str]:
    """The configuration and the header of a part, and the variant of its weights."""
    path, called = folder / row.name, f"{name}/{row.name}"
    config = folders.read_object(path / folders.CONFIG_FILE, called)
    header, variant = headers.of_model(path, called, row.weights), ""
    if header is None:
        variant = HALF
        header = headers.of_model(path, called, row.weights.replace(".safetensors", f".{HALF}.safetensors"))
    if header is None:
        pickled = any(file.suffix in folders.PICKLES for file in path.iterdir())
        why = "holds only pickled weights, which can run code when they are opened" if pickled else "holds no weights"
        raise TonescopeError(f"{called} {why}; it has to have a {row.weights}: save the pipeline again (safetensors).")
    floats = {header.types[tensor] for tensor in header.shapes} & headers.FLOATS
    if floats == {"F16"} and torch.device(device).type == "cpu":
        raise TonescopeError(
            f"{called} has weights in half precision only, which are for a GPU (--device cuda --dtype float16); "
            "give the pipeline with its full weights to run it on cpu."
        )
    if "model_type" in config:  # a part of transformers
        opened = Checkpoint.open(path, called)
        return Checkpoint(path, called, opened.config, header), variant
    return Checkpoint(path, called, SimpleNamespace(**config), header), variant
