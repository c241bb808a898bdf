"""How protocols write addresses, for those that only look whether one is written well."""

from __future__ import annotations

import re

OPCUA = re.compile(
    r"(?:ns=(?P<index>\d{1,5});|nsu=(?P<uri>[^;]+);)?"
    r"(?P<id>i=\d{1,10}|[sb]=.+|g=[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})",
    re.DOTALL,
)
"""``ns=2;s=Press.Force``, or by the namespace's name ``nsu=urn:press;s=Force``: its number may change when
a server starts anew, its name does not."""
