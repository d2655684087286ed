"""Which Service of a chart answers at the environment's URL, where the chart makes no route itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from components.branch.spec.route import Route
from components.branch.virtual_service import Destination, RoutedTo
from stacks.branch.chart_rendering import metadata_of
from stacks.settings.chart_source import ChartSource
from stacks.settings.errors import Problem, SettingsError, shown

_RELEASE = "{{ .Release.Name }}"
_HTTP = "http"


class _Port(NamedTuple):
    """A port of a Service that HTTP may be spoken at."""

    service: str
    number: int
    name: str

    def written(self, stem: str) -> str:
        """Write it as the environment file would."""
        return f"{_RELEASE}{self.service.removeprefix(stem)}:{self.number}"


def routed(
    rendered: Sequence[Mapping[str, Any]], source: ChartSource, *, stem: str, host: str, stack: str
) -> list[RoutedTo]:
    """Return the environment's own routes; none if the chart makes its own.

    Args:
        rendered: every object of the chart.
        source: what the environment file says of it.
        stem: name of the release.
        host: of the environment.
        stack: for the message.

    Raises:
        SettingsError: there is no such Service, or there are several without a choice.
    """
    if not source.routes:
        found = destination(rendered, service=source.service, stem=stem, host=host, stack=stack)
        return [RoutedTo(route=Route(), destinations=[found])] if found else []
    made = []
    for index, each in enumerate(source.routes):
        field = f"chart.routes[{index}].service"
        found = destination(rendered, service=each.service, stem=stem, host=host, stack=stack, field=field)
        made += [RoutedTo(route=each, destinations=[found])] if found else []
    return made


def destination(
    rendered: Sequence[Mapping[str, Any]],
    *,
    service: str | None,
    stem: str,
    host: str,
    stack: str,
    field: str = "chart.service",
) -> Destination | None:
    """Return where requests go; None if the chart makes its own route.

    Args:
        rendered: every object of the chart.
        service: as the environment file names it.
        stem: name of the release.
        host: of the environment.
        stack: for the message.
        field: of the environment file, for the message.

    Raises:
        SettingsError: there is no Service, or several without a choice.
    """
    if any(_routes(each, host) for each in rendered):
        if service is None:
            return None
        rule = "the chart makes the route itself, so there is nothing to choose"
        raise _refused(stack, field, service, rule, f"take {field.partition('[')[0]} out")
    ports = list(_ports(rendered))
    found = _chosen(ports, service, stem)
    if len(found) == 1:
        return Destination(service=found[0].service, port=found[0].number)
    if not ports:
        raise _refused(
            stack,
            field,
            service,
            "the environment's URL leads to a Service of the chart's: it makes none that has an address and a TCP port",
            "add a Service to the chart, or switch it on in the chart's values",
        )
    choices = ", ".join(sorted(each.written(stem) for each in ports))
    which = "it is one of the chart's" if service and not found else "one answers at the environment's URL"
    raise _refused(
        stack,
        field,
        service,
        f"{which}; the chart makes no route itself, and its Services are {choices}",
        f"choose one in the environment file: chart: {{service: '{(found or ports)[0].written(stem)}'}}",
    )


def _chosen(ports: Sequence[_Port], service: str | None, stem: str) -> list[_Port]:
    found = list(ports)
    if service is not None:
        name, _, number = service.replace(_RELEASE, stem).partition(":")
        found = [each for each in found if each.service == name and number in ("", str(each.number))]
    if len({each.service for each in found}) == 1 and len(found) > 1:
        # Of several ports of one Service, such as metrics beside the app.
        return [each for each in found if each.name == _HTTP] or found
    return found


def _ports(rendered: Sequence[Mapping[str, Any]]) -> Iterator[_Port]:
    for each in rendered:
        spec = each.get("spec") or {}
        # Headless ones are for pods that look for each other.
        if each.get("kind") != "Service" or spec.get("clusterIP") == "None":
            continue
        for port in spec.get("ports") or []:
            if port.get("protocol", "TCP") == "TCP" and isinstance(port.get("port"), int | float):
                yield _Port(str(metadata_of(each).get("name")), int(port["port"]), str(port.get("name") or ""))


def _routes(manifest: Mapping[str, Any], host: str) -> bool:
    spec = manifest.get("spec") or {}
    if manifest.get("kind") == "VirtualService":
        # One for other hosts is refused.
        return True
    return manifest.get("kind") == "HTTPRoute" and host in (spec.get("hostnames") or [])


def _refused(stack: str, field: str, service: str | None, rule: str, fix: str) -> SettingsError:
    value = "(none)" if service is None else shown(service)
    return SettingsError(stack, [Problem(field=field, value=value, rule=rule, fix=fix)])
