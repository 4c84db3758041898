"""A loopback server for Modal's interface: the real client, command and container entry point run against it."""
