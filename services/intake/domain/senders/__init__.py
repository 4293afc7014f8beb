"""Senders of leads: a module each, all of one shape (shape.py), listed in registry.py. Pure.

Nothing is imported here: the normal form takes its consents from shape.py, and must not load every sender with it.
"""
