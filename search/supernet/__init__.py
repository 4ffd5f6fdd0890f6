"""A weight-sharing supernet: trained once, every architecture of a space is a part of it.

After Lin et al. (2023, arXiv 2303.10351) and the once-for-all networks that it builds on: Cai et al. (2020), and the
sandwich rule with in-place distillation of Yu et al. (2020) and Wang et al. (2021). What a block is made of stands in
`search.networks` alone: a new kind of block needs no second definition here.
"""
