"""How a job gets into the cluster: its cloud credentials -> who it is there -> a token of the app's deployer."""
