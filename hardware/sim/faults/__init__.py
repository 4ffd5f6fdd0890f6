"""Fault injection on the simulated bench: the catalogue, what each fault does, and when."""
