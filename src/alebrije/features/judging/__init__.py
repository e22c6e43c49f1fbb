"""How good a set of made pictures is, beside a set of real ones: detectors, and figures computed on their features."""
