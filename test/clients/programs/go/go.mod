module leasehold.test/clients

go 1.24
