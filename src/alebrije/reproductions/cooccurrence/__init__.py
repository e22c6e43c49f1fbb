"""The thesis that put co-occurrences in the place of the Gram matrix."""
