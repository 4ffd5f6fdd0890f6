"""The energy predictor: named feature columns in, energy per inference out. Knows no architecture class."""
