"""Migrations in order. One that has been released is never changed: a new one follows it."""
