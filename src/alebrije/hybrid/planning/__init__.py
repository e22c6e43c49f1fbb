"""Planners that learn: which picture is seen from afar, and how much either is blurred, told by a network."""
