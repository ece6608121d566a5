"""What every loader checks: configuration against weights, weights against model, tokenizer against both."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from tonescope.models.checkpoints import folders, headers, size
from tonescope.models.checkpoints.folders import attempt
from tonescope.models.errors import TonescopeError

# Made anew whenever a model is built, or never read: their absence changes nothing.
DERIVED = ("codebook.inited", "codebook.cluster_size", "codebook.embed_avg", "position_ids", "relative_position_index")
# What older versions saved and newer ones make anew or never read: their presence changes nothing.
HARMLESS = re.compile(
    r"(position_ids|token_type_ids|num_batches_tracked|relative_position_index|attn_mask|rotary_emb\.inv_freq"
    r"|embed_positions\.weights|codebook\.(inited|cluster_size|embed_avg))$"
)
# Names of weights that transformers reads as others, by their ends.
RENAMED = {
    ".weight_g": ".parametrizations.weight.original0",
    ".weight_v": ".parametrizations.weight.original1",
    ".gamma": ".weight",
    ".beta": ".bias",
}
MOST = 2**31 - 1
# Everyday words: a tokenizer that cannot tell them apart was not made for what people type.
WORDS = ("song", "music", "jazz", "piano", "drums", "house", "fast", "slow")


@dataclass(frozen=True)
class Fact:
    """A number in config.json that the weights state too.

    Attributes:
        field: dotted path in the configuration.
        tensor: a tensor, whose length along ``axis`` the number is; without an axis a module, whose parts it counts.
        axis: see ``tensor``.
        stated: where the number is computed from another field, that field, to be named in messages.
    """

    field: str
    tensor: str
    axis: int | None = None
    stated: str = ""


@dataclass(frozen=True)
class Bound:
    """A whole number in a configuration, and between which values it makes sense (both included)."""

    field: str
    least: int
    most: int


@dataclass(frozen=True)
class Checkpoint:
    """A folder whose configuration and header were read, and nothing else yet.

    Attributes:
        folder, name: where it is, and what the user called it.
        config: the configuration, of a known model type.
        header: shapes of its weights; ``None`` where they are a pickle.
    """

    folder: Path
    name: str
    config: Any
    header: headers.Header | None

    @classmethod
    def open(cls, folder: Path, name: str) -> Checkpoint:
        """Read what is cheap to read."""
        _check_numbers(folders.read_object(folder / folders.CONFIG_FILE, name), name)
        config = attempt(name, lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False))
        return cls(folder, name, config, headers.of_model(folder, name))

    def refuse(self, what: str, instead: str = "save the model again, whole") -> TonescopeError:
        """The error that says what is wrong with this folder."""
        return TonescopeError(f"{self.name} could not be loaded: {what}; {instead}.")

    def number(self, field: str, stated: str = "") -> int:
        """A whole number of the configuration. Raises :class:`TonescopeError` where there is another thing."""
        try:
            value = operator.attrgetter(field)(self.config)
        except (AttributeError, TypeError, ValueError, ArithmeticError, IndexError) as error:
            raise self.refuse(f"its config.json gives no usable {stated or field}") from error
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(f"{field} in its config.json is {_shown(value)}, which is no whole number")
        return value

    def check_bounds(self, bounds: Sequence[Bound]) -> None:
        """Raise :class:`TonescopeError` for the first number that makes no sense."""
        for bound in bounds:
            value = self.number(bound.field)
            if not bound.least <= value <= bound.most:
                raise self.refuse(
                    f"{bound.field} in its config.json is {value}, and has to be {bound.least} to {bound.most}",
                    "restore the model's own config.json",
                )

    def check_shares(self, fields: Sequence[str]) -> None:
        """Raise :class:`TonescopeError` for the first of these that is no number from 0 to 1."""
        for field in fields:
            value = operator.attrgetter(field)(self.config)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise self.refuse(
                    f"{field} in its config.json is {_shown(value)}, and has to be 0 to 1",
                    "restore the model's own config.json",
                )

    def check_facts(self, facts: Sequence[Fact]) -> None:
        """Raise :class:`TonescopeError` for the first number of which config.json and weights say different things."""
        for fact in facts:
            named = fact.stated or fact.field
            value = self.number(fact.field, named)
            if value < 1:
                raise self.refuse(
                    f"{named} in its config.json amounts to {value}, and a model has at least one",
                    "restore the model's own config.json",
                )
            held = self._held(fact)
            if held is not None and held != value:
                raise self.refuse(
                    f"its config.json and its weights do not belong together: {named} is {value} in the one and "
                    f"{held} in the other",
                    "restore the model's own config.json",
                )

    def _held(self, fact: Fact) -> int | None:
        """What the weights say; ``None`` where they hold no such tensor, which is told when they are loaded."""
        if self.header is None:
            return None
        if fact.axis is None:
            return self.header.count(fact.tensor) or None
        shape = self.header.shapes.get(fact.tensor)
        return shape[fact.axis] if shape and len(shape) > fact.axis else None

    def check_memory(self, dtype: torch.dtype, device: str, whole: str = "") -> None:
        """Raise :class:`TonescopeError` when the weights do not fit.

        Those whose names start with ``whole`` are kept in single precision at least.
        """
        if self.header is not None:
            needed, parameters = self.header.bytes(dtype.itemsize, whole), self.header.bytes(1)
        else:
            parameters = (self.folder / folders.PICKLE).stat().st_size // 4
            needed = parameters * dtype.itemsize
        size.check_memory(self.name, needed, parameters, dtype, device)

    def load(self, model_class: str, dtype: torch.dtype, **options: Any) -> PreTrainedModel:
        """The model, in a class of transformers, with exactly the weights of the folder.

        Raises :class:`TonescopeError` when weights are missing, of other shapes, or left over.
        """
        options |= {"config": self.config, "weights_only": True, "dtype": dtype, "trust_remote_code": False}
        loaded: PreTrainedModel = self.load_as(getattr(transformers, model_class), **options)
        return loaded

    def load_as(self, made: Any, **options: Any) -> Any:
        """The model, in a class with ``from_pretrained`` and these of its options, with exactly the weights of the
        folder; otherwise like :meth:`load`."""
        tensors, elements = 100_000, (self.folder / folders.PICKLE).stat().st_size if self.header is None else 0
        if self.header is not None:
            tensors, elements = len(self.header.shapes), self.header.elements
        refusal = self.refuse(
            f"its config.json describes a much larger model than its weights are ({tensors} tensors)",
            "restore the model's own config.json",
        )

        def build() -> Any:
            with size.at_most(tensors, elements, str(refusal)):
                return made.from_pretrained(
                    self.folder,
                    use_safetensors=self.header is not None,
                    ignore_mismatched_sizes=True,  # they are refused below, by name
                    output_loading_info=True,
                    **options,
                )

        model, outcome = attempt(self.name, build)
        self._check_outcome(model, outcome)
        return model

    def _check_outcome(self, model: PreTrainedModel, outcome: dict[str, Any]) -> None:
        weights = model.state_dict()
        if other := sorted(outcome["mismatched_keys"], key=str):
            name, held, described = (*other[0], "", "")[:3]
            raise self.refuse(
                f"its weights have other shapes than its config.json says ({name}: {list(held)}, not {list(described)})"
            )
        if lost := sorted(key for key in outcome["missing_keys"] if key in weights and not key.endswith(DERIVED)):
            raise self.refuse(
                f"its file lacks {len(lost)} of its weights, {lost[0]} for one, and made-up ones would take their place"
            )
        if extra := sorted(key for key in self._surplus(weights, outcome) if not HARMLESS.search(key)):
            raise self.refuse(
                f"its file holds {len(extra)} weights that its config.json has no place for, "
                f"{_shown(extra[0])} for one, "
                "and they would be dropped",
                "restore the model's own config.json, or save the model again",
            )

    def _surplus(self, weights: dict[str, Any], outcome: dict[str, Any]) -> set[str]:
        """Weights of the file that the model has no place for.

        transformers does not tell of all: what a text encoder leaves out on purpose (everything called decoder, of a
        T5) it leaves out of the whole model's report. So names are compared here, unless transformers translated
        them in ways unknown here.
        """
        told = set(outcome["unexpected_keys"])
        if self.header is None:
            return told
        held = {_today(name, weights) for name in self.header.shapes}
        shared = {weights[name].data_ptr() for name in held & weights.keys()}
        translated = [
            name
            for name in weights.keys() - held - set(outcome["missing_keys"])
            if weights[name].data_ptr() not in shared  # tied weights are saved once
        ]
        return told if translated else told | (held - weights.keys())

    def tokenizer(self, rows: int) -> PreTrainedTokenizerBase:
        """The tokenizer beside the model, whose embedding has so many rows.

        Where its files are missing, transformers makes an empty one up and every text becomes the same. Raises
        :class:`TonescopeError` for that, and for one that does not fit the model.
        """
        tokenizer = attempt(
            self.name, lambda: AutoTokenizer.from_pretrained(self.folder, config=self.config, trust_remote_code=False)
        )
        if not tokenizer.is_fast:
            raise self.refuse(
                "its tokenizer cannot say which letters a token spells, so words could not be told apart",
                "save a fast tokenizer (tokenizer.json) into the same folder",
            )
        if tokenizer.pad_token_id is None:
            raise self.refuse(
                "its tokenizer has no padding token, so prompts of different length cannot be read together",
                "set pad_token and save the tokenizer again",
            )
        if not {"input_ids", "attention_mask"} <= set(tokenizer.model_input_names):
            raise self.refuse(
                "its tokenizer gives no attention_mask (model_input_names in tokenizer_config.json), so padding "
                "could not "
                "be told from words",
                "save the tokenizer again",
            )
        if not _tells_apart(tokenizer):
            raise self.refuse(
                "it has no tokenizer of its own that knows English words, and all texts would be read alike",
                "save the tokenizer into the same folder",
            )
        highest = max([tokenizer.pad_token_id, *tokenizer.get_vocab().values()])
        if highest >= rows:
            raise self.refuse(
                f"its tokenizer has tokens up to number {highest} and its text encoder knows {rows} (0 to {rows - 1})",
                "give it the tokenizer it was trained with",
            )
        return tokenizer


def _today(name: str, weights: dict[str, Any]) -> str:
    """What transformers reads a weight as."""
    for end, now in RENAMED.items():
        if name.endswith(end) and (renamed := name.removesuffix(end) + now) in weights:
            return renamed
    return name


def _tells_apart(tokenizer: Any) -> bool:
    """Whether most of a few everyday words become different pieces that are known."""
    pieces = [tuple(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in WORDS]
    known = {ids for ids in pieces if ids and set(ids) != {tokenizer.unk_token_id}}
    return 2 * len(known) > len(WORDS)


def _check_numbers(content: Any, name: str, path: str = "") -> None:
    """Raise :class:`TonescopeError` for a number that nothing in a model can be: not finite, or beyond 32 bits."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        where = f"{path}.{key}" if path else str(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if abs(value) > MOST or value != value:
                raise TonescopeError(
                    f"{name} could not be loaded: {_shown(where)} in its config.json is {_shown(value)}, which "
                    "nothing in a model "
                    "can be; restore the model's own config.json."
                )
        else:
            _check_numbers(value, name, where)


def _shown(value: object) -> str:
    """Something from a file, short and without characters that a terminal would act on."""
    text = str(value) if not isinstance(value, int) or abs(value) < 10**18 else "a number of many digits"
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:80]
