"""`lab doctor`: checks of this computer and of the bench, each problem with its fix."""
