"""What the branches of one app share: namespace, identities, quota, network, Argo CD's Application."""
