"""Joining the services: one port (port.py), two adapters (postgres.py, kafka.py), one conformance suite for both."""
