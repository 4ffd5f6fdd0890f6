"""Monsoon power monitors: both meters, their readers, wire formats, and the guard of the supply."""
