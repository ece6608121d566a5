"""Where the sites of a Stable Audio Open are. No code that runs."""

from __future__ import annotations

from tonescope.models.families.text_encoders import Key

_BLOCK = "transformer.transformer_blocks.{}"
PATHS: dict[Key, str] = {
    ("denoiser", "mlp"): f"{_BLOCK}.ff.net.2",  # its input is the gated product
    ("denoiser", "self"): f"{_BLOCK}.attn1.to_out.0",
    ("denoiser", "cross"): f"{_BLOCK}.attn2.to_out.0",
    ("denoiser", "residual"): _BLOCK,
}
_DENOISES = "it plays by denoising and has no decoder of codes; look at denoiser.LAYER.{} instead"
LACKS: dict[Key, str] = {("decoder", name): _DENOISES.format(name) for name in ("mlp", "self", "cross", "residual")}
