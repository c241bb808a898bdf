"""What can go wrong with the log; each leaf is something that a caller handles differently."""

# LogError
# +- LogFull      wait and retry: room comes back
# |  +- LogAway   wait and retry: whoever keeps the log comes back
# +- LogGap       start over from a newer snapshot: entries are gone
# +- LogDamaged   stop: accepted entries cannot be read any more
# +- LogBusy      stop: another process owns the folder


class LogError(Exception):
    """The log cannot do what was asked."""


class LogFull(LogError):
    """There is no room for more entries now; nothing of the refused group was kept."""


class LogAway(LogFull):
    """Whoever keeps the log does not answer; what became of the last entries is found out later."""


class LogGap(LogError):
    """The wanted entries were removed already."""


class LogDamaged(LogError):
    """Entries that had been accepted cannot be read any more."""


class LogBusy(LogError):
    """Another process appends to this folder."""
