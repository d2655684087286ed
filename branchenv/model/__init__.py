"""Plain data and errors that all of `branchenv` uses."""
