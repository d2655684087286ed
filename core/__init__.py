"""What the Pulumi program and `branchenv` both rest on; it knows neither, and uses the standard library alone."""
