"""nmigrate: the migration desk of an OpenStack cloud."""
