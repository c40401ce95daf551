"""Are rewards fit to train on? They pay many kinds of right, wrong and dishonest answers on rows of the user's corpus."""
