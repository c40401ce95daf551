"""A user's own books -> diagnostic rules, each verified against the sentence that it quotes."""
