"""HTTP: one factory for every service's FastAPI app, its guard, its problem documents and its platform routes."""
