"""What is done with a record afterwards: audit, export, replay, analysis again."""
