"""Videos: every frame painted like the one before it, moved by what moves."""
