"""Seamline on Ray: actors, supervision and the command line."""

import os

# Ray reads its mode once, when it is imported, so the mode must be set before. Ray's ports are not on
# loopback only: nobody without the token may use them, whatever the environment says.
os.environ["RAY_AUTH_MODE"] = "token"
