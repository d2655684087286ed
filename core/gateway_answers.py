"""How the gateway marks what it answers itself, by which programs tell it from an app's answer."""

STATE_HEADER = "x-branch-environment"
ASLEEP = "asleep"
"""The page of an environment that sleeps."""
NO_ENVIRONMENT = "none"
"""The page of a host that no branch has."""
