# The tasks of ./dev as make targets. Arguments: make bench ARGS="--quick g01".

.PHONY: test lint demo bench campaign

test lint demo bench:
	./dev $@ $(ARGS)

# make campaign SEEDS=1000: continues after the last seed of the run before.
SEEDS = 1000
campaign:
	./dev campaign --seeds $(SEEDS) $(ARGS)
