"""Where the sites of an ACE-Step are. No code that runs."""

from __future__ import annotations

from tonescope.models.outline import Key

_LAYER = "transformer.layers.{}"
PATHS: dict[Key, str] = {
    ("denoiser", "mlp"): f"{_LAYER}.mlp.down_proj",  # its input is the gated product
    ("denoiser", "self"): f"{_LAYER}.self_attn.to_out.0",
    ("denoiser", "cross"): f"{_LAYER}.cross_attn.to_out.0",
    ("denoiser", "residual"): _LAYER,
}
