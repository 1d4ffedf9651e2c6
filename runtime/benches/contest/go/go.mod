module contest

go 1.19
