"""What an environment is deployed from: its config, the files that this names, the images."""
