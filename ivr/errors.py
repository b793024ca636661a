"""The root of every error that a person can act on."""


class IvrError(Exception):
    """Something a person can put right: what is wrong, and the remedy, in one line."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(message if not remedy else f"{message} Remedy: {remedy}")


class FieldError(IvrError):
    """An entry cannot be kept as it is: `field` names what is wrong, `problem` how (a text key)."""

    def __init__(self, field: str, problem: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.field, self.problem = field, problem
