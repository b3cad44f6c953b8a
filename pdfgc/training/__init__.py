"""Training: data, losses, stages and the one loop."""
