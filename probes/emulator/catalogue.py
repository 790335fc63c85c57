"""What the emulator can do, as a table: every rule with its provenance, every fault."""

import difflib
from typing import Final

from probes.emulator.faults import ALIASES, CONNECTION_REFUSED, FAULTS
from probes.emulator.rules import REFUSALS
from probes.emulator.setup import Fault
from probes.errors import SettingsError

NAMES: Final = (*FAULTS, *ALIASES, *sorted(REFUSALS))
"""Every name that a fault can have."""


def check_fault(fault: Fault | str) -> None:
    """See that there is such a fault, and that what is asked of it makes sense.

    Raises:
        SettingsError: it is not so.
    """
    name = fault if isinstance(fault, str) else fault.name
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "; see `authprobe emulator --rules`"
        raise SettingsError(f"there is no fault '{name}'{hint}")
    if isinstance(fault, str):
        return
    kind = FAULTS.get(name)
    if fault.seconds is not None and (kind is None or kind.seconds is None):
        raise SettingsError(f"'{name}' takes no 'seconds'")
    if fault.seconds is not None and fault.seconds < 0 and name != "clock-skew":
        raise SettingsError(f"'seconds' of '{name}' must be at least 0")
    if fault.path is not None and kind is not None and kind.connection:
        raise SettingsError(f"'{name}' happens before there is a path; leave out 'path'")
    if name == CONNECTION_REFUSED and (fault.times is not None or fault.after):
        raise SettingsError(f"'{name}' is not counted; leave out 'times' and 'after'")
