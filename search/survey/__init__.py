"""What random networks of a space are like."""
