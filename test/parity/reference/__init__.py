"""Tiny random checkpoints of real architectures, exported through models/export, and what their originals give."""
