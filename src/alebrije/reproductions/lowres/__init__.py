"""The project report on low and high resolution."""
