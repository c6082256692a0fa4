"""What an operator looks at: ``snapshot`` reads, ``draw`` draws, ``top`` keeps the two going on a terminal."""
