"""Why a published chart cannot be used."""

from stacks.settings.chart_source import PublishedChart
from stacks.settings.errors import Problem, shown


class ChartError(Exception):
    """Why it cannot be used, by the key of the environment file that the reason is about."""

    def __init__(self, key: str, rule: str, fix: str) -> None:
        super().__init__(rule)
        self.key = key
        self.rule = rule
        self.fix = fix

    def problem(self, chart: PublishedChart) -> Problem:
        """Return the mistake as a person reads it.

        Args:
            chart: that was asked for.
        """
        return Problem(field=f"chart.{self.key}", value=shown(getattr(chart, self.key)), rule=self.rule, fix=self.fix)


def damaged(what: str, fix: str) -> ChartError:
    """Say that what came is no chart.

    Args:
        what: is wrong with it.
        fix: what helps.
    """
    return ChartError("name", f"what came is no chart as `helm package` makes one: {what}", fix)
