"""Pairs worth crossing: made of any pictures, labelled by the observer, shown."""
