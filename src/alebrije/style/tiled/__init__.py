"""Large pictures looked at piece by piece, with the statistics and the gradient of the whole."""
