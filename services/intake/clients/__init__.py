"""Calls to the senders: what their notifications only name is fetched here, and what they failed to notify is found."""
