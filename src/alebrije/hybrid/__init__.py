"""Two pictures in one: one seen from near, the other from afar. See README.md in this folder."""
