"""Bench profiles: the sections of the TOML file, reading and checking it, and writing one for what is plugged in."""
