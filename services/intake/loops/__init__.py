"""Intake's own loops: the group writer, the fetcher of leads, the weigher of fuzzy evidence, and what goes on by the hour."""
