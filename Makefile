# The tasks of ./dev as make targets. Arguments: make bench ARGS="--quick g01".

.PHONY: test lint demo bench bench-compare campaign

test lint demo bench:
	./dev $@ $(ARGS)

# make bench-compare BASE=main ARGS="--quick g13": this checkout and a commit, measured in turns.
bench-compare:
	./dev bench compare $(BASE) $(ARGS)

# make campaign SEEDS=1000: continues after the last seed of the run before.
SEEDS = 1000
campaign:
	./dev campaign --seeds $(SEEDS) $(ARGS)
