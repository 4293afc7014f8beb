"""The four services. They know nothing of each other: topics join them (shared/contracts/topics.py)."""
