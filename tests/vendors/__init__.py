"""Strict fakes of vendors' APIs, written from their published documentation: they refuse what the real ones refuse."""
