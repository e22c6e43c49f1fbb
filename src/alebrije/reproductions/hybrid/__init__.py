"""The student report on hybrids."""
