"""Measurements of how good a judgement is, rather than how fast."""
