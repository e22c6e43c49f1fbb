"""The parts of the drawing program: geometry, canvas, traits, anatomy, patterns, landscapes and paintings."""
