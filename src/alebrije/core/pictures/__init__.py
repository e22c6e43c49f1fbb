"""What `core.image` is made of: pictures in memory, their formats, colours, sizes and records."""
