"""What goes wrong where people answer for models."""


class ApprovalError(Exception):
    """A deed that is not allowed, or approvals that cannot be trusted; the message says what to do."""
