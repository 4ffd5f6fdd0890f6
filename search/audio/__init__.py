"""Nine classes of sound events as log-mel spectrograms: from AudioSet, or synthesised."""
