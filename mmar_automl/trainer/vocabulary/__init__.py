"""The words of Clara Train 3.x, and how a config that is written in them is said in 4.1's.

`entry` is what the catalog is made of: an old name, and a small function from its arguments to the
component of today, whose docstring says where the two differ. `transforms`, `training`, `networks`
and `data` are the entries; `known` has the names that stay out, with what stands in their way.
`facts` reads what one section has to know of another, `config` puts a whole config together, and
`searches` carries the search sections over. All of it is JSON to JSON, without torch.
"""
