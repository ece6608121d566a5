"""What generators that denoise latents share; a family of them adds what it tells its denoiser."""
