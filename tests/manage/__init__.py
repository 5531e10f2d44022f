"""Virtual machines under the service."""
