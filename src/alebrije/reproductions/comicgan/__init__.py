"""The thesis on comic characters: from a dense GAN to progressive growing."""
