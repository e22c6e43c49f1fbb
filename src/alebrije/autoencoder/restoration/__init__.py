"""A denoiser and two upscalers for pictures that people have: their networks, how they learn, how they are used."""
