"""The labs: pages that turn amtlib's parameters into sliders and its results into live pictures."""
