"""Between the record and the predictor: feature rows, requests for predictions, what to measure next."""
