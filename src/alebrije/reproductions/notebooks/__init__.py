"""The notebooks of the second source."""
