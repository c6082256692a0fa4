"""Templates: env.sh, launchers, batch scripts, units; rendered with jinja2."""
