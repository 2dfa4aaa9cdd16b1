"""The parts of one account: inbox, runner, reads, start state, supervision."""
