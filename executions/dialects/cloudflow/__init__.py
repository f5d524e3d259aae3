"""CloudFlow's interface (product fnf, version 2019-03-15) at the site root: spec cloud-dialects 1, seed 002."""
