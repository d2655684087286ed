"""What CI and people need around `pulumi up` and `pulumi destroy`: nothing here makes a resource."""
