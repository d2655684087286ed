module branch-environments/examples/shop

go 1.26
