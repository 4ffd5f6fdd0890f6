"""Rules that decide, evaluation by evaluation, whether a trial is worth training on."""
