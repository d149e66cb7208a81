module example.org/key-gate

go 1.24
