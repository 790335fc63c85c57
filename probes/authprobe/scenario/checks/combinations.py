"""The cases of a scenario by their names, with the part of the file that each comes from."""

from authprobe.documents.source import KeyPath
from authprobe.scenario.live_cases import live_names, not_for_live
from authprobe.scenario.matrix import AXES, Names, complete, grid, matcher, values_of
from authprobe.scenario.model import Scenario


class Cases:
    """The cases of a scenario, with the part of the file that each comes from."""

    def __init__(self, scenario: Scenario, own: Scenario) -> None:
        """Combine the axes of a scenario whose names are all defined."""
        self.scenario = scenario
        self.own = own
        """The scenario without what it takes from files of definitions."""
        self.grid = tuple(dict.fromkeys(grid(scenario)))
        excludes = [matcher(combination) for combination in scenario.exclude]
        self.in_matrix: dict[Names, KeyPath] = {
            names: () for names in self.grid if not any(exclude(names) for exclude in excludes)
        }
        self.included = [
            (("include", index), names)
            for index, combination in enumerate(scenario.include)
            for names in complete(scenario, combination)
        ]
        """The further cases, each with its path in the file."""
        self._origins: dict[Names, KeyPath] = {}
        for path, names in self.included:
            self._origins.setdefault(names, path)
        self._origins |= self.in_matrix
        self.all = tuple(dict.fromkeys([*self.in_matrix, *(names for _, names in self.included)]))
        self.live = tuple(names for names in self.all if not_for_live(scenario, names) is None)
        """Those that can also be asked of the real service."""
        self.judged = (*self.all, *map(live_names, self.live))
        """Every case that needs an expectation."""
        self._axis_values = {axis: values_of(scenario.matrix, axis) for axis in AXES}

    def path(self, names: Names, axis: str) -> KeyPath:
        """Return the path of the value that this case has on an axis."""
        if origin := self._origins[names]:
            return (*origin, axis)
        return ("matrix", axis, self._axis_values[axis].index(getattr(names, axis)))
