"""A measuring campaign: what is requested, its tasks, the sessions that measure them, and what the record gets."""
