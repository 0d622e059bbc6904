"""Alembic migrations of the ledger, from its first schema on. One file per step, never edited once released."""
