"""One small network that learns what a whole stack says."""
