"""What this project itself is made of: its known vulnerabilities, leaked secrets, the contents of the jobs' image."""
