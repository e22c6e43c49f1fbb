"""Gatys et al., and those who did it again."""
