"""One picture laid over the other: soft masks and outlines, and where they match best."""
