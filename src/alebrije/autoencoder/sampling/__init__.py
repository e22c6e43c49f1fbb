"""New pictures out of a latent space: distributions that are fitted to the codes of pictures, and drawn from."""
