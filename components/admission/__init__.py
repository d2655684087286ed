"""ValidatingAdmissionPolicies: what the API server checks in every request of an app's deployer."""
