"""CCTools' Work Queue as a backend of the engine: binding, build, C sources."""
