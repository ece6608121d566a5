"""Stable Audio Open 1.0, as diffusers' StableAudioPipeline has it."""
