"""What is in a corpus, as a page to look at (`page`) and as a dataset card (`card`), from the same numbers (`facts`)."""
