"""Alembic's folder: `env.py` runs the revisions in `versions/`. Use `storage.migrate`, not this."""
