"""What goes wrong with a fuzzy model; carries the exit code of a usage error."""

from cli.errors import UsageError


class ModelError(UsageError):
    """The model file cannot be used as it is; nothing was scored."""
