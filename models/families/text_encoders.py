"""Text encoders, by their configuration's model type. Any family may carry any of them."""

from __future__ import annotations

from tonescope.models.outline import Key

TEXT_PATHS: dict[str, dict[Key, str]] = {
    "t5": {
        ("text", "mlp"): "text_encoder.encoder.block.{}.layer.1.DenseReluDense.wo",
        ("text", "self"): "text_encoder.encoder.block.{}.layer.0.SelfAttention.o",
    },
    "t5gemma": {  # the input of a gated MLP's last layer is the gated product
        ("text", "mlp"): "text_encoder.encoder.layers.{}.mlp.down_proj",
        ("text", "self"): "text_encoder.encoder.layers.{}.self_attn.o_proj",
    },
    "qwen3": {
        ("text", "mlp"): "text_encoder.layers.{}.mlp.down_proj",
        ("text", "self"): "text_encoder.layers.{}.self_attn.o_proj",
    },
    "bert": {
        ("text", "mlp"): "text_encoder.encoder.layer.{}.output.dense",
        ("text", "self"): "text_encoder.encoder.layer.{}.attention.output.dense",
    },
}
