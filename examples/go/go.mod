module flymq.io/examples/go

go 1.22
