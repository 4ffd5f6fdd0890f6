"""The migrations, oldest first. There is no 0003: it was never released, and its number is not given again."""
