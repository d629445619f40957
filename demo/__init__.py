"""The simulated company: seeded generator, configuration, audiences and syncs (demo/README.md)."""
