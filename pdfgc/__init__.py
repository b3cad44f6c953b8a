"""Talking heads whose lips, gaze, blink, head pose and expression are driven apart."""
