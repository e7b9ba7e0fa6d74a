"""One resident message or staff command, from the platform to the commit."""
