"""Charts: their specification, and the child process that draws them."""
