"""New pictures from latent spaces: which way of drawing codes works, compared on MNIST and Fashion-MNIST."""
