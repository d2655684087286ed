"""Mistakes in a base stack's config that no single key can show."""
