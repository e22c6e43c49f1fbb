"""What two families or more use: pictures, filters, the training loop, checkpoints, weights."""
