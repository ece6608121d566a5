"""The parts of the flow generator, untrained, in the classes and at the sizes that it is shipped in.

Everything is chosen for one processor core. Latents are 12.5 a second, so that a clip of 4 s is 50 positions; the
autoencoder is made of transformers, which is quicker there than convolutions at the full sample rate; attention is not
differential, which halves its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from training.renderer import SAMPLE_RATE

LONGEST_SECONDS = 4.0
BRANCH_GAIN = 0.3  # of what the codec's branches add at first
# What the denoiser is told of the seconds: sines of frequencies up to this many a LONGEST_SECONDS.
DURATION_FREQUENCIES, HIGHEST_FREQUENCY = 32, 4.0


@dataclass(frozen=True)
class FlowSizes:
    """How large every part is.

    Attributes:
        text_width, text_layers, text_heads, text_inner: of the text encoder.
        pieces: how many of the most frequent word pieces its tokenizer is made from.
        longest: tokens of a prompt, to which all are padded.
        latent: width of the latents.
        patch, stride: samples a position of the codec, and positions a latent.
        codec_width, codec_layers, codec_mult: of the codec's encoder, and of its decoder.
        head: width of a head of the codec.
        width, depth, heads, mult, memory: of the denoiser; ``memory`` are positions before the audio.
    """

    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 4
    text_inner: int = 512
    pieces: int = 8_000
    longest: int = 48
    latent: int = 64
    patch: int = 160
    stride: int = 8
    codec_width: int = 256
    codec_layers: int = 3
    codec_mult: int = 2
    head: int = 64
    width: int = 256
    depth: int = 8
    heads: int = 4
    mult: float = 3.0
    memory: int = 4

    @property
    def hop(self) -> int:
        """Samples a latent."""
        return self.patch * self.stride

    @property
    def frames(self) -> int:
        """Latents of the longest clip."""
        return int(LONGEST_SECONDS * SAMPLE_RATE) // self.hop


SHIPPED = FlowSizes()


def text_encoder(sizes: FlowSizes, pieces: int, padding: int) -> Any:
    """An untrained ``T5GemmaEncoderModel`` for a tokenizer of so many pieces, whose padding is number ``padding``."""
    from transformers import T5GemmaConfig, T5GemmaEncoderModel, T5GemmaModuleConfig

    text = T5GemmaModuleConfig(
        vocab_size=pieces,
        hidden_size=sizes.text_width,
        intermediate_size=sizes.text_inner,
        num_hidden_layers=sizes.text_layers,
        num_attention_heads=sizes.text_heads,
        num_key_value_heads=sizes.text_heads,
        head_dim=sizes.text_width // sizes.text_heads,
        query_pre_attn_scalar=sizes.text_width // sizes.text_heads,
        sliding_window=4 * sizes.longest,  # all positions see each other
        max_position_embeddings=4 * sizes.longest,
        attn_implementation="eager",
        attn_logit_softcapping=None,  # which not every implementation of attention knows
        pad_token_id=padding,
        dropout_rate=0.0,
    )
    config = T5GemmaConfig(encoder=text, decoder=text, is_encoder_decoder=False, vocab_size=pieces)
    return T5GemmaEncoderModel(config)


def codec(sizes: FlowSizes) -> Any:
    """An untrained ``AutoencoderSAME``. The class's own start passes nothing on: its branches give zeros, and its new
    positions, which are all alike, look everywhere at once."""
    from diffusers import AutoencoderSAME

    made = AutoencoderSAME(
        audio_channels=1,
        patch_size=sizes.patch,
        encoder_channels=sizes.codec_width,
        encoder_c_mults=[1],
        encoder_strides=[sizes.stride],
        encoder_transformer_depths=[sizes.codec_layers],
        latent_dim=sizes.latent,
        use_differential_attention=False,
        dim_heads=sizes.head,
        ff_mult=sizes.codec_mult,
        sampling_rate=SAMPLE_RATE,
    )
    for block in (made.encoder.blocks[0], made.decoder.blocks[0]):
        nn.init.normal_(block.new_tokens, std=0.5)
        for layer in block.transformers:
            nn.init.xavier_uniform_(layer.attn.to_out.weight, gain=BRANCH_GAIN)
            nn.init.xavier_uniform_(layer.ff.proj_out.weight, gain=BRANCH_GAIN)
    return made


def denoiser(sizes: FlowSizes) -> Any:
    """An untrained ``StableAudio3DiTModel``, which predicts nothing at first."""
    from diffusers import StableAudio3DiTModel

    made = StableAudio3DiTModel(
        io_channels=sizes.latent,
        embed_dim=sizes.width,
        depth=sizes.depth,
        num_heads=sizes.heads,
        cond_token_dim=sizes.text_width,
        global_cond_dim=sizes.text_width,
        local_add_cond_dim=1,  # for inpainting, which is not learnt
        timestep_features_dim=64,
        ff_mult=sizes.mult,
        num_memory_tokens=sizes.memory,
        use_differential_attention=False,
    )
    nn.init.zeros_(made.proj_out.weight)
    nn.init.normal_(made.prompt_padding_embedding, std=0.1)
    for block in made.transformer_blocks:
        nn.init.normal_(block.to_scale_shift_gate, std=0.02)
    return made


def duration(sizes: FlowSizes) -> Any:
    """An untrained ``StableAudio3DurationEmbedder``."""
    from diffusers import StableAudio3DurationEmbedder

    return StableAudio3DurationEmbedder(
        output_dim=sizes.text_width,
        fourier_dim=DURATION_FREQUENCIES,
        max_val=LONGEST_SECONDS,
        max_freq=HIGHEST_FREQUENCY,
    )


def scheduler() -> Any:
    """The scheduler that it is played with: Euler steps along the velocity."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, stochastic_sampling=False)
