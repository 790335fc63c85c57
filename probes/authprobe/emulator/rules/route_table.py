"""The lookup of a route: by exact path first, then by the patterns that contain parameters."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from authprobe.emulator.rules.base import Rule

Route = tuple[str, str, str]
"""Method, host and path; a path may contain parameters, as `/v1/models/{model_id}`."""
PARAMETER: Final = re.compile(r"\{(\w+)(:path)?\}")
"""A parameter in the syntax of Starlette, whose own function takes 0.1 s to import."""
NO_PARAMETERS: Final[Mapping[str, str]] = {}


class RouteMatch(NamedTuple):
    """The rules of a route that a request matches, and the values of its path's parameters."""

    rules: tuple[Rule, ...]
    parameters: Mapping[str, str]


class RouteTable(Mapping[Route, tuple[Rule, ...]]):
    """The rules by route, in which a route is found by the path of a request.

    A parameter stands for one segment of the path, or, as `{name:path}`, for one or more. A path
    without parameters has precedence.
    """

    def __init__(self, routes: Mapping[Route, tuple[Rule, ...]]) -> None:
        self._routes = routes
        self._paths = {path: _compile(path) for _, _, path in routes if "{" in path}
        self._exact = {route: routes[route] for route in routes if route[2] not in self._paths}
        self._patterns: dict[tuple[str, str], list[str]] = {}
        """Paths with parameters by method and host."""
        for method, host, path in routes:
            if path in self._paths:
                self._patterns.setdefault((method, host), []).append(path)

    def __getitem__(self, route: Route) -> tuple[Rule, ...]:
        return self._routes[route]

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def find(self, method: str, host: str, path: str) -> RouteMatch | None:
        """Return the rules for a request; None: no route matches it."""
        rules = self._exact.get((method, host, path))
        if rules is not None:
            return RouteMatch(rules, NO_PARAMETERS)
        for pattern in self._patterns.get((method, host), ()):
            if (match := self._paths[pattern].fullmatch(path)) is not None:
                return RouteMatch(self._routes[method, host, pattern], match.groupdict())
        return None

    def has_path(self, pattern: str, path: str) -> bool:
        """Return True if the path of a route is this path, or matches it."""
        if pattern == path:
            return True
        regex = self._paths.get(pattern)
        return regex is not None and regex.fullmatch(path) is not None

    def routes_with(self, path: str) -> tuple[Route, ...]:
        """Return the routes with this path, of any method and host; those without parameters
        alone, if there are any.
        """
        exact = tuple(route for route in self._exact if route[2] == path)
        return exact or tuple(route for route in self._routes if self.has_path(route[2], path))


def _compile(path: str) -> re.Pattern[str]:
    """Return the expression for a path with parameters."""
    pattern, end = "", 0
    for match in PARAMETER.finditer(path):
        value = "[^/]+" if match[2] is None else ".+"
        pattern += f"{re.escape(path[end : match.start()])}(?P<{match[1]}>{value})"
        end = match.end()
    return re.compile(pattern + re.escape(path[end:]), re.DOTALL)
