"""Samplers: each proposes from the stored trials and a seed alone, and never what is already taken."""
