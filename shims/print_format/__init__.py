"""HTCondor's print-format files (-print-format): parser, renderers, tables, the built-in ones."""
