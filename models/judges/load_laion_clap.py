"""From a checkpoint of the laion-clap package (one ``.pt`` file) to a CLAP that judges, and every refusal on the way.

The file is a pickle. It is read with ``weights_only``: nothing in it is run, and what is no weight is refused or passed
over. What a folder would say beside the weights (configuration, front end) follows from their shapes; the tokenizer has
to lie beside the file.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

from tonescope.models import metadata
from tonescope.models.checkpoints import size
from tonescope.models.checkpoints.checks import HARMLESS, Checkpoint
from tonescope.models.checkpoints.folders import attempt
from tonescope.models.errors import TonescopeError
from tonescope.models.judges import laion_names
from tonescope.models.judges.clap import LONGEST_TEXT, Clap
from tonescope.models.judges.labelling import check_labels, settings

# Scores may be beside the weights as numpy numbers, in files from before numpy 2 under the name that they had there.
HARMLESS_GLOBALS: list[Any] = [
    np._core.multiarray.scalar,  # type: ignore[attr-defined]
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
]
TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt"))  # files of which a tokenizer can be made
# The front end of HTS-AT in every size (laion_clap/clap_module/model_configs).
FRONT_END: dict[str, Any] = {
    "feature_size": 64,
    "sampling_rate": 48_000,
    "hop_length": 480,
    "max_length_s": 10,
    "fft_window_size": 1024,
    "frequency_min": 50,
    "frequency_max": 14_000,
    "padding": "repeatpad",
}
SAME_FILTERS = 1e-4  # of filters up to 0.02 high
LARGEST = 2_000_000_000  # numbers in all weights; the largest published file has 200 million


def load(path: Path, name: str, labels: Sequence[str], device: str) -> Clap:
    """Load a CLAP, in single precision, from a ``.pt`` file of laion-clap with a tokenizer beside it.

    Raises :class:`TonescopeError` for a file that holds anything else, before a model is built.
    """
    given = settings(metadata.read(path), name, labels)
    _check_tokenizer(path, name)
    weights = _weights(path, name)
    if why := laion_names.another(weights):
        raise _refuse(name, f"{why}, and only HTS-AT with RoBERTa can be opened", "give such a checkpoint")
    try:
        stated = laion_names.configuration(weights)
    except (KeyError, IndexError, ArithmeticError) as error:
        raise _refuse(name, f"its weights are no CLAP's as laion-clap saves them ({_said(error)})") from error
    config = attempt(name, lambda: ClapConfig(**stated))
    size.check_memory(name, 4 * _elements(weights), _elements(weights), torch.float32, device)
    extractor = _front_end(weights, name)
    tokenizer = Checkpoint(path.parent, name, config, None).tokenizer(config.text_config.vocab_size)
    if config.text_config.max_position_embeddings < LONGEST_TEXT + 2:
        raise _refuse(name, f"its text tower reads fewer than {LONGEST_TEXT} tokens")
    model = attempt(name, lambda: _model(config, weights, name))
    made: Clap = attempt(name, lambda: Clap(model.to(device), tokenizer, extractor, name, **given))
    check_labels(made, config.projection_dim)
    return made


def _weights(path: Path, name: str) -> dict[str, Tensor]:
    """The weights of a file by their names in laion-clap."""
    try:
        with torch.serialization.safe_globals(HARMLESS_GLOBALS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of unusual pickles, which are refused below where they cannot be read
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        if "weights only" in str(error).lower():
            raise _refuse(
                name,
                "it holds more than weights, and opening that could run code",
                "save its state_dict alone with torch.save",
            ) from error
        raise _cut_off(name) from error
    except Exception as error:  # whatever torch, zip and pickle say of a file that is broken
        raise _cut_off(name) from error
    inner = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(inner, dict) or not all(isinstance(key, str) for key in inner):
        raise _refuse(name, "it holds no state_dict")
    # Saved from several devices, all names begin with the wrapper's.
    weights = {key.removeprefix("module."): weight for key, weight in inner.items() if isinstance(weight, Tensor)}
    if not weights or _elements(weights) > LARGEST:
        raise _refuse(name, "it holds no weights" if not weights else "its weights are far too large")
    return weights


def _model(config: ClapConfig, weights: dict[str, Tensor], name: str) -> ClapModel:
    renamed = laion_names.rename(weights)
    with size.at_most(len(renamed), _elements(renamed), str(_refuse(name, "its weights do not fit together"))):
        model = ClapModel(config)
    wanted = model.state_dict()
    shaped = {key: weight for key, weight in renamed.items() if key in wanted and weight.shape == wanted[key].shape}
    odd = sorted(
        key for key in wanted.keys() ^ shaped.keys() | renamed.keys() - shaped.keys() if not HARMLESS.search(key)
    )
    if odd:
        raise _refuse(
            name, f"its weights do not fit together ({odd[0][:80]} is missing, too many, or of another shape)"
        )
    if not all(bool(torch.isfinite(weight).all()) for weight in shaped.values()):
        raise _refuse(name, "its weights are not all numbers")
    model.load_state_dict(shaped, strict=False)
    return model.eval()


def _front_end(weights: dict[str, Tensor], name: str) -> ClapFeatureExtractor:
    """The feature extractor. The file holds the filters of the one that it was trained with, to compare."""
    truncation = "fusion" if laion_names.fuses(weights) else "rand_trunc"
    extractor = ClapFeatureExtractor(**FRONT_END, truncation=truncation)
    stated = weights.get(laion_names.MEL_FILTERS)
    ours = torch.from_numpy(extractor.mel_filters_slaney).float()
    if stated is not None and (stated.shape != ours.shape or float((stated - ours).abs().max()) > SAME_FILTERS):
        raise _refuse(name, "it was trained with another front end than laion-clap's usual one (48 kHz, 64 bands)")
    return extractor


def _check_tokenizer(path: Path, name: str) -> None:
    if not any(all((path.parent / file).is_file() for file in files) for files in TOKENIZERS):
        raise _refuse(
            name,
            "a file of laion-clap holds no tokenizer, and none lies beside it",
            "save that of FacebookAI/roberta-base (tokenizer.json and tokenizer_config.json) into the same folder",
        )


def _elements(weights: dict[str, Tensor]) -> int:
    return sum(weight.numel() for weight in weights.values())


def _said(error: Exception) -> str:
    return f"{str(error)[:80]} is missing" if isinstance(error, KeyError) else "their shapes make no sense"


def _cut_off(name: str) -> TonescopeError:
    return _refuse(name, "it is cut off, or no file of torch.save", "download it again")


def _refuse(name: str, what: str, instead: str = "give a checkpoint of laion-clap, whole") -> TonescopeError:
    return TonescopeError(f"{name} could not be loaded: {what}; {instead}.")
